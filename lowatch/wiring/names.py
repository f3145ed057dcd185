"""Names from files, read again when one of the files has changed, and never lost to a bad moment."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from lowatch.config.name_files import read_names
from lowatch.config.schema import Config

SETTLED_AFTER = 1.0
"""Seconds for which the files must stay as they are before they are read: many are written in place."""

RETRY_AFTER = 60.0
"""Seconds until a file that could not be read is tried again, if no event tells of it before."""

_log = logging.getLogger("lowatch")


class NamesFollower:
    """current: the configuration in force. take(config): puts another one in force."""

    def __init__(self, current: Callable[[], Config], take: Callable[[Config], None]) -> None:
        self._current = current
        self._take = take
        self._look = asyncio.Event()
        self._unread: frozenset[Path] = frozenset()

    def look(self) -> None:
        """Something may have changed."""
        self._look.set()

    async def run(self) -> None:
        """A first look at once: a file may have changed since it was read, and before it was watched."""
        self._look.set()
        while True:
            retry = not await self._touched(RETRY_AFTER if self._unread else None)
            self._look.clear()
            try:
                await self._look_again(retry=retry)
            except Exception:  # whatever a file does to its reader, ten thousand daemons go on
                _log.exception("names could not be read again, keeping those there are, continuing")

    async def _touched(self, patience: float | None) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._look.wait()
        return self._look.is_set()

    async def _look_again(self, *, retry: bool) -> None:
        before = self._current()
        if not retry and not await asyncio.to_thread(before.sources.changed):
            return
        await self._settle(before)
        after = await asyncio.to_thread(read_names, before)
        if self._current() is not before:
            self._look.set()  # a reload came first: what it has read may be older than this
            return
        lost = lost_files(before, after)
        if not lost:
            self._unread = frozenset()
            _warn_of_new(before, after)
            if after.policy.domains != before.policy.domains or after.problems != before.problems:
                _log.info("names read again: %d domains", len(after.policy.domains))
            self._take(after)
            return
        # Their names would be gone, and with them their findings: as if all were well.
        if lost != self._unread:
            _log.warning("%s: cannot be read now, keeping the names, continuing", _listed(lost))
        self._unread = lost
        self._take(replace(before, problems=after.problems, sources=after.sources))

    async def _settle(self, config: Config) -> None:
        stands = await asyncio.to_thread(config.sources.look)
        while True:
            await asyncio.sleep(SETTLED_AFTER)
            before, stands = stands, await asyncio.to_thread(config.sources.look)
            if stands == before:
                return


def lost_files(before: Config, after: Config) -> frozenset[Path]:
    """The files that gave names before, and of which nobody knows now what they would give."""
    gave = frozenset((*before.sources.files, *before.sources.fixed_parts())).difference(before.unread)
    return frozenset(after.unread) & gave


def _warn_of_new(before: Config, after: Config) -> None:
    for problem in after.problems:
        if problem not in before.problems:
            _log.warning("%s, continuing", problem)


def _listed(paths: frozenset[Path]) -> str:
    return ", ".join(sorted(map(str, paths)))


def watched_paths(config: Config) -> Iterator[Path]:
    """What to watch for the names' sake: the files, and where others may come to match."""
    if config.sources:
        yield from config.sources.files
        yield from config.sources.directories()
