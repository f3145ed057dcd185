"""lowatch.resolve.engine over hours of virtual time, with servers that come and go."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from lowatch.app.ports import Resolver
from lowatch.config.settings import DnsSettings, Nameserver
from lowatch.core.addresses import PrefixSet, format_address, parse_address, parse_prefix
from lowatch.core.answers import NOT_ASKED, RRset, Status
from lowatch.resolve.engine import Engine
from lowatch.resolve.system.resolv_conf import Nameservers
from lowatch.resolve.upstream.channel import Channel
from lowatch.resolve.upstream.socket_channels import SocketChannels
from lowatch.resolve.upstream.upstreams import Upstreams
from lowatch.wire.dns import Reply
from tests.support.changed_domains import ChangedDomains
from tests.support.dns_server import Query, ScriptedServer, free_port, respond, soa
from tests.support.virtual_time import LoopClock, run_virtually
from tests.unit.resolve.asking import ADDRESS, WWW, Counts, address_only, running


class Zone:
    """A script whose answers the test changes as it goes."""

    def __init__(self) -> None:
        self.address = ADDRESS
        self.ttl = 60
        self.rcode = "NOERROR"
        self.silent = False

    def __call__(self, query: Query) -> Iterable[bytes]:
        if self.silent:
            return []
        if self.rcode == "NOERROR":
            return address_only(query, self.address, self.ttl)
        authority = [soa("example.com.")] if self.rcode == "NXDOMAIN" else []
        return [respond(query, rcode=self.rcode, authority=authority)]


def addresses(rrset: RRset) -> list[str]:
    return [format_address(address) for address in rrset.addresses]


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def a_queries(server: ScriptedServer) -> list[Query]:
    return [query for query in server.queries if query.rrtype == "A"]


def test_from_the_first_moment_there_is_an_answer_not_asked_yet() -> None:
    engine = Engine(["b.test", "a.test"], DnsSettings(nameservers=()), LoopClock())
    assert engine.answer("a.test").a is NOT_ASKED
    assert engine.statuses == {Status.UNKNOWN: 2}
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
            assert asking.engine.statuses == {Status.RESOLVED: 100}

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


# Failure.


def test_silence_keeps_the_address_as_stale_then_unknown_and_recovers() -> None:
    async def scenario() -> None:
        zone = Zone()
        async with ScriptedServer(zone) as server, running(server) as asking:
            zone.silent = True
            await asyncio.sleep(80)
            stale = asking.a()
            assert (stale.status, addresses(stale)) == (Status.STALE, [ADDRESS])
            assert stale.reason == f"{server.nameserver}: no reply within 2 s"
            assert stale.stale_since == pytest.approx(1000 + 60 + 1 + 4, abs=5)
            assert asking.engine.answer(WWW).unknown is None
            await asyncio.sleep(3700)
            unknown = asking.a()
            assert (unknown.status, addresses(unknown)) == (Status.UNKNOWN, [ADDRESS])
            asked = len(a_queries(server))
            await asyncio.sleep(3600)
            # Backed off; and every 30 s a look whether the only server is back.
            assert len(a_queries(server)) - asked <= 3600 / 300 + 3600 / 30
            zone.silent = False
            await asyncio.sleep(40)
            assert (asking.a().status, asking.a().reason) == (Status.RESOLVED, "")
            seen = [change.a.status for change in asking.changes]
            assert list(dict.fromkeys(seen)) == [Status.RESOLVED, Status.STALE, Status.UNKNOWN]
            assert seen[-1] is Status.RESOLVED

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
            assert (asking.a().status, addresses(asking.a())) == (Status.NXDOMAIN, [])

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
            assert asking.engine.statuses == {Status.UNKNOWN: 3000}

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


def test_the_next_server_is_asked_where_the_first_one_fails() -> None:
    async def scenario() -> None:
        bad, good = Zone(), Zone()
        bad.rcode = "SERVFAIL"
        async with (
            ScriptedServer(bad) as first,
            ScriptedServer(good) as second,
            running(first, second) as asking,
        ):
            assert asking.a().status is Status.RESOLVED
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
            assert set(asking.engine.statuses) == {Status.RESOLVED}

    run_virtually(scenario())


class Unheard:
    """A ReplySink of a test that asks nothing."""

    def on_reply(self, channel: Channel, question: Any, reply: Reply, now: float) -> None:
        raise AssertionError

    def on_renewed(self, question: Any, ttl: int, now: float) -> None:
        raise AssertionError

    def on_batch_over(self) -> None:
        raise AssertionError

    def on_recovery(self) -> None:
        raise AssertionError


def test_rotate_takes_turns() -> None:
    async def scenario() -> None:
        counts = Counts()
        upstreams = Upstreams(SocketChannels(LoopClock(), counts), Unheard(), spread=False)
        assert upstreams.candidates(1000.0) == []
        servers = tuple(Nameserver(f"127.0.0.{n}") for n in range(1, 4))
        upstreams.replace(Nameservers(servers, rotate=True), DnsSettings(), 1000.0)
        firsts = [channel.server for _ in range(6) if (channel := upstreams.first(1000.0))]
        assert Counter(firsts) == dict.fromkeys(servers, 2)
        upstreams.replace(Nameservers(servers), DnsSettings(), 1000.0)
        assert [channel.server for channel in upstreams.candidates(1000.0)] == list(servers)
        upstreams.close()

    run_virtually(scenario())


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
                assert asking.a().status is Status.UNKNOWN
                assert asking.engine.problems == (
                    f"{path}: No such file or directory: no nameserver known",
                )
                path.write_text("nameserver 127.0.0.1\noptions timeout:1\n")
                await asyncio.sleep(20)
                assert asking.a().status is Status.RESOLVED
                assert asking.engine.problems == ()

    run_virtually(scenario())


def test_names_that_failed_are_asked_for_at_once_by_new_settings() -> None:
    async def scenario() -> None:
        nobody = Nameserver("127.0.0.1", free_port())
        async with ScriptedServer(Zone()) as server, running(nobody) as asking:
            await asyncio.sleep(1000)  # far backed off
            asking.engine.replace_settings(DnsSettings(nameservers=(server.nameserver,)))
            await asyncio.sleep(0.1)
            assert asking.a().status is Status.RESOLVED
            assert asking.engine.stub_addresses == frozenset()

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
                assert engine.answer(WWW).status is Status.RESOLVED
                task.cancel()

    run_virtually(scenario())


# Domains that come and go, and the end.


def test_replacing_domains_keeps_what_both_name() -> None:
    async def scenario() -> None:
        before = ["kept.test", "gone.test"]
        async with ScriptedServer(Zone()) as server, running(server, domains=before) as asking:
            kept = asking.engine.answer("kept.test")
            server.queries.clear()
            asking.engine.replace_domains(["new.test", "kept.test"])
            assert asking.engine.answer("kept.test") is kept
            assert asking.engine.statuses == {Status.UNKNOWN: 1, Status.RESOLVED: 1}
            assert asking.a("new.test") is NOT_ASKED
            await asking.engine.settled()
            assert asking.a("new.test").status is Status.RESOLVED
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
                assert engine.statuses == {Status.RESOLVED: 300}
                task.cancel()
        loop.set_exception_handler(strict)

    run_virtually(scenario())


def test_stub_addresses_are_the_nameservers() -> None:
    servers = (Nameserver("192.0.2.53"), Nameserver("192.0.2.54", 5353))
    engine = Engine([], DnsSettings(nameservers=servers), LoopClock())
    assert engine.stub_addresses == {parse_address("192.0.2.53")}


def test_the_observer_is_told_of_each_query() -> None:
    async def scenario() -> None:
        zone = Zone()
        zone.silent = True
        async with ScriptedServer(zone) as server, running(server, timeout=1.5) as asking:
            assert asking.counts.seen == [("TIMEOUT", pytest.approx(1.5))] * 4

    run_virtually(scenario())


def test_it_has_the_shape_of_the_applications_port() -> None:
    resolver: Resolver = Engine([], DnsSettings(nameservers=()), LoopClock())  # for mypy
    for name in ("answer", "inside", "at", "statuses", "unresolved", "service_ports", "stub_addresses",
        "problems", "run", "settled", "replace_domains"):  # fmt: skip
        assert hasattr(resolver, name)


@pytest.mark.parametrize("ttl", [5, 3600])
def test_a_failover_there_and_back_is_told_as_it_is(ttl: int) -> None:
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
    here = PrefixSet([parse_prefix("::1/128"), parse_prefix("2001:db8::10/128")])

    async def scenario() -> None:
        script = OneAaaa(address)
        async with ScriptedServer(script) as server, running(server, local=lambda: here) as asking:
            asking.engine.follow_ipv6(idle=True)
            await asyncio.sleep(1800)
            assert [format_address(one) for one in asking.engine.answer(WWW).addresses] == [address]
            script.address = ""
            await asyncio.sleep(seconds)
            assert asking.engine.answer(WWW).addresses == ()

    run_virtually(scenario())


def test_what_an_old_aaaa_leads_to_is_asked_for_at_once_when_ipv6_comes_to_matter() -> None:
    here = [PrefixSet([])]

    async def scenario() -> None:
        script = OneAaaa("2001:db8::10")
        async with ScriptedServer(script) as server, running(server, local=lambda: here[0]) as asking:
            asking.engine.follow_ipv6(idle=True)
            await asyncio.sleep(1800)
            script.address = ""
            here[0] = PrefixSet([parse_prefix("2001:db8::10/128")])
            asking.engine.follow_ipv6(idle=False)
            await asyncio.sleep(8)  # two denials, min_ttl apart
            assert asking.engine.answer(WWW).addresses == ()

    run_virtually(scenario())
