"""A lookup goes from server to server until one of them knows."""

from __future__ import annotations

import asyncio
from collections import Counter

from lowatch.config.settings import DnsSettings, Nameserver
from lowatch.core.answers import AnswerStatus
from lowatch.resolve.system.resolv_conf import Nameservers
from lowatch.resolve.upstream.socket_channels import SocketChannels
from lowatch.resolve.upstream.upstreams import Upstreams
from tests.support.dns_server import ScriptedServer
from tests.support.virtual_time import LoopClock, run_virtually
from tests.unit.resolve.asking import Counts, Zone, a_queries, running
from tests.unit.resolve.scripted_channels import UnusedSink


def test_the_next_server_is_asked_where_the_first_one_fails() -> None:
    async def scenario() -> None:
        bad, good = Zone(), Zone()
        bad.rcode = "SERVFAIL"
        async with (
            ScriptedServer(bad) as first,
            ScriptedServer(good) as second,
            running(first, second) as asking,
        ):
            assert asking.a().status is AnswerStatus.RESOLVED
            assert asking.a().server == str(second.nameserver)
            assert asking.counts.rcodes == ["NOERROR"] * 2 + ["SERVFAIL"] * 2

    run_virtually(scenario())


def test_all_failing_says_so_of_each() -> None:
    async def scenario() -> None:
        one, other = Zone(), Zone()
        one.rcode, other.silent = "REFUSED", True
        async with (
            ScriptedServer(one) as first,
            ScriptedServer(other) as second,
            running(first, second) as asking,
        ):
            said = [f"{first.nameserver}: REFUSED", f"{second.nameserver}: no reply within 2 s"]
            assert asking.a().reason == "; ".join(sorted(said))
            assert len(a_queries(first)) == 1  # it would say the same again
            assert len(a_queries(second)) == 2

    run_virtually(scenario())


def test_a_silent_server_is_spared_and_tried_again_by_one_query() -> None:
    async def scenario() -> None:
        flaky, steady = Zone(), Zone()
        flaky.silent = True
        domains = [f"n{n}.test" for n in range(10)]
        async with (
            ScriptedServer(flaky) as first,
            ScriptedServer(steady) as second,
            running(first, second, domains=domains, min_ttl=20.0) as asking,
        ):
            assert len(first.queries) == 20  # in flight before the first deadline
            assert len(second.queries) == 20
            first.queries.clear()
            await asyncio.sleep(64)
            assert 1 <= len(first.queries) <= 4
            flaky.silent = False
            await asyncio.sleep(200)
            first.queries.clear()
            second.queries.clear()
            await asyncio.sleep(64)
            assert len(first.queries) >= 20
            assert second.queries == []
            assert set(asking.engine.statuses) == {AnswerStatus.RESOLVED}

    run_virtually(scenario())


def test_rotate_takes_turns() -> None:
    async def scenario() -> None:
        counts = Counts()
        upstreams = Upstreams(SocketChannels(LoopClock(), counts), UnusedSink(), spread=False)
        assert upstreams.candidates(1000.0) == []
        servers = tuple(Nameserver(f"127.0.0.{n}") for n in range(1, 4))
        upstreams.replace(Nameservers(servers, rotate=True), DnsSettings(), 1000.0)
        firsts = [channel.server for _ in range(6) if (channel := upstreams.first(1000.0))]
        assert Counter(firsts) == dict.fromkeys(servers, 2)
        upstreams.replace(Nameservers(servers), DnsSettings(), 1000.0)
        assert [channel.server for channel in upstreams.candidates(1000.0)] == list(servers)
        upstreams.close()

    run_virtually(scenario())
