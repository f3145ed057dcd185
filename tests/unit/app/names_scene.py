"""For who finds names that nobody configured: audits, a place to save, and a story in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from typing import Any, TypeVar

from lowatch.core.addresses import Address
from lowatch.core.clock import Now
from lowatch.core.learned_names import LearnedName
from lowatch.core.snapshot import Snapshot
from tests.support.virtual_time import run_virtually
from tests.unit.core.worlds import VIP

Scene = TypeVar("Scene")


class Auditing:
    """The daemon: one audit per call of audited()."""

    def __init__(self) -> None:
        self.interfaces: Mapping[Address, str] = {VIP: "lo"}
        self.snapshot: Snapshot | None = None
        self._audited = asyncio.Event()

    @property
    def victims(self) -> Auditing:
        return self

    def audited(self, seen: Snapshot | None = None) -> None:
        self.snapshot = seen or self.snapshot
        self._audited.set()

    async def change(self) -> None:
        self._audited.clear()
        await self._audited.wait()


class Store:
    """Implements NamesStore."""

    def __init__(self) -> None:
        self.saved: list[tuple[float, bytes]] = []
        self.works = True

    def save(self, content: bytes) -> bool:
        self.saved.append((asyncio.get_running_loop().time(), content))
        return self.works


def rendered(names: Iterable[tuple[str, LearnedName]], _: Now) -> bytes:
    return " ".join(name for name, _ in names).encode()


def played(
    set_up: Callable[[], Scene],
    running: Callable[[Scene], Coroutine[Any, Any, None]],
    story: Callable[[Scene], Awaitable[None]],
) -> Scene:
    """The scene after its story. running: what runs meanwhile, and is cancelled at the end."""

    async def scenario() -> Scene:
        scene = set_up()
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(running(scene))
            await asyncio.sleep(0)
            await story(scene)
            task.cancel()
        return scene

    return run_virtually(scenario())
