"""Announces the findings that wait in the tracker, and saves the state when more have been delivered."""

from __future__ import annotations

import asyncio

from lowatch.core.clock import Clock
from lowatch.core.lifecycle import FindingState

from .finding_tracker import FindingTracker
from .ports import AlertSink
from .state_saver import SavedState, StateSaver
from .victims import Victims

_AT_ONCE = 32
"""Findings announced in one turn. Everything else that is due comes before the next turn."""
_DELIVERED_BY = 5.0
"""Seconds between checks whether waiting alerts have reached the journal and can be saved as delivered."""


class Announcer:
    """Hands announcements to the AlertSink, taking domains in turn. It is the StateSource of its saver."""

    def __init__(
        self,
        tracker: FindingTracker,
        alerts: AlertSink,
        saver: StateSaver,
        clock: Clock,
        victims: Victims,
    ) -> None:
        self._tracker = tracker
        self._victims = victims
        self._alerts = alerts
        self._saver = saver
        self._clock = clock

    async def run(self) -> None:
        """Keep the state saved, until cancelled."""
        await self._saver.run(self)

    async def announce(self) -> None:
        """Announce some of the waiting findings, and let the loop run."""
        for one in self._tracker.take_unannounced(_AT_ONCE):
            self._alerts.announce(self._victims.of(one), self._clock.now())
            if one.state is FindingState.RESOLVED:
                self._victims.ended([one.finding], self._tracker.tracked.values())
        await asyncio.sleep(0)
        # Only after the last announcement: in a storm, listing the undelivered findings takes long.
        if (
            self._saver.saved_undelivered
            and not self._tracker.has_unannounced
            and not self._alerts.undelivered()
        ):
            self._saver.save_soon()

    def save_soon(self) -> None:
        self._saver.save_soon()

    def due(self, turned: float) -> float | None:
        """When to call announce() to see what was delivered, if nothing waits. turned: the last turn.

        Both are monotonic seconds.
        """
        waits = self._saver.saved_undelivered or self._alerts.undelivered()
        return turned + _DELIVERED_BY if waits else None

    def finish(self) -> None:
        """At the end: deliver what can be delivered at once, and save. Blocks for some seconds at most."""
        self._alerts.flush()
        self._saver.save_at_last(self.state())

    def state(self) -> SavedState:
        """The state as of now. What waits in the sink is older than what waits in the tracker."""
        waiting = (*self._alerts.undelivered(), *self._tracker.unannounced())
        return SavedState(self._tracker.tracked, waiting)
