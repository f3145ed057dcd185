"""Names from files, read again when one of the files has changed, and never lost to a bad moment."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

from lowatch.config.name_files import read_names
from lowatch.config.schema import Config

RETRY_AFTER = 10.0
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
        while True:
            try:
                async with asyncio.timeout(RETRY_AFTER if self._unread else None):
                    await self._look.wait()
            except TimeoutError:
                pass
            self._look.clear()
            await self._look_again()

    async def _look_again(self) -> None:
        before = self._current()
        after = await asyncio.to_thread(_read_if_changed, before)
        if after is None or self._current() is not before:
            return  # a reload was faster: it has read them too
        unread = frozenset(after.unread).difference(before.unread)
        if unread:
            # Their names would be gone, and with them their findings: as if all were well.
            if unread != self._unread:
                _log.warning("%s: cannot be read now, keeping the names, continuing", _listed(unread))
            self._unread = unread
            return
        self._unread = frozenset()
        for problem in after.problems:
            if problem not in before.problems:
                _log.warning("%s, continuing", problem)
        self._take(after)
        _log.info("names read again: %d domains", len(after.policy.domains))


def _read_if_changed(config: Config) -> Config | None:
    return read_names(config) if config.sources.changed() else None


def _listed(paths: frozenset[Path]) -> str:
    return ", ".join(sorted(map(str, paths)))


def watched_paths(config: Config) -> Iterator[Path]:
    """What to watch for the names' sake: the files, and where others may come to match."""
    if config.sources:
        yield from config.sources.files
        yield from config.sources.directories()
