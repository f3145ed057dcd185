"""Reloading puts a new configuration into force as a whole, or refuses it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Protocol

from lowatch.config.errors import ConfigErrors
from lowatch.config.settings import Config
from lowatch.core.clock import Clock
from lowatch.files.threads import NoThreadError, Threads
from lowatch.report.phrases import count
from lowatch.report.status import (
    LastReload,
    ReloadOutcome,
)

from .config_in_force import ConfigInForce
from .names_follower import NamesFollower, lost_files

_log = logging.getLogger("lowatch")


class ConfigLoader(Protocol):
    def load(self) -> Config:
        """Read the configuration again. Raises ConfigErrors. Blocks."""


class ReloadMeter(Protocol):
    def config_loaded(self, wall: float) -> None: ...

    def config_refused(self) -> None: ...

    def restart_pending(self, keys: Iterable[str]) -> None:
        """keys: those whose new value needs a restart."""


class Reload:
    """Loads the configuration again when that is requested, one reload at a time."""

    def __init__(
        self,
        loader: ConfigLoader,
        config: ConfigInForce,
        names: NamesFollower,
        meter: ReloadMeter,
        threads: Threads,
        clock: Clock,
    ) -> None:
        self._loader = loader
        self._config = config
        self._names = names
        self._meter = meter
        self._threads = threads
        self._clock = clock
        self._requested = asyncio.Event()
        self._following: asyncio.Future[ReloadOutcome] | None = None
        """The outcome of the next reload, which has not begun; None while none is requested."""
        self.last: LastReload | None = None

    def request(self) -> asyncio.Future[ReloadOutcome]:
        """Reload soon.

        All requests share the next reload. The current one does not count: it may have read old files.
        """
        if self._following is None:
            self._following = asyncio.get_running_loop().create_future()
            self._requested.set()
        return self._following

    async def now(self) -> ReloadOutcome:
        """Call request() and wait for the outcome. Cancelling one waiting caller does not affect others."""
        return await asyncio.shield(self.request())

    async def run(self) -> None:
        """Reload whenever that is requested, until cancelled."""
        while True:
            await self._requested.wait()
            self._requested.clear()
            outcome, self._following = self._following, None
            assert outcome is not None
            error = await self._attempt()
            now = self._clock.now()
            self.last = LastReload(now.wall, error, now.monotonic)
            if error:
                self._meter.config_refused()
            else:
                self._meter.config_loaded(now.wall)
            pending = self._config.pending_restart()
            self._meter.restart_pending(one.key for one in pending)
            outcome.set_result(ReloadOutcome(error, tuple(map(str, pending))))

    async def request_whenever(self, hangup: asyncio.Event) -> None:
        """Request one each time that the event is set, until cancelled: for SIGHUP."""
        while True:
            await hangup.wait()
            hangup.clear()
            self.request()

    async def _attempt(self) -> str:
        try:
            config = await self._threads.run_blocking(self._loader.load)  # 100,000 names take a moment
            _refuse_lost_names(self._config.loaded, config)
            self._config.replace(config)
            self._names.files_changed()  # one of its files of names may have changed since it was read
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
        for pending in self._config.pending_restart():
            _log.warning("%s", pending)
        warn_of_problems(config)
        _log.info("configuration reloaded: %s", describe_config(config))
        return ""


def _refuse_lost_names(before: Config, after: Config) -> None:
    """Refuse if a file of names has become unreadable: without it, the findings of its names would end."""
    lost = lost_files(before, after)
    if lost:
        raise ConfigErrors(problem for problem in after.problems if problem.file in lost)


def warn_of_problems(config: Config) -> None:
    for problem in config.problems:
        _log.warning("%s, continuing", problem)


def describe_config(config: Config) -> str:
    """What is watched, for the log."""
    return (
        f"watching {', '.join(config.policy.interfaces)} for {count(len(config.policy.domains), 'domain')}"
    )
