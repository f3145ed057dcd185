"""Reads names from files again when a file changes, and keeps them while a file cannot be read."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from lowatch.config.domains_from.read import read_names
from lowatch.config.settings import Config
from lowatch.core.clock import Clock
from lowatch.core.policy import DomainTable
from lowatch.files.threads import NoThreadError, Threads

from .config_in_force import ConfigInForce
from .settling_files import SETTLED_AFTER, Settling

READ_WITHIN = 4.0
"""Seconds for which files that have settled wait for those that have not."""

RETRY_AFTER = 60.0
"""Seconds until an unreadable file is tried again, if no event comes earlier."""
_THREAD_AFTER = 5.0
"""Seconds until a thread is tried again, if none could be started."""
_REST_OF_READING = 9
"""Pause after reading, as a multiple of its time: files that change constantly take a tenth of a core."""

_log = logging.getLogger("lowatch")


class NamesFollower:
    """Replaces the configuration in force by one with the names that its files have now."""

    def __init__(self, config: ConfigInForce, threads: Threads, clock: Clock) -> None:
        self._config = config
        self._threads = threads
        self._clock = clock
        self._look = asyncio.Event()
        self._unread: frozenset[Path] = frozenset()
        self._settling = Settling()

    def files_changed(self) -> None:
        """A file may have changed: look soon."""
        self._look.set()

    async def run(self) -> None:
        """Look now, as a file may have changed before it was watched, and then whenever a file changes."""
        self._look.set()
        while True:
            retry = not await self._touched(RETRY_AFTER if self._unread else None)
            self._look.clear()
            try:
                await self._look_again(retry=retry)
            except NoThreadError:
                await asyncio.sleep(_THREAD_AFTER)
                self._look.set()
            except Exception:  # no content of a file may end the daemon
                _log.exception(
                    "domain files could not be read again, keeping the current domains, continuing"
                )

    async def _touched(self, patience: float | None) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._look.wait()
        return self._look.is_set()

    async def _look_again(self, *, retry: bool) -> None:
        before = self._config.loaded
        if not retry and not await self._threads.run_blocking(before.sources.changed):
            return
        restless = await self._settle(before)
        began = self._now()
        after = await self._threads.run_blocking(read_names, before)
        took = self._now() - began
        if self._config.loaded is not before:
            self._look.set()  # a reload was faster, but may have read older files
            return
        self._take_over(before, after, restless)
        await asyncio.sleep(took * _REST_OF_READING)
        if restless:
            self._look.set()

    def _take_over(self, before: Config, after: Config, restless: frozenset[Path]) -> None:
        """Add new names at once, but remove none that an unreadable or unfinished file may still have.

        Otherwise the findings of those names would end, as if they were resolved.
        """
        lost = lost_files(before, after)
        if lost and lost != self._unread:
            _log.warning("%s: cannot be read now, keeping its domains, continuing", _listed(lost))
        self._unread = lost
        if lost or restless:
            after = _with_names_of(before, after, lost)
        _warn_of_new(before, after)
        if after.policy.domains != before.policy.domains or after.problems != before.problems:
            _log.info("domain files read again: %d domains", len(after.policy.domains))
        self._config.replace(after)

    async def _settle(self, config: Config) -> frozenset[Path]:
        """Wait until all files have settled, at most READ_WITHIN. Returns those that have not."""
        began = self._now()
        self._settling.look(await self._threads.run_blocking(config.sources.look), began)
        while True:
            await asyncio.sleep(SETTLED_AFTER)
            now = self._now()
            restless = self._settling.look(await self._threads.run_blocking(config.sources.look), now)
            if not restless or now - began >= READ_WITHIN:
                return restless

    def _now(self) -> float:
        return self._clock.now().monotonic


def _with_names_of(before: Config, after: Config, lost: frozenset[Path]) -> Config:
    """`after`, with the names of `before` that it lacks; lost files count as read."""
    previous, current = before.policy.domains, after.policy.domains
    assert isinstance(previous, DomainTable)
    assert isinstance(current, DomainTable)
    specs = {**previous.specs, **current.specs}
    return replace(
        after,
        policy=replace(after.policy, domains=DomainTable(specs)),
        unread=tuple(file for file in after.unread if file not in lost),
    )


def lost_files(before: Config, after: Config) -> frozenset[Path]:
    """The files whose names were read before, and cannot be read now."""
    gave = frozenset((*before.sources.files, *before.sources.fixed_parts())).difference(before.unread)
    return frozenset(after.unread) & gave


def _warn_of_new(before: Config, after: Config) -> None:
    for problem in after.problems:
        if problem not in before.problems:
            _log.warning("%s, continuing", problem)


def _listed(paths: frozenset[Path]) -> str:
    return ", ".join(sorted(map(str, paths)))
