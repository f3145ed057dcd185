"""Saves names that nobody configured, a while after they have changed, and at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Protocol

from lowatch.core.clock import Clock, Now
from lowatch.core.learned_names import LearnedName
from lowatch.files.threads import NoThreadError, Threads

_GATHER = 5.0
"""Seconds in which changes gather before they are saved."""
_AGAIN_AFTER = 10.0
"""Seconds until what could not be saved is saved again."""
_LAST_SAVE = 2.0
"""Seconds that the disk gets for the last save."""

Render = Callable[[Iterable[tuple[str, LearnedName]], Now], bytes]
"""Makes what is saved."""


class NamesStore(Protocol):
    """Keeps names across a restart."""

    def save(self, content: bytes) -> bool:
        """Write atomically, which blocks. Returns whether it is written; a failure is logged once."""


class NamesSaver:
    """names: iterated whenever they are saved."""

    def __init__(
        self,
        names: Iterable[tuple[str, LearnedName]],
        store: NamesStore,
        render: Render,
        threads: Threads,
        clock: Clock,
    ) -> None:
        self._names = names
        self._store = store
        self._render = render
        self._threads = threads
        self._clock = clock
        self._worth_saving = asyncio.Event()

    def save_soon(self) -> None:
        """The names have changed."""
        self._worth_saving.set()

    async def run(self) -> None:
        """Save changes until cancelled."""
        while True:
            await self._worth_saving.wait()
            await asyncio.sleep(_GATHER)
            self._worth_saving.clear()
            try:
                saved = await self._threads.run_blocking(self._store.save, self._content())
            except NoThreadError:
                saved = False
            if not saved:
                self._worth_saving.set()
                await asyncio.sleep(_AGAIN_AFTER)

    def finish(self) -> None:
        """Save now, as the process is about to end."""
        content = self._content()

        def save() -> None:
            self._store.save(content)

        self._threads.run_within(_LAST_SAVE, save)

    def _content(self) -> bytes:
        return self._render(list(self._names), self._clock.now())
