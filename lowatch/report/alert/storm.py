"""Decides which alerts of a storm get journal entries of their own, and folds the others into summaries.

journald drops a unit's messages beyond RateLimitBurst in RateLimitIntervalSec, counted per class of
priorities (journald.conf(5); journald-rate-limit.c: emerg to crit, err, warning, notice and info, debug).
The default is 10,000 in 30 s. It was 1,000 up to v235, many hosts have kept that, and lowatch's log lines
count too. So in any 30 s

- the first 200 alerts of each class are entries of their own, but only the first 32 of one name, because
the
  owner of a name chooses how many addresses it has;
- the others wait, at first half a second and then five, and are sent as summaries. A summary has up to 250
  findings of one kind and state, and names each. A hundred thousand orphans are 600 entries.

`now` is monotonic seconds everywhere.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from lowatch.core.findings import FindingKind, Severity, Subject
from lowatch.core.lifecycle import (
    FindingState,
    Tracked,
)
from lowatch.core.limits.alerts import JOURNAL_BURST, JOURNAL_BURST_OF_NAME, JOURNAL_FOLDED

from .entry import (
    Announcement,
    priority,
)

WINDOW = 30.0
BURST = JOURNAL_BURST.value
FOLDED_AT_ONCE = 250
"""Findings in one summary: 2 ms of the loop's time, and some 40 KiB, which fit a datagram to journald."""
_FIRST_DELAY = 0.5
"""Seconds from the first folded alert of a storm to its first summary."""
_INTERVAL = 5.0
"""Seconds between the summaries of a storm."""

_CLASSES = (0, 0, 0, 1, 2, 3, 3, 4)  # the class of each priority (journald's priority_map)
_NAMES_KEPT = 2 * 5 * BURST
"""Names whose entries are counted: more than can have had an entry in the last 30 s."""


class _Group(NamedTuple):
    """The alerts that may share a summary. turn: how often a finding has fired again while it waited."""

    turn: int
    kind: FindingKind
    severity: Severity
    state: FindingState


class _Waiting(NamedTuple):
    """The waiting alerts of one subject: the group of the last one, and their number."""

    last: _Group
    number: int


class Storm:
    """Admits alerts as entries of their own up to the limits, and folds the others."""

    def __init__(self, burst: int = BURST) -> None:
        self._burst = burst
        self._admitted: dict[int, deque[float]] = {}  # times of the last `burst` entries, by class
        self._of_name: dict[str, deque[float]] = {}  # times of the last few entries, by domain
        self._folded: dict[_Group, deque[Announcement]] = {}
        self._subjects: dict[Subject, _Waiting] = {}
        self._waiting = 0
        self._due: float | None = None
        self._emitted = float("-inf")

    def admits(self, tracked: Tracked, now: float) -> bool:
        """Whether an alert gets an entry of its own, which is counted. If not, call fold().

        An alert about a subject that waits for a summary has to wait behind it.
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

    @property
    def names_kept(self) -> int:
        """How many names are kept with the times of their entries."""
        return len(self._of_name)

    def _forget_names(self, now: float) -> None:
        """Forget names without a recent entry, if there are many names."""
        if len(self._of_name) > _NAMES_KEPT:
            recent = {name: times for name, times in self._of_name.items() if now < times[-1] + WINDOW}
            self._of_name = recent

    def fold(self, announced: Announcement, now: float) -> int:
        """Keep an alert for a summary.

        Returns how many alerts had to be dropped: the least severe, oldest.
        """
        waiting = self._folded.setdefault(self._count(announced.tracked), deque())
        waiting.append(announced)
        self._waiting += 1
        if len(waiting) >= FOLDED_AT_ONCE:
            self._due = now
        elif self._due is None:
            self._due = max(now + _FIRST_DELAY, self._emitted + _INTERVAL)
        if self._waiting <= JOURNAL_FOLDED.value:
            return 0
        JOURNAL_FOLDED.reached()
        self._pop(max(self._folded, key=_dispensable))
        return 1

    def waits(self, subject: Subject) -> bool:
        """Whether an alert about the subject waits for a summary."""
        return subject in self._subjects

    @property
    def waiting(self) -> int:
        """The number of alerts that wait for a summary."""
        return self._waiting

    def waiting_findings(self) -> list[Tracked]:
        """The findings that wait for a summary; the alerts of one subject are in order."""
        groups = sorted(self._folded.items(), key=lambda item: _order(item[0]))
        return [announcement.tracked for _, waiting in groups for announcement in waiting]

    @property
    def due(self) -> float | None:
        """The monotonic seconds from which take() returns something; None if nothing waits."""
        return self._due

    def take(self, now: float) -> Sequence[Announcement]:
        """The alerts of the next summary, all of one kind and state, in order. The worst group comes first.

        Empty if no summary is due. Call it repeatedly until then.
        """
        if self._due is None or now < self._due:
            return ()
        group = min(self._folded, key=_order)
        taken = [self._pop(group) for _ in range(min(FOLDED_AT_ONCE, len(self._folded[group])))]
        if not self._folded:
            self._due, self._emitted = None, now
        return taken

    def flush(self, now: float) -> None:
        """Make all summaries due now."""
        if self._due is not None:
            self._due = now

    def _count(self, tracked: Tracked) -> _Group:
        """Count another waiting alert of its subject.

        Returns its group, which is behind the earlier ones.
        """
        subject, state = tracked.finding.subject, tracked.state
        turn, number = 0, 0
        if before := self._subjects.get(subject):
            again = before.last.state is FindingState.RESOLVED and state is not FindingState.RESOLVED
            turn, number = before.last.turn + again, before.number
        group = _Group(turn, subject.kind, tracked.finding.severity, state)
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
    """A sort key: by turn, then firing before resolved, then the worst first."""
    return group.turn, group.state is FindingState.RESOLVED, -group.severity.rank


def _dispensable(group: _Group) -> tuple[bool, int, int]:
    """A sort key whose greatest value is dropped first: resolved, the least severe, the oldest."""
    return group.state is FindingState.RESOLVED, -group.severity.rank, -group.turn
