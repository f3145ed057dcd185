"""lowatch.resolve.engine over hours of virtual time, with servers that come and go."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

import pytest

from lowatch.app.ports import Resolver
from lowatch.config.settings import DnsSettings, Nameserver
from lowatch.core.addresses import (
    FixedLocalPrefixes,
    PrefixSet,
    format_address,
    parse_address,
    parse_prefix,
)
from lowatch.core.answers import NOT_ASKED, AnswerStatus, RRset
from lowatch.resolve.engine import Engine
from tests.support.dns_server import Query, ScriptedServer, free_port, respond, soa
from tests.support.virtual_time import LoopClock, run_virtually
from tests.unit.resolve.asking import ADDRESS, WWW, Zone, a_queries, running


def addresses(rrset: RRset) -> list[str]:
    return [format_address(address) for address in rrset.addresses]


def test_from_the_first_moment_there_is_an_answer_not_asked_yet() -> None:
    engine = Engine(["b.test", "a.test"], DnsSettings(nameservers=()), LoopClock())
    assert engine.answer("a.test").a is NOT_ASKED
    assert engine.statuses == {AnswerStatus.UNKNOWN: 2}
    assert engine.unresolved() == dict.fromkeys(["a.test", "b.test"], ("not asked yet", "not asked yet"))


def test_it_settles_at_once_where_there_is_nothing_to_ask() -> None:
    async def scenario() -> None:
        async with ScriptedServer(Zone()) as server, running(server, domains=[]) as asking:
            assert not +asking.engine.statuses
            assert server.queries == []

    run_virtually(scenario())


def test_a_few_names_are_asked_for_at_once() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        start = loop.time()
        domains = [f"n{n}.test" for n in range(100)]
        async with ScriptedServer(Zone()) as server, running(server, domains=domains) as asking:
            assert loop.time() == start
            assert len(server.queries) == 200
            assert asking.counts.rcodes == ["NOERROR"] * 200
            assert asking.engine.statuses == {AnswerStatus.RESOLVED: 100}

    run_virtually(scenario())


def test_many_names_keep_to_max_qps() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        times: list[float] = []
        zone = Zone()

        def script(query: Query) -> Iterable[bytes]:
            times.append(loop.time())
            return zone(query)

        domains = [f"n{n}.test" for n in range(300)]
        async with ScriptedServer(script) as server, running(server, domains=domains, max_qps=50):
            assert len(times) == 600
            assert all(later - first >= 1 for first, later in zip(times, times[50:], strict=False))
            assert times[-1] - times[0] == pytest.approx(11.0)

    run_virtually(scenario())


def test_a_change_is_seen_at_the_ttl_and_announced_once() -> None:
    async def scenario() -> None:
        zone = Zone()
        async with ScriptedServer(zone) as server, running(server) as asking:
            before = asking.engine.answer(WWW)
            asking.changes.clear()
            await asyncio.sleep(200)
            assert len(a_queries(server)) == 4
            assert asking.engine.answer(WWW) is before
            zone.address = "192.0.2.11"
            await asyncio.sleep(60 * 1.05 + 2)
            assert addresses(asking.a()) == ["192.0.2.11"]
            assert asking.changes == [asking.engine.answer(WWW)]

    run_virtually(scenario())


# Failure.


def test_silence_keeps_the_address_as_stale_then_unknown_and_recovers() -> None:
    async def scenario() -> None:
        zone = Zone()
        async with ScriptedServer(zone) as server, running(server) as asking:
            zone.silent = True
            await asyncio.sleep(80)
            stale = asking.a()
            assert (stale.status, addresses(stale)) == (AnswerStatus.STALE, [ADDRESS])
            assert stale.reason == f"{server.nameserver}: no reply within 2 s"
            assert stale.stale_since == pytest.approx(1000 + 60 + 1 + 4, abs=5)
            assert asking.engine.answer(WWW).unknown is None
            await asyncio.sleep(3700)
            unknown = asking.a()
            assert (unknown.status, addresses(unknown)) == (AnswerStatus.UNKNOWN, [ADDRESS])
            asked = len(a_queries(server))
            await asyncio.sleep(3600)
            # Backed off; and every 30 s a look whether the only server is back.
            assert len(a_queries(server)) - asked <= 3600 / 300 + 3600 / 30
            zone.silent = False
            await asyncio.sleep(40)
            assert (asking.a().status, asking.a().reason) == (AnswerStatus.RESOLVED, "")
            seen = [change.a.status for change in asking.changes]
            assert list(dict.fromkeys(seen)) == [
                AnswerStatus.RESOLVED,
                AnswerStatus.STALE,
                AnswerStatus.UNKNOWN,
            ]
            assert seen[-1] is AnswerStatus.RESOLVED

    run_virtually(scenario())


def test_one_nxdomain_changes_nothing_and_is_checked_soon_the_second_counts() -> None:
    async def scenario() -> None:
        zone = Zone()
        async with ScriptedServer(zone) as server, running(server) as asking:
            zone.rcode = "NXDOMAIN"
            before = asking.a()
            while len(a_queries(server)) < 2:
                await asyncio.sleep(1)
            await asyncio.sleep(0.5)
            assert asking.a() == before
            await asyncio.sleep(7)
            assert (asking.a().status, addresses(asking.a())) == (AnswerStatus.NXDOMAIN, [])

    run_virtually(scenario())


def test_no_nameserver_is_a_reason_and_a_problem() -> None:
    async def scenario() -> None:
        async with running() as asking:
            assert asking.a().reason == "no nameserver known"
            assert asking.engine.problems == ("dns.nameservers: has no nameserver",)

    run_virtually(scenario())


def test_many_names_without_a_nameserver_all_settle() -> None:
    async def scenario() -> None:
        async with running(domains=[f"n{n}.test" for n in range(3000)]) as asking:
            assert asking.engine.statuses == {AnswerStatus.UNKNOWN: 3000}

    run_virtually(scenario())


def test_many_names_with_a_nameserver_that_refuses_all_settle() -> None:
    async def scenario() -> None:
        nobody = Nameserver("127.0.0.1", free_port())
        domains = [f"n{n}.test" for n in range(1000)]
        async with running(nobody, domains=domains, max_qps=10_000) as asking:
            reasons = {asking.a(domain).reason for domain in domains}
            assert reasons == {f"{nobody}: Connection refused"}

    run_virtually(scenario())


# Several nameservers.


# resolv.conf, followed.


def test_resolv_conf_is_read_again_when_something_is_due(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files name no port: 53 is redirected, as it is within a test."""
    path = tmp_path / "resolv.conf"

    async def scenario() -> None:
        async with ScriptedServer(Zone()) as server:
            monkeypatch.setattr(
                "lowatch.resolve.system.resolv_conf.Nameserver",
                lambda host: Nameserver(host, server.nameserver.port),
            )
            async with running(resolv_conf=path) as asking:
                assert asking.a().status is AnswerStatus.UNKNOWN
                assert asking.engine.problems == (
                    f"{path}: No such file or directory: no nameserver known",
                )
                path.write_text("nameserver 127.0.0.1\noptions timeout:1\n")
                await asyncio.sleep(20)
                assert asking.a().status is AnswerStatus.RESOLVED
                assert asking.engine.problems == ()

    run_virtually(scenario())


