"""What exists while the engine runs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

from lowatch.config.settings import DnsSettings
from lowatch.core.answers import NOT_ASKED, AnswerStatus
from lowatch.resolve.engine import Engine
from tests.support.changed_domains import ChangedDomains
from tests.support.dns_server import Query, ScriptedServer, respond, soa
from tests.support.virtual_time import LoopClock, run_virtually
from tests.unit.resolve.asking import WWW, Zone, running


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_idle_it_holds_one_timer_and_no_wake_up() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        zone = Zone()
        zone.ttl = 3000
        domains = [f"n{n}.test" for n in range(20)]

        def script(query: Query) -> Iterable[bytes]:
            authority = [soa("test.", ttl=3000, minimum=3000)]
            return zone(query) if query.rrtype == "A" else [respond(query, authority=authority)]

        async with ScriptedServer(script) as server, running(server, domains=domains):
            await asyncio.sleep(3)  # the last query's deadline is over
            pending = [str(each) for each in loop._scheduled if not each.cancelled()]  # type: ignore[attr-defined]
            timers = [each for each in pending if "Wheel._ring" in each]
            tests_own = [each for each in pending if "remember_stacks" in each or "Timeout" in each]
            assert len(timers) == 1
            assert sorted(pending) == sorted(timers + tests_own)
            before = len(server.queries)
            await asyncio.sleep(2990)
            assert len(server.queries) == before

    run_virtually(scenario())


def test_new_settings_leave_no_lookup_hanging() -> None:
    async def scenario() -> None:
        zone = Zone()
        zone.silent = True
        async with ScriptedServer(zone) as silent, ScriptedServer(Zone()) as server:
            engine = Engine([WWW], DnsSettings(nameservers=(silent.nameserver,)), LoopClock())
            async with asyncio.TaskGroup() as tasks:
                task = tasks.create_task(engine.run(ChangedDomains()))
                await asyncio.sleep(1)  # in flight
                engine.replace_settings(DnsSettings(nameservers=(server.nameserver,)))
                await asyncio.sleep(2.5)
                assert engine.answer(WWW).status is AnswerStatus.RESOLVED
                task.cancel()

    run_virtually(scenario())


def test_replacing_domains_keeps_what_both_name() -> None:
    async def scenario() -> None:
        before = ["kept.test", "gone.test"]
        async with ScriptedServer(Zone()) as server, running(server, domains=before) as asking:
            kept = asking.engine.answer("kept.test")
            server.queries.clear()
            asking.engine.replace_domains(["new.test", "kept.test"])
            assert asking.engine.answer("kept.test") is kept
            assert asking.engine.statuses == {AnswerStatus.UNKNOWN: 1, AnswerStatus.RESOLVED: 1}
            assert asking.a("new.test") is NOT_ASKED
            await asking.engine.settled()
            assert asking.a("new.test").status is AnswerStatus.RESOLVED
            assert {query.name for query in server.queries} == {"new.test"}
            await asyncio.sleep(200)
            assert "gone.test" not in {query.name for query in server.queries}

    run_virtually(scenario())


def test_a_name_dropped_while_it_is_asked_for_is_forgotten() -> None:
    async def scenario() -> None:
        zone = Zone()
        zone.silent = True
        async with ScriptedServer(zone) as server:
            engine = Engine([WWW], DnsSettings(nameservers=(server.nameserver,)), LoopClock())
            changes = ChangedDomains()
            async with asyncio.TaskGroup() as tasks:
                task = tasks.create_task(engine.run(changes))
                await asyncio.sleep(1)
                engine.replace_domains([])
                await engine.settled()
                await asyncio.sleep(100)
                assert changes == []
                assert len(server.queries) <= 4
                task.cancel()

    run_virtually(scenario())


def test_cancelled_it_leaves_no_socket_and_may_run_again() -> None:
    async def scenario() -> None:
        async with ScriptedServer(Zone()) as server:
            engine = Engine([WWW], DnsSettings(nameservers=(server.nameserver,)), LoopClock())
            for _ in range(3):
                descriptors = open_descriptors()
                async with asyncio.TaskGroup() as tasks:
                    task = tasks.create_task(engine.run(ChangedDomains()))
                    await engine.settled()
                    task.cancel()
                assert open_descriptors() == descriptors
            assert len(server.queries) == 2  # nothing was due the second time

    run_virtually(scenario())


def test_cancelled_with_tcp_and_udp_in_flight() -> None:
    async def scenario() -> None:
        def script(query: Query) -> list[bytes]:
            return [respond(query, truncated=True)] if query.rrtype == "A" else []

        async with ScriptedServer(script, lambda query: None) as server:
            engine = Engine([WWW], DnsSettings(nameservers=(server.nameserver,)), LoopClock())
            async with asyncio.TaskGroup() as tasks:
                task = tasks.create_task(engine.run(ChangedDomains()))
                await asyncio.sleep(1)
                assert {query.protocol for query in server.queries} == {"udp", "tcp"}
                task.cancel()
            await asyncio.sleep(10)
            assert engine.answer(WWW).a is NOT_ASKED

    run_virtually(scenario())
