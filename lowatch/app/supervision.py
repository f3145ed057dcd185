"""Reports to the service manager that the daemon is ready, its status, and that it makes progress."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Protocol

from lowatch.core.clock import Clock
from lowatch.core.liveness import Beating, Liveness, LivenessMonitor

from .limits_log import LimitsLog

_log = logging.getLogger(__name__)

LOOK_EVERY = 5.0
"""Seconds, at most, between looks at the heartbeats: several within the tightest limit."""
_APART = 0.25
"""Seconds, at least, between two looks, however often the daemon changes."""
_START_GOES_ON = 60
"""Seconds that a start may take from now on, as long as the parts make progress: many names take long."""


class Supervised(Protocol):
    """The daemon, as its supervision sees it."""

    @property
    def ready(self) -> bool: ...

    async def change(self) -> None:
        """Return as soon as `ready` or the status line may be different from what they were at the call."""


class StatusLine(Protocol):
    def line(self) -> str:
        """The daemon's status, in one line."""


class Notifier(Protocol):
    """Sends notifications to the service manager, and never waits for it."""

    @property
    def wanted(self) -> bool:
        """Whether there is a service manager that wants notifications."""

    def notify(self, **assignments: str) -> None:
        """sd_notify(3). STATUS=... is one line."""


class Supervision:
    """watchdog: seconds within which the manager wants a keep-alive ping; None if it wants none."""

    def __init__(
        self,
        notifier: Notifier,
        watchdog: float | None,
        daemon: Supervised,
        parts: Sequence[Beating],
        monitor: LivenessMonitor,
        status: StatusLine,
        clock: Clock,
    ) -> None:
        self._notifier = notifier
        self._every = min(LOOK_EVERY, (watchdog or LOOK_EVERY * 3) / 3)
        self._daemon = daemon
        self._parts = parts
        self._monitor = monitor
        self._status = status
        self._clock = clock
        self._limits = LimitsLog()
        self._ready = False
        self._status_sent = ""
        self._stuck: set[str] = set()

    async def run(self) -> None:
        """Notify until cancelled; then report that the daemon is stopping."""
        try:
            while True:
                looked = self._now()
                self._look(looked)
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._every):
                        await self._daemon.change()
                        await asyncio.sleep(looked + _APART - self._now())
        finally:
            self._notifier.notify(STOPPING="1", STATUS="stopping")

    def _look(self, now: float) -> None:
        self._limits.look(now)
        heartbeats = [one for part in self._parts for one in part.heartbeats()]
        stuck = [one for one in self._monitor.look(heartbeats, now) if one.stuck]
        self._log_stuck(stuck)
        if not self._notifier.wanted:
            return
        if stuck:
            # The manager sends SIGABRT at once, and faulthandler writes each thread's stack to the journal.
            self._status_sent = ""
            assignments = {"WATCHDOG": "trigger", "STATUS": "; ".join(map(str, stuck))}
        else:
            assignments = {"WATCHDOG": "1"} | self._changes()
        self._notifier.notify(**assignments)

    def _changes(self) -> dict[str, str]:
        """The assignments that the manager has not received yet."""
        assignments = {}
        if not self._ready and self._daemon.ready:
            self._ready = True
            assignments["READY"] = "1"
        elif not self._ready:
            assignments["EXTEND_TIMEOUT_USEC"] = str(_START_GOES_ON * 1_000_000)
        line = self._status.line()
        if line != self._status_sent:
            self._status_sent = assignments["STATUS"] = line
        return assignments

    def _log_stuck(self, stuck: Iterable[Liveness]) -> None:
        """Log each stuck part once while it is stuck: without a service manager nothing ends the daemon."""
        for one in stuck:
            if one.part not in self._stuck:
                _log.critical("%s", one)
        self._stuck = {one.part for one in stuck}

    def _now(self) -> float:
        return self._clock.now().monotonic
