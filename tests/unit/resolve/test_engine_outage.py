"""The engine through outages: nothing waits for its own timeout, nothing is lost, nobody is trampled."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

from lowatch.config.settings import Nameserver
from lowatch.core.answers import AnswerStatus
from tests.support.dns_server import Query, ScriptedServer, respond, soa
from tests.support.virtual_time import LoopClock, run_virtually
from tests.unit.resolve.asking import ADDRESS, WWW, running


def lasting(query: Query, ttl: int = 60) -> list[bytes]:
    """One A record for every name, and NODATA for AAAA, both good for as long."""
    if query.rrtype == "A":
        return [respond(query, f"{query.name}. {ttl} IN A {ADDRESS}")]
    return [respond(query, authority=[soa(f"{query.name}.", ttl=ttl, minimum=ttl)])]


class Server:
    """Answers every name with one address, or not at all. times: when each query came."""

    def __init__(self) -> None:
        self.silent = False
        self.dead: set[str] = set()
        self.times: list[float] = []

    def __call__(self, query: Query) -> Iterable[bytes]:
        self.times.append(asyncio.get_running_loop().time())
        if self.silent or query.name in self.dead:
            return []
        return lasting(query)

    def most_in_a_second(self) -> int:
        ends = self.times
        return max(sum(1 for other in ends[at:] if other < first + 1) for at, first in enumerate(ends))


def domains(count: int) -> list[str]:
    return [f"n{number}.test" for number in range(count)]


def test_a_silent_server_fails_a_thousand_names_in_seconds() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        script = Server()
        script.silent = True
        start = loop.time()
        async with (
            ScriptedServer(script) as server,
            running(server, domains=domains(1000), max_qps=1_000) as asking,
        ):
            assert loop.time() - start < 10
            reasons = {asking.a(domain).reason for domain in domains(1000)}
            assert reasons == {f"{server.nameserver}: no reply within 2 s"}
            assert len(script.times) < 600

    run_virtually(scenario())


def test_while_it_is_silent_a_few_go_to_see_and_all_come_back_with_it() -> None:
    async def scenario() -> None:
        script = Server()
        async with (
            ScriptedServer(script) as server,
            running(server, domains=domains(500), max_qps=200) as asking,
        ):
            script.silent = True
            await asyncio.sleep(300)
            assert asking.engine.statuses == {AnswerStatus.STALE: 500}
            script.times.clear()
            await asyncio.sleep(60)
            assert 4 < len(script.times) <= 4 * 60
            script.silent = False
            script.times.clear()
            await asyncio.sleep(30 + 10 + 2)
            assert asking.engine.statuses == {AnswerStatus.RESOLVED: 500}
            assert script.most_in_a_second() <= 200

    run_virtually(scenario())


def test_a_thousand_names_come_back_within_their_pace() -> None:
    async def scenario() -> None:
        script = Server()
        async with (
            ScriptedServer(script) as server,
            running(server, domains=domains(1_000), max_qps=200) as asking,
        ):
            before = {domain: asking.a(domain).addresses for domain in domains(1_000)}
            script.silent = True
            await asyncio.sleep(120)
            assert asking.engine.statuses == {AnswerStatus.STALE: 1_000}
            assert {domain: asking.a(domain).addresses for domain in domains(1_000)} == before
            script.silent = False
            script.times.clear()
            await asyncio.sleep(30 + 20 + 2)
            assert asking.engine.statuses == {AnswerStatus.RESOLVED: 1_000}
            per_second = Counter(int(time) for time in script.times)
            assert max(per_second.values()) <= 200

    run_virtually(scenario())


def test_a_name_whose_own_servers_are_dead_takes_no_other_along() -> None:
    """A resolver that waits for them says nothing in time either: that must not look like its own end."""

    async def scenario() -> None:
        script = Server()
        script.dead = {"dead1.test", "dead2.test"}
        names = [WWW, *script.dead]
        async with ScriptedServer(script) as server, running(server, domains=names) as asking:
            for _ in range(200):
                await asyncio.sleep(10)
                assert asking.a().status is AnswerStatus.RESOLVED
            assert {asking.a(name).status for name in script.dead} == {AnswerStatus.UNKNOWN}
            longest = max(later - earlier for earlier, later in pairwise(script.times))
            assert longest < 65

    run_virtually(scenario())


def test_a_suspend_makes_everything_due_at_the_usual_pace() -> None:
    async def scenario() -> None:
        clock = LoopClock()
        script = Server()

        def long_lived(query: Query) -> Iterable[bytes]:
            script(query)
            return lasting(query, ttl=20 if query.name == "short.test" else 3000)

        names = [*domains(300), "short.test"]
        options = {"domains": names, "max_qps": 100, "clock": clock}
        async with ScriptedServer(long_lived) as server, running(server, **options):
            await asyncio.sleep(30)
            script.times.clear()
            clock.suspended = 8 * 3600.0
            await asyncio.sleep(25 + 301 * 2 / 50)
            assert len(script.times) >= 300
            assert script.most_in_a_second() <= 100

    run_virtually(scenario())


def test_a_step_of_the_wall_clock_changes_nothing() -> None:
    """Nothing here looks at it: `now.wall` of the tests' clock stands still while hours of TTLs pass."""

    async def scenario() -> None:
        script = Server()
        async with ScriptedServer(script) as server, running(server):
            await asyncio.sleep(3600)
            assert 2 * 56 <= len(script.times) <= 2 * 60

    run_virtually(scenario())


