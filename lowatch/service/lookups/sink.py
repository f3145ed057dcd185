"""Who is told of lookups, and how much of a core reading them may take."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from typing import Protocol

from lowatch.core.addresses import Address
from lowatch.core.name_sources import NameSource
from lowatch.wire.lookup import Lookup

_REST = 3
"""The pause after a piece of work, as a multiple of its time: lookups take a quarter of a core at most."""
_WORTH_A_REST = 0.002
"""Seconds of work that gather before a pause, in which the audit has the loop for itself."""


class LookupSink(Protocol):
    """Follows names that lead to a held address."""

    @property
    def held(self) -> Collection[Address]:
        """The addresses that matter. Lookups of others are not decoded."""

    @property
    def held_as_listed(self) -> Collection[bytes]:
        """The same, by wire.resolved_monitor.listed()."""

    def looked_up(self, lookup: Lookup, source: NameSource) -> None:
        """A program looked a name up. It may have none of the held addresses after all."""


class Effort:
    """Keeps readers of lookups from taking the loop. They work inside `async with`, one at a time.

    While one rests, no other one works: however many they are, they share the same part of a core.
    """

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._began = self._worked = 0.0

    async def __aenter__(self) -> None:
        await self._turn.acquire()
        self._began = time.perf_counter()

    async def __aexit__(self, *raised: object) -> None:
        self._worked += time.perf_counter() - self._began
        try:
            if self._worked >= _WORTH_A_REST:
                rest, self._worked = self._worked * _REST, 0.0
                await asyncio.sleep(rest)
        finally:
            self._turn.release()
