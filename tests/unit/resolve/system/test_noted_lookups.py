"""getaddrinfo's names are noted before it is called."""

from __future__ import annotations

from lowatch.core.own_lookups import OwnLookups
from lowatch.resolve.system import noted_lookups
from lowatch.resolve.system.noted_lookups import NotedLookups
from tests.support.aio import run_async
from tests.support.virtual_time import LoopClock

LOCALHOST = b"\x09localhost\0"


def test_a_name_is_noted() -> None:
    own = OwnLookups()
    assert noted_lookups.encode_name("localhost") == LOCALHOST

    async def scenario() -> bool:
        clock = LoopClock()
        lookups = NotedLookups(own, clock)
        answered = lookups.ask("localhost")
        noted = own.has(LOCALHOST, clock.now().monotonic)
        await answered
        await lookups.idle()
        answered = lookups.ask("not..a..name")
        await answered
        lookups.close()
        return noted

    assert run_async(scenario())
