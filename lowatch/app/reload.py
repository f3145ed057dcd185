"""A configuration taken over whole, or refused, and the old one goes on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from time import monotonic, time

from lowatch.config.errors import ConfigErrors
from lowatch.config.settings import Config
from lowatch.files.threads import NoThreadError, in_thread
from lowatch.report.metrics.instruments import Instruments
from lowatch.report.phrases import count
from lowatch.report.reload import (
    LastReload,
    ReloadOutcome,
)

from .names_follower import lost_files
from .pending_restart import Pending

_log = logging.getLogger("lowatch")


class Reload:
    """load: reads the configuration again. current, take: the one in force. One reload at a time.

    left: what a restart has to put into force, as things are now.
    """

    def __init__(
        self,
        load: Callable[[], Config],
        current: Callable[[], Config],
        take: Callable[[Config], None],
        left: Callable[[], tuple[Pending, ...]],
        instruments: Instruments,
    ) -> None:
        self._load = load
        self._current = current
        self._take = take
        self._left = left
        self._instruments = instruments
        self._requested = asyncio.Event()
        self._following: asyncio.Future[ReloadOutcome] | None = None
        """What the next one comes to, which has not begun; None while nobody wants it."""
        self.last: LastReload | None = None

    def request(self) -> asyncio.Future[ReloadOutcome]:
        """Reload soon.

        All that want one share the next. The one under way may have read what has changed since.
        """
        if self._following is None:
            self._following = asyncio.get_running_loop().create_future()
            self._requested.set()
        return self._following

    async def now(self) -> ReloadOutcome:
        """As request(), and wait for it. Whoever waits no longer takes nobody along."""
        return await asyncio.shield(self.request())

    async def run(self) -> None:
        """Do what is requested, until cancelled."""
        while True:
            await self._requested.wait()
            self._requested.clear()
            outcome, self._following = self._following, None
            assert outcome is not None
            error = await self._attempt()
            self.last = LastReload(time(), error, monotonic())
            if error:
                self._instruments.config_refused()
            else:
                self._instruments.config_loaded(self.last.at)
            left = self._left()
            self._instruments.reload_pending = [one.key for one in left]
            outcome.set_result(ReloadOutcome(error, tuple(map(str, left))))

    async def _attempt(self) -> str:
        try:
            config = await in_thread(self._load)  # 100,000 names take a moment
            before = self._current()
            _refuse_lost_names(before, config)
            self._take(config)
        except ConfigErrors as errors:
            _log.error("reload failed, keeping the previous configuration")
            for one in errors.errors:
                _log.error("%s", one)
            return str(errors)
        except NoThreadError as error:
            _log.error("reload failed, keeping the previous configuration: %s", error)
            return str(error)
        except Exception as error:
            _log.exception("reload failed, keeping the previous configuration")
            return f"{type(error).__name__}: {error}"
        for left in self._left():
            _log.warning("%s", left)
        warn_of_problems(config)
        _log.info("configuration reloaded: %s", describe_config(config))
        return ""


def _refuse_lost_names(before: Config, after: Config) -> None:
    """A file of names that could be read before, and cannot now, would end their findings."""
    lost = lost_files(before, after)
    if lost:
        raise ConfigErrors(problem for problem in after.problems if problem.file in lost)


def warn_of_problems(config: Config) -> None:
    for problem in config.problems:
        _log.warning("%s, continuing", problem)


def describe_config(config: Config) -> str:
    """What it watches, for the log."""
    return (
        f"watching {', '.join(config.policy.interfaces)} for {count(len(config.policy.domains), 'domain')}"
    )