def test_every_lookup_begins_less_than_two_seconds_after_it_was_due() -> None:
    async def scenario() -> None:
        script = Server()
        async with (
            ScriptedServer(script) as server,
            running(server, domains=domains(200), max_qps=100) as asking,
        ):
            asking.counts.lags.clear()
            await asyncio.sleep(600)
            assert len(asking.counts.lags) >= 200 * 2 * 9
            assert max(asking.counts.lags) < 2

    run_virtually(scenario())


def test_ipv6_is_asked_for_seldom_while_no_interface_holds_any_and_at_once_when_one_does() -> None:
    async def scenario() -> None:
        def script(query: Query) -> Iterable[bytes]:
            if query.rrtype == "AAAA":
                return [respond(query, f"{query.name}. 60 IN AAAA 2001:db8::10")]
            return lasting(query)

        async with ScriptedServer(script) as server, running(server) as asking:
            asking.engine.follow_ipv6(idle=True)
            await asyncio.sleep(65)
            server.queries.clear()
            await asyncio.sleep(3600)
            asked = Counter(query.rrtype for query in server.queries)
            assert asked["A"] >= 55
            assert asked["AAAA"] <= 6
            server.queries.clear()
            asking.engine.follow_ipv6(idle=False)
            await asyncio.sleep(1.5)
            assert Counter(query.rrtype for query in server.queries)["AAAA"] == 1
            server.queries.clear()
            await asyncio.sleep(3600)
            assert Counter(query.rrtype for query in server.queries)["AAAA"] >= 55

    run_virtually(scenario())


def test_dead_names_among_many_well_ones_make_none_of_them_stale() -> None:
    """Their silences come together, and everything else was answered meanwhile."""

    async def scenario() -> None:
        script = Server()
        script.dead = {f"dead{number}.test" for number in range(5)}
        names = [*domains(200), *script.dead]
        async with (
            ScriptedServer(script) as server,
            running(server, domains=names, max_qps=1_000) as asking,
        ):
            for _ in range(60):
                await asyncio.sleep(10)
                assert asking.engine.statuses == {AnswerStatus.RESOLVED: 200, AnswerStatus.UNKNOWN: 5}

    run_virtually(scenario())


def test_a_server_that_cannot_be_sent_to_costs_the_others_no_time() -> None:
    """A link-local address without its link: connect() fails, and so would it for all that wait."""

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        start = loop.time()
        script = Server()
        async with (
            ScriptedServer(script) as server,
            running(
                Nameserver("fe80::53"), server.nameserver, domains=domains(300), max_qps=5_000
            ) as asking,
        ):
            assert loop.time() - start < 2
            assert asking.engine.statuses == {AnswerStatus.RESOLVED: 300}
            assert max(seconds for _, seconds in asking.counts.seen) < 2

    run_virtually(scenario())
