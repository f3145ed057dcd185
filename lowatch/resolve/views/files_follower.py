"""Follows the files that name resolution depends on: reads them again when they have changed."""

from __future__ import annotations

import asyncio
from collections.abc import Container
from typing import Protocol

from lowatch.files.threads import NoThreadError, in_thread
from lowatch.resolve.system.name_service_files import NameFiles, NameFilesSource

_THREAD_AFTER = 5.0
"""Seconds until the next try, if no thread could be started to read a large /etc/hosts."""
_UNREADABLE_AGAIN = 30.0
"""Seconds until an unreadable file is tried again, unless an event reports a change earlier."""


class FilesListener(Protocol):
    def looked_up(self) -> Container[str]:
        """The names to look for in /etc/hosts."""

    def on_files(self, before: NameFiles, files: NameFiles) -> None:
        """The files were read again."""


class NameFilesFollower:
    """files: what was read last. look() makes it check for changes."""

    def __init__(self, source: NameFilesSource, listener: FilesListener) -> None:
        self.files = NameFiles()
        self._source = source
        self._listener = listener
        self._reread = True
        self._replaced = 0
        self._look = asyncio.Event()
        self._looked = asyncio.Event()

    def look(self) -> None:
        """Check whether the files have changed: six stat() calls if not."""
        self._look.set()

    def reread(self, *, replaced: bool = False) -> None:
        """Read them again, for other names. replaced: discard a read that is under way."""
        self._replaced += replaced
        self._reread = True
        self._look.set()

    async def settled(self) -> None:
        """Wait until they have been read once."""
        await self._looked.wait()

    async def run(self) -> None:
        """Follow them until cancelled."""
        self._look.set()
        while True:
            await self._until_to_look()
            self._look.clear()
            try:
                if self._reread or self._source.changed(self.files):
                    await self._read()
            except NoThreadError:
                self._reread = True
                self._look.set()
                await asyncio.sleep(_THREAD_AFTER)
            else:
                self._looked.set()

    def refusal(self) -> str:
        """Why the C library must not be asked now; "" if it may be.

        It aborts the process if nsswitch.conf lists no service, so that file is read first. It also waits
        without limit for the other end of a FIFO, and then no further name could be looked up.
        """
        if endless := self._source.endless():
            return endless
        switch = self.files.switch
        if self._source.switch_changed(self.files):
            switch, _, _ = self._source.read_switch(switch)
            self.look()
        return switch.broken

    async def _until_to_look(self) -> None:
        """Until a file may have changed, or unreadable files are to be tried again."""
        try:
            async with asyncio.timeout(_UNREADABLE_AGAIN if self.files.unreadable else None):
                await self._look.wait()
        except TimeoutError:
            self._reread = True

    async def _read(self) -> None:
        replaced, self._reread = self._replaced, False
        names = self._listener.looked_up()
        if self._source.is_large:
            files = await in_thread(self._source.read, names, self.files)
        else:
            files = self._source.read(names, self.files)
        if replaced != self._replaced:
            return  # reread() has asked for another look
        before, self.files = self.files, files
        self._listener.on_files(before, files)
