"""What of a storm of alerts is written as entries of their own, and what is folded into summaries.

journald drops what a unit writes beyond RateLimitBurst messages in RateLimitIntervalSec, counted for
each class of priorities by itself (journald.conf(5); journald-rate-limit.c: emerg to crit, err, warning,
notice and info, debug). The default is 10,000 in 30 s; it was 1,000 up to v235, many hosts have kept
that, and our own log lines count as well. So in any 30 s

- the first 200 alerts of each class are entries of their own: one class never uses up another's; but of
  one name only the first 32: whoever owns a name chooses how many addresses it has;
- the rest waits, half a second at first and then five, and goes out as summaries, one for each kind and
  state, of up to 250 findings each, which name every one of them. A hundred thousand orphans are thus
  600 entries.

Nothing here looks at a clock: `now` is monotonic seconds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from lowatch.core.clock import (
    Now,
)
from lowatch.core.findings import FindingKind, Subject
from lowatch.core.lifecycle import (
    State,
    Tracked,
)
from lowatch.core.limits import JOURNAL_BURST, JOURNAL_BURST_OF_NAME, JOURNAL_FOLDED

from .entry import priority

WINDOW = 30.0
BURST = JOURNAL_BURST.value
FOLDED_AT_ONCE = 250
"""In one summary: 2 ms of the loop's time, and some 40 KiB, which a datagram to journald holds."""
_GATHER = 0.5
_EVERY = 5.0

_CLASSES = (0, 0, 0, 1, 2, 3, 3, 4)  # of each priority: journald's priority_map
_NAMES_KEPT = 2 * 5 * BURST
"""More than can have had an entry in the last 30 s."""


class Announcement(NamedTuple):
    """A finding as it was when it was announced, and when that was."""

    tracked: Tracked
    now: Now


class _Group(NamedTuple):
    """What one summary may stand for. turn: how often they ended and fired again while they waited."""

    turn: int
    kind: FindingKind
    state: State


class _Waiting(NamedTuple):
    """Of one subject: the group of its last finding that waits, and how many wait."""

    last: _Group
    number: int


class Storm:
    def __init__(self, burst: int = BURST) -> None:
        self._burst = burst
        self._admitted: dict[int, deque[float]] = {}  # when, by class; the last `burst` of each
        self._of_name: dict[str, deque[float]] = {}  # when, by domain; the last few of each
        self._folded: dict[_Group, deque[Announcement]] = {}
        self._subjects: dict[Subject, _Waiting] = {}
        self._waiting = 0
        self._due: float | None = None
        self._emitted = float("-inf")

    def admits(self, tracked: Tracked, now: float) -> bool:
        """Whether this is an entry of its own, which then counts. If not, fold() it.

        What resolves a finding that waits to be summarised waits behind it.
        """
        if self.waits(tracked.finding.subject):
            return False
        admitted = self._admitted.setdefault(_CLASSES[priority(tracked)], deque(maxlen=self._burst))
        if _is_full(admitted, now):
            JOURNAL_BURST.reached()
            return False
        if (domain := tracked.finding.subject.domain) is not None:
            of_name = self._of_name.setdefault(domain, deque(maxlen=JOURNAL_BURST_OF_NAME.value))
            if _is_full(of_name, now):
                JOURNAL_BURST_OF_NAME.reached()
                return False
            of_name.append(now)
            self._forget_names(now)
        admitted.append(now)
        return True

    def _forget_names(self, now: float) -> None:
        """Of which nothing was written for a while; looked for where there are many."""
        if len(self._of_name) > _NAMES_KEPT:
            recent = {name: times for name, times in self._of_name.items() if now < times[-1] + WINDOW}
            self._of_name = recent

    def fold(self, announced: Announcement, now: float) -> int:
        """Keep it for a summary. How many were given up for it: the oldest of the least severity."""
        waiting = self._folded.setdefault(self._count(announced.tracked), deque())
        waiting.append(announced)
        self._waiting += 1
        if len(waiting) >= FOLDED_AT_ONCE:
            self._due = now
        elif self._due is None:
            self._due = max(now + _GATHER, self._emitted + _EVERY)
        if self._waiting <= JOURNAL_FOLDED.value:
            return 0
        JOURNAL_FOLDED.reached()
        self._pop(max(self._folded, key=_dispensable))
        return 1

    def waits(self, subject: Subject) -> bool:
        """Whether some finding of it waits to be summarised."""
        return subject in self._subjects

    @property
    def waiting(self) -> int:
        """Findings that no summary has been made of yet."""
        return self._waiting

    def waiting_findings(self) -> list[Tracked]:
        """Those; of each subject in order."""
        groups = sorted(self._folded.items(), key=lambda item: _order(item[0]))
        return [one.tracked for _, waiting in groups for one in waiting]

    @property
    def due(self) -> float | None:
        """Monotonic seconds at which take() gives something. None: nothing waits."""
        return self._due

    def take(self, now: float) -> Sequence[Announcement]:
        """The findings of one summary, of one kind and state, in order; the worst of all first.

        Empty where none is due. Call it until it is.
        """
        if self._due is None or now < self._due:
            return ()
        group = min(self._folded, key=_order)
        taken = [self._pop(group) for _ in range(min(FOLDED_AT_ONCE, len(self._folded[group])))]
        if not self._folded:
            self._due, self._emitted = None, now
        return taken

    def flush(self, now: float) -> None:
        """Nothing more comes: what waits is due."""
        if self._due is not None:
            self._due = now

    def _count(self, tracked: Tracked) -> _Group:
        """One more of its subject waits, in this group: behind the others of that subject."""
        subject, state = tracked.finding.subject, tracked.state
        turn, number = 0, 0
        if before := self._subjects.get(subject):
            again = before.last.state is State.RESOLVED and state is not State.RESOLVED
            turn, number = before.last.turn + again, before.number
        group = _Group(turn, subject.kind, state)
        self._subjects[subject] = _Waiting(group, number + 1)
        return group

    def _pop(self, group: _Group) -> Announcement:
        waiting = self._folded[group]
        announced = waiting.popleft()
        self._waiting -= 1
        if not waiting:
            del self._folded[group]
        subject = announced.tracked.finding.subject
        last, number = self._subjects.pop(subject)
        if number > 1:
            self._subjects[subject] = _Waiting(last, number - 1)
        return announced


def _is_full(admitted: deque[float], now: float) -> bool:
    return len(admitted) == admitted.maxlen and now < admitted[0] + WINDOW


def _order(group: _Group) -> tuple[int, bool, int]:
    """In each turn what fires before what is resolved, and the worst first."""
    return group.turn, group.state is State.RESOLVED, -group.kind.severity.rank


def _dispensable(group: _Group) -> tuple[bool, int, int]:
    """The greatest is given up first: what is resolved, the least severe, the oldest."""
    return group.state is State.RESOLVED, -group.kind.severity.rank, -group.turn
