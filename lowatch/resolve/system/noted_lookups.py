"""Notes for which names getaddrinfo is called."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from lowatch.core.clock import Clock
from lowatch.core.own_lookups import OwnLookups
from lowatch.wire.dns import encode_name

from .getaddrinfo import Looked, LookupThread


class NotedLookups(LookupThread):
    """A LookupThread that notes each name before it is looked up."""

    def __init__(self, own: OwnLookups, clock: Clock) -> None:
        super().__init__()
        self._own = own
        self._clock = clock

    def ask(self, name: str) -> asyncio.Future[Looked]:
        with suppress(ValueError):  # one that is no domain name is reported by no resolver
            self._own.asking([encode_name(name)], self._clock.now().monotonic)
        return super().ask(name)
