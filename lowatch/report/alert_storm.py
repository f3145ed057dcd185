"""What of a storm of alerts is written as entries of their own, and what is folded into summaries.

journald drops what a unit writes beyond RateLimitBurst messages in RateLimitIntervalSec, counted for
each class of priorities by itself (journald.conf(5); journald-rate-limit.c: emerg to crit, err, warning,
notice and info, debug). The default is 10,000 in 30 s; it was 1,000 up to v235, many hosts have kept
that, and our own log lines count as well. So in any 30 s

- the first 200 alerts of each class are entries of their own: one class never uses up another's;
- the rest waits, half a second at first and then five, and goes out as summaries, one for each kind and
  state, of up to 250 findings each, which name every one of them. A hundred thousand orphans are thus
  600 entries.

Nothing here looks at a clock: `now` is monotonic seconds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from lowatch.core.findings import Kind, Subject
from lowatch.core.lifecycle import Now, State, Tracked

from .alert import priority

WINDOW = 30.0
BURST = 200
FOLDED_AT_ONCE = 250
"""In one summary: 2 ms of the loop's time, and some 40 KiB, which a datagram to journald holds."""
MOST_FOLDED = 200_000
"""That wait: all findings of a host with 100,000 names, and all of them resolved. Some 20 MiB."""
_GATHER = 0.5
_EVERY = 5.0

_CLASSES = (0, 0, 0, 1, 2, 3, 3, 4)  # of each priority: journald's priority_map


class Announced(NamedTuple):
    """A finding as it was when it was announced, and when that was."""

    tracked: Tracked
    now: Now


_Group = tuple[Kind, State]


class Storm:
    def __init__(self, burst: int = BURST) -> None:
        self._burst = burst
        self._admitted: dict[int, deque[float]] = {}  # when, by class; the last `burst` of each
        self._folded: dict[_Group, deque[Announced]] = {}
        self._subjects: set[Subject] = set()  # at least those of what is folded
        self._waiting = 0
        self._due: float | None = None
        self._emitted = float("-inf")

    def admits(self, tracked: Tracked, now: float) -> bool:
        """Whether this is an entry of its own, which then counts. If not, fold() it.

        What resolves a finding that waits to be summarised waits behind it.
        """
        if tracked.finding.subject in self._subjects:
            return False
        admitted = self._admitted.setdefault(_CLASSES[priority(tracked)], deque(maxlen=self._burst))
        if len(admitted) == self._burst and now < admitted[0] + WINDOW:
            return False
        admitted.append(now)
        return True

    def fold(self, announced: Announced, now: float) -> int:
        """Keep it for a summary. How many were given up for it: the oldest of the least severity."""
        group = _group(announced.tracked)
        waiting = self._folded.setdefault(group, deque())
        waiting.append(announced)
        self._subjects.add(announced.tracked.finding.subject)
        self._waiting += 1
        if len(waiting) >= FOLDED_AT_ONCE:
            self._due = now
        elif self._due is None:
            self._due = max(now + _GATHER, self._emitted + _EVERY)
        if self._waiting <= MOST_FOLDED:
            return 0
        self._pop(max(self._folded, key=_order))
        return 1

    @property
    def waiting(self) -> int:
        """Findings that no summary has been made of yet."""
        return self._waiting

    def waiting_findings(self) -> list[Tracked]:
        """Those. Another thread may ask: each list() is one step, and none is missed that stays."""
        return [one.tracked for group in list(self._folded.values()) for one in list(group)]

    @property
    def due(self) -> float | None:
        """Monotonic seconds at which take() gives something. None: nothing waits."""
        return self._due

    def take(self, now: float) -> Sequence[Announced]:
        """The findings of one summary, of one kind and state, in order; the worst of all first.

        Empty where none is due. Call it until it is.
        """
        if self._due is None or now < self._due:
            return ()
        group = min(self._folded, key=_order)
        taken = [self._pop(group) for _ in range(min(FOLDED_AT_ONCE, len(self._folded[group])))]
        if not self._folded:
            self._subjects.clear()
            self._due, self._emitted = None, now
        return taken

    def hurry(self, now: float) -> None:
        """Nothing more comes: what waits is due."""
        if self._due is not None:
            self._due = now

    def _pop(self, group: _Group) -> Announced:
        waiting = self._folded[group]
        announced = waiting.popleft()
        self._waiting -= 1
        if not waiting:
            del self._folded[group]
        return announced


def _group(tracked: Tracked) -> _Group:
    return tracked.finding.subject.kind, tracked.state


def _order(group: _Group) -> tuple[bool, int]:
    """What fires before what is resolved, and the worst first."""
    kind, state = group
    return state is State.RESOLVED, -kind.severity.rank