def test_names_that_failed_are_asked_for_at_once_by_new_settings() -> None:
    async def scenario() -> None:
        nobody = Nameserver("127.0.0.1", free_port())
        async with ScriptedServer(Zone()) as server, running(nobody) as asking:
            await asyncio.sleep(1000)  # far backed off
            asking.engine.replace_settings(DnsSettings(nameservers=(server.nameserver,)))
            await asyncio.sleep(0.1)
            assert asking.a().status is AnswerStatus.RESOLVED
            assert asking.engine.stub_addresses == frozenset()

    run_virtually(scenario())


# Domains that come and go, and the end.


def test_a_listener_that_raises_does_not_stop_the_engine() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        reported = []
        strict = loop.get_exception_handler()
        loop.set_exception_handler(lambda _, context: reported.append(context["exception"]))

        class Raising:
            def answer_changed(self, domain: str) -> None:
                raise RuntimeError(domain)

        domains = [f"n{n}.test" for n in range(300)]
        async with ScriptedServer(Zone()) as server:
            settings = DnsSettings(nameservers=(server.nameserver,))
            engine = Engine(domains, settings, LoopClock())
            async with asyncio.TaskGroup() as tasks:
                task = tasks.create_task(engine.run(Raising()))
                await engine.settled()
                await asyncio.sleep(0.1)
                assert len(reported) == 600
                assert engine.statuses == {AnswerStatus.RESOLVED: 300}
                task.cancel()
        loop.set_exception_handler(strict)

    run_virtually(scenario())


