"""Decides when to look: at once after a change, and less often while changes continue. Pure."""

from __future__ import annotations

from enum import Enum
from math import inf

_FAST = 0.03
_FAST_FOR = 2.0
_POLL_SHARE = 0.01
_AUDIT_SHARE, _UNFINISHED_SHARE = 0.2, 0.5
_LONGEST_REST = 0.25
_NAMES_SHARE, _NAMES_WITHIN = 1 / 21, 0.2


class Heard(Enum):
    """What is reported of listeners that appear, and the seconds between polls in the long run."""

    NOTHING = 0.2
    STARTS = 1.0
    """Units that start. One that runs may listen anew as well."""
    ALL = inf
    """Each, just before it is there."""


class PollPace:
    """When to poll for missing listeners, because no netlink event reports a listener that appears.

    Every 30 ms for 2 s after a change (a service that restarts comes back) or a report, then rarely; never
    more than 1 % of a core, however many are missing. All times are monotonic seconds.
    """

    def __init__(self) -> None:
        self._changed_at = float("-inf")
        self._polled_at = float("-inf")
        self._is_reported = False
        self._cost = 0.0
        self._cost_before = 0.0

    def changed(self, now: float) -> None:
        """A listener went missing, or appeared."""
        self._changed_at = now

    def reported(self, now: float) -> None:
        """A listener is said to appear: the next poll waits for nothing but its share of the time."""
        self._changed_at = now
        self._is_reported = True

    def polled(self, started: float, ended: float) -> None:
        """The cheaper of the last two polls counts: the other may have waited for a processor."""
        self._is_reported = False
        self._polled_at = ended
        self._cost, self._cost_before = min(ended - started, self._cost_before), ended - started

    def due_if(self, heard: Heard) -> float:
        """When the next poll is due. heard: what is reported of the listeners that it could find."""
        fast = self._polled_at < self._changed_at + _FAST_FOR
        if heard is Heard.ALL and not fast:
            return inf
        rest = 0.0 if self._is_reported else _FAST if fast else heard.value
        return self._polled_at + max(rest, self._cost / _POLL_SHARE)


class AuditPace:
    """When the next audit may begin, so that the events of a storm are audited together.

    An audit is followed by a rest of four times its duration, at most a quarter of a second. The rest is
    counted from the audit before the last one, so two audits may follow each other at once, and a sweep
    does not delay an event.
    """

    def __init__(self) -> None:
        self.due = float("-inf")
        self._due_after_next = float("-inf")

    def audited(self, started: float, ended: float, *, is_over: bool = True) -> None:
        """is_over: whether the audit covered everything marked; if not, audits take half of the time."""
        share = _AUDIT_SHARE if is_over else _UNFINISHED_SHARE
        rest = min(_LONGEST_REST, (ended - started) * (1 / share - 1))
        self.due, self._due_after_next = self._due_after_next, ended + rest


class NamesPace:
    """When other names may be put into force again: each time costs an audit as well (see AuditPace).

    A change is followed by a rest of 20 times its duration, and there are two in a fifth of a second, at
    most. These may follow each other at once: a name is looked up, and its clients are refused, which shows
    its port.
    """

    def __init__(self) -> None:
        self._before = float("-inf")

    def rest(self, started: float, ended: float) -> float:
        """Seconds to wait after a change."""
        before, self._before = self._before, ended
        return max(before + _NAMES_WITHIN - ended, (ended - started) * (1 / _NAMES_SHARE - 1))
