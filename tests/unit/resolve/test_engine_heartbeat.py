"""The resolver's heartbeat: it is never taken for stuck while it waits, and always when it is."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

import pytest

from lowatch.config.settings import DnsSettings, Nameserver
from lowatch.core.liveness import Liveness, LivenessMonitor
from lowatch.resolve.engine import Engine
from lowatch.resolve.lookup import Lookup, Lookups
from tests.support.changed_domains import ChangedDomains
from tests.support.dns_server import Query, ScriptedServer, respond, soa
from tests.support.virtual_time import LoopClock, run_virtually
from tests.unit.resolve.asking import WWW, address_only, running

LOOK_EVERY = 5.0


async def longest_silence(engine: Engine, seconds: float) -> Liveness:
    """The one look of all in that time that came closest to its limit."""
    monitor, loop = LivenessMonitor(), asyncio.get_running_loop()
    looks = []
    end = loop.time() + seconds
    while loop.time() < end:
        looks += monitor.look(engine.heartbeats(), loop.time())
        await asyncio.sleep(LOOK_EVERY)
    return max(looks, key=lambda liveness: liveness.silent - liveness.limit)


def nobody(_query: Query) -> Iterable[bytes]:
    return []


@pytest.mark.parametrize("timeout", [0.1, 2.0, 60.0])
def test_dead_nameservers_are_waited_for(timeout: float) -> None:
    async def scenario() -> None:
        async with (
            ScriptedServer(nobody) as one,
            ScriptedServer(nobody) as other,
            ScriptedServer(nobody) as third,
            running(one, other, third, timeout=timeout) as asking,
        ):
            assert not (await longest_silence(asking.engine, 900)).stuck

    run_virtually(scenario())


def test_as_long_as_resolv_conf_says(tmp_path: Path) -> None:
    """options timeout:30 attempts:5: the first lookup takes minutes, as it would for any program."""
    places = [Nameserver(f"127.0.0.{number}") for number in (1, 2, 3)]
    resolv_conf = tmp_path / "resolv.conf"
    resolv_conf.write_text(
        "options timeout:30 attempts:5\n" + "".join(f"nameserver {place.host}\n" for place in places)
    )

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        silent = [loop.create_datagram_endpoint(asyncio.DatagramProtocol, (one.host, 53)) for one in places]
        transports = [transport for transport, _ in await asyncio.gather(*silent)]
        engine = Engine([WWW], DnsSettings(None), LoopClock(), resolv_conf=resolv_conf)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(engine.run(ChangedDomains()))
            closest = await longest_silence(engine, 1200)
            task.cancel()
        for transport in transports:
            transport.close()
        assert not closest.stuck, str(closest)

    run_virtually(scenario())


def test_no_nameserver_and_no_name_are_no_trouble() -> None:
    async def scenario() -> None:
        async with running(domains=[WWW]) as asking:
            assert not (await longest_silence(asking.engine, 900)).stuck
        async with running(domains=[]) as asking:
            assert not (await longest_silence(asking.engine, 900)).stuck

    run_virtually(scenario())


def test_many_names_at_one_query_a_second() -> None:
    async def scenario() -> None:
        domains = [f"n{number}.test" for number in range(100)]
        async with ScriptedServer(address_only) as server:
            settings = {"max_qps": 1, "min_ttl": 60.0}
            async with running(server, domains=domains, **settings) as asking:
                assert not (await longest_silence(asking.engine, 120)).stuck

    run_virtually(scenario())


def test_lookups_that_never_end_are_noticed_while_others_come_due(monkeypatch: pytest.MonkeyPatch) -> None:
    """All places taken by what was lost: nothing is asked any more, and the wheel turns for an hour yet."""

    async def scenario() -> None:
        domains = [f"n{number}.test" for number in range(1000)]
        async with (
            ScriptedServer(of_all_ages) as server,
            running(server, domains=domains, max_qps=1_000) as asking,
        ):
            monkeypatch.setattr(Lookups, "start", lose)
            assert (await longest_silence(asking.engine, 900)).stuck

    def of_all_ages(query: Query) -> Iterable[bytes]:
        number = int(query.name[1:].partition(".")[0])
        if query.rrtype == "A":
            return address_only(query, ttl=60 + 3 * number)
        ttl = 60 + 3 * number
        return [respond(query, authority=[soa(f"{query.name}.", ttl=ttl, minimum=ttl)])]

    def lose(_self: Lookups, _lookups: list[Lookup], _now: float) -> list[Lookup]:
        return []

    run_virtually(scenario())