def test_stub_addresses_are_the_nameservers() -> None:
    servers = (Nameserver("192.0.2.53"), Nameserver("192.0.2.54", 5353))
    engine = Engine([], DnsSettings(nameservers=servers), LoopClock())
    assert engine.stub_addresses == {parse_address("192.0.2.53")}


def test_the_observer_is_notified_of_each_query() -> None:
    async def scenario() -> None:
        zone = Zone()
        zone.silent = True
        async with ScriptedServer(zone) as server, running(server, timeout=1.5) as asking:
            assert asking.counts.seen == [("TIMEOUT", pytest.approx(1.5))] * 4

    run_virtually(scenario())


def test_it_has_the_shape_of_the_applications_port() -> None:
    resolver: Resolver = Engine([], DnsSettings(nameservers=()), LoopClock())  # for mypy
    for name in ("answer", "inside", "at", "statuses", "unresolved", "srv_ports", "stub_addresses",
        "problems", "run", "settled", "replace_domains"):  # fmt: skip
        assert hasattr(resolver, name)


@pytest.mark.parametrize("ttl", [5, 3600])
def test_a_failover_there_and_back_is_reported_as_it_is(ttl: int) -> None:
    """The zone's record is the judge, whenever it was asked for last: no union outlives a failback."""

    async def scenario() -> None:
        zone = Zone()
        zone.ttl = ttl
        async with ScriptedServer(zone) as server, running(server) as asking:
            for address in ("192.0.2.10", "192.0.2.20", "192.0.2.10", "192.0.2.10", "192.0.2.10"):
                zone.address = address
                await asyncio.sleep(1.1 * ttl + 2)
                assert addresses(asking.a()) == [address]

    run_virtually(scenario())


def test_round_robin_of_one_at_a_time_has_them_all() -> None:
    async def scenario() -> None:
        zone = Zone()
        async with ScriptedServer(zone) as server, running(server) as asking:
            for turn in range(40):
                zone.address = f"192.0.2.{turn % 3}"
                await asyncio.sleep(65)
                if turn > 8:
                    assert addresses(asking.a()) == ["192.0.2.0", "192.0.2.1", "192.0.2.2"]

    run_virtually(scenario())


class OneAaaa:
    """A script: NODATA for A, and for AAAA this address; NODATA too when that is gone."""

    def __init__(self, address: str) -> None:
        self.address = address

    def __call__(self, query: Query) -> Iterable[bytes]:
        if query.rrtype == "AAAA" and self.address:
            return [respond(query, f"{query.name}. 1 IN AAAA {self.address}")]
        return [respond(query, authority=[soa("example.com.", ttl=1, minimum=1)])]


@pytest.mark.parametrize(
    ("address", "seconds"), [("::1", 30), ("2001:db8::10", 30), ("2001:db8::99", 1300)]
)
def test_an_aaaa_that_leads_here_is_followed_at_its_own_ttl_whatever_is_held(
    address: str, seconds: float
) -> None:
    """The last one leads elsewhere, and no IPv6 VIP is held: it may get older."""
    here = FixedLocalPrefixes(PrefixSet([parse_prefix("::1/128"), parse_prefix("2001:db8::10/128")]))

    async def scenario() -> None:
        script = OneAaaa(address)
        async with ScriptedServer(script) as server, running(server, local=here) as asking:
            asking.engine.follow_ipv6(idle=True)
            await asyncio.sleep(1800)
            assert [format_address(one) for one in asking.engine.answer(WWW).addresses] == [address]
            script.address = ""
            await asyncio.sleep(seconds)
            assert asking.engine.answer(WWW).addresses == ()

    run_virtually(scenario())


def test_what_an_old_aaaa_leads_to_is_asked_for_at_once_when_ipv6_comes_to_matter() -> None:
    here = FixedLocalPrefixes(PrefixSet())

    async def scenario() -> None:
        script = OneAaaa("2001:db8::10")
        async with ScriptedServer(script) as server, running(server, local=here) as asking:
            asking.engine.follow_ipv6(idle=True)
            await asyncio.sleep(1800)
            script.address = ""
            here.prefixes = PrefixSet([parse_prefix("2001:db8::10/128")])
            asking.engine.follow_ipv6(idle=False)
            await asyncio.sleep(8)  # two denials, min_ttl apart
            assert asking.engine.answer(WWW).addresses == ()

    run_virtually(scenario())
