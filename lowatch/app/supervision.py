"""What the service manager hears of the daemon: that it is ready, how it stands, and that it lives."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Protocol

from lowatch.core.liveness import Sign, Vital, Vitals

from .limits_log import LimitsLog

_log = logging.getLogger(__name__)

LOOK_EVERY = 5.0
"""Seconds, at most, between looks at the vitals: several within the tightest limit."""
_APART = 0.25
"""Seconds, at least, between two of them, whatever news there is."""
_START_GOES_ON = 60
"""Seconds that a start may take from now on, as long as the parts live: many names take their time."""


class Watched(Protocol):
    """The daemon, as its supervision sees it."""

    news: asyncio.Event

    @property
    def ready(self) -> bool: ...


class Notifier(Protocol):
    """The service manager, told without ever waiting for it."""

    @property
    def wanted(self) -> bool:
        """Whether there is one that wants to know anything."""

    def tell(self, **assignments: str) -> None:
        """sd_notify(3). STATUS=... is one line."""


class Supervision:
    """watchdog: seconds within which the manager wants a sign; None where it does not.

    signs: of all parts. status: one line. now: monotonic seconds.
    """

    def __init__(
        self,
        notifier: Notifier,
        watchdog: float | None,
        daemon: Watched,
        signs: Callable[[], Iterable[Sign]],
        status: Callable[[], str],
        now: Callable[[], float],
    ) -> None:
        self._notifier = notifier
        self._every = min(LOOK_EVERY, (watchdog or LOOK_EVERY * 3) / 3)
        self._daemon = daemon
        self._signs = signs
        self._status = status
        self._now = now
        self._vitals = Vitals()
        self._limits = LimitsLog()
        self._ready = False
        self._told = ""
        self._stuck: set[str] = set()

    @property
    def vitals(self) -> tuple[Vital, ...]:
        """As of the last look."""
        return self._vitals.latest

    async def run(self) -> None:
        """Until cancelled; then the manager knows that it is stopping."""
        news = self._daemon.news
        try:
            while True:
                news.clear()
                self._look()
                looked = self._now()
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._every):
                        await news.wait()
                        await asyncio.sleep(looked + _APART - self._now())
        finally:
            self._notifier.tell(STOPPING="1", STATUS="stopping")

    def _look(self) -> None:
        self._limits.look(self._now())
        stuck = [vital for vital in self._vitals.look(self._signs(), self._now()) if vital.stuck]
        self._log_stuck(stuck)
        if not self._notifier.wanted:
            return
        if stuck:
            # SIGABRT at once: then the journal has where each thread was (faulthandler).
            self._told = ""
            tell = {"WATCHDOG": "trigger", "STATUS": "; ".join(map(str, stuck))}
        else:
            tell = {"WATCHDOG": "1"} | self._news()
        self._notifier.tell(**tell)

    def _news(self) -> dict[str, str]:
        tell = {}
        if not self._ready and self._daemon.ready:
            self._ready = True
            tell["READY"] = "1"
        elif not self._ready:
            tell["EXTEND_TIMEOUT_USEC"] = str(_START_GOES_ON * 1_000_000)
        status = self._status()
        if status != self._told:
            self._told = tell["STATUS"] = status
        return tell

    def _log_stuck(self, stuck: list[Vital]) -> None:
        """Each once, for as long as it lasts: without a service manager nobody ends it."""
        for vital in stuck:
            if vital.part not in self._stuck:
                _log.critical("%s", vital)
        self._stuck = {vital.part for vital in stuck}
