"""Decides when to look: at once after a change, and less often while changes continue. Pure."""

from __future__ import annotations

_FAST, _STEADY = 0.03, 0.2
_FAST_FOR = 2.0
_POLL_SHARE = 0.01
_AUDIT_SHARE, _UNFINISHED_SHARE = 0.2, 0.5
_LONGEST_REST = 0.25


class PollPace:
    """When to poll for missing listeners, because no event reports a listener that appears.

    Every 30 ms for 2 s after a change (a service that restarts comes back), then every 200 ms; but never
    more than 1 % of a core, however many are missing. All times are monotonic seconds.
    """

    def __init__(self) -> None:
        self._changed_at = float("-inf")
        self._polled_at = float("-inf")
        self._cost = 0.0
        self._cost_before = 0.0

    def changed(self, now: float) -> None:
        """A listener went missing, or appeared."""
        self._changed_at = now

    def polled(self, started: float, ended: float) -> None:
        """The cheaper of the last two polls counts: the other may have waited for a processor."""
        self._polled_at = ended
        self._cost, self._cost_before = min(ended - started, self._cost_before), ended - started

    @property
    def due(self) -> float:
        fast = self._polled_at < self._changed_at + _FAST_FOR
        return self._polled_at + max(_FAST if fast else _STEADY, self._cost / _POLL_SHARE)


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
