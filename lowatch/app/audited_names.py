"""The audits of the daemon, for who finds the names that nobody configured."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any, Protocol

from lowatch.core.addresses import Address
from lowatch.core.snapshot import Snapshot

from .names_saver import NamesSaver


class HeldHere(Protocol):
    """The part of Victims that matters."""

    @property
    def interfaces(self) -> Mapping[Address, str]:
        """Which interface holds each address, loopback's own left out. Another object if that changes."""


class AuditedNames(Protocol):
    """The part of the daemon that matters."""

    @property
    def victims(self) -> HeldHere: ...

    @property
    def snapshot(self) -> Snapshot | None:
        """What the last audit saw; None before the first."""

    async def change(self) -> None:
        """Return after the next audit."""


async def follow_audits(
    daemon: AuditedNames,
    audited: Callable[[], None],
    saver: NamesSaver,
    others: Iterable[Coroutine[Any, Any, None]],
) -> None:
    """Until cancelled; then save the names.

    audited: called now, and after each audit. others: what runs meanwhile, beside the saver.
    """
    try:
        async with asyncio.TaskGroup() as tasks:
            for each in others:
                tasks.create_task(each)
            tasks.create_task(saver.run())
            while True:
                audited()
                await daemon.change()
    finally:
        saver.finish()
