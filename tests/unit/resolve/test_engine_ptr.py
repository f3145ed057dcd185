"""PTR records through the whole engine: targets, aliases, failures, and what is too long for a datagram."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from lowatch.config.settings import DnsSettings
from lowatch.core.addresses import format_address, parse_address
from lowatch.core.answers import Answer, AnswerStatus
from lowatch.core.limits.names import TARGETS_PER_SERVICE
from lowatch.core.reverse_names import reverse_name
from lowatch.resolve.engine import Engine
from tests.support.dns_server import Query, ScriptedServer, framed, respond, soa
from tests.support.virtual_time import LoopClock, run_virtually
from tests.unit.resolve.asking import Asking, Counts, address_only

VIP = "192.0.2.10"
REVERSE = reverse_name(parse_address(VIP))
ZONE = "2.0.192.in-addr.arpa."
SHOP, OTHER = "shop.example.com", "other.example.com"


def named(*targets: str, ttl: int = 60) -> Callable[[Query], Iterable[bytes]]:
    """A script: these PTR records, and one A record for every name."""

    def script(query: Query) -> Iterable[bytes]:
        if query.rrtype == "PTR":
            return [respond(query, *(f"{REVERSE}. {ttl} IN PTR {target}" for target in targets))]
        return address_only(query)

    return script


@asynccontextmanager
async def asking(server: ScriptedServer) -> AsyncIterator[Asking]:
    settings, counts = DnsSettings((server.nameserver,), min_ttl=1.0), Counts()
    engine = Engine([REVERSE], settings, LoopClock(), counts, Path("/nowhere"), ptr=True)
    found = Asking(engine, counts)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(engine.run(found))
        await engine.settled()
        await asyncio.sleep(0)
        yield found
        task.cancel()


def asked(
    script: Callable[[Query], Iterable[bytes]], over_tcp: Callable[[Query], bytes] | None = None
) -> tuple[Answer, list[Query], str]:
    """The answer, all queries, and the reason of a failure without the server's own name."""

    async def scenario() -> tuple[Answer, list[Query], str]:
        async with ScriptedServer(script, over_tcp) as server, asking(server) as found:
            answer = found.engine.answer(REVERSE)
            reason = answer.a.reason.replace(f"{server.nameserver}: ", "")
            return answer, server.queries, reason

    return run_virtually(scenario())


def targets(answer: Answer) -> dict[str, list[str]]:
    return {one.target: [*map(format_address, one.addresses)] for one in answer.srv_records or ()}


def test_each_target_is_asked_for_its_addresses() -> None:
    answer, queries, _ = asked(named(f"{SHOP}.", "Other.Example.COM."))
    assert targets(answer) == {SHOP: [VIP], OTHER: [VIP]}
    kinds = {(query.name.lower(), query.rrtype) for query in queries}
    expected = {(name, rrtype) for name in (SHOP, OTHER) for rrtype in ("A", "AAAA")}
    assert kinds == {(REVERSE, "PTR"), *expected}


@pytest.mark.parametrize(
    "target",
    [
        ".",
        "localhost.",
        f"{REVERSE}.",
        "shop.local.",
        "_http._tcp.example.com.",
        "192.0.2.10.",
        "a\\010b.example.",
        "*.example.",
        ".".join(["\\001" * 63, "\\255" * 63, "x" * 63, "\\." * 61, ""]),
    ],
)
def test_what_is_no_name_of_a_host_is_left_out(target: str) -> None:
    answer, queries, _ = asked(named(target, f"{SHOP}."))
    assert targets(answer) == {SHOP: [VIP]}
    assert {query.name for query in queries} == {REVERSE, SHOP}


def test_a_delegation_by_an_alias_whose_end_has_to_be_asked_for() -> None:
    """RFC 2317: the label has a slash, and another server's zone has the records."""
    alias = f"10.8/29.{ZONE}"

    def script(query: Query) -> Iterable[bytes]:
        if query.name == REVERSE:
            return [respond(query, f"{REVERSE}. 60 IN CNAME {alias}")]
        if query.rrtype == "PTR":
            return [respond(query, f"{query.name}. 60 IN PTR {SHOP}.")]
        return address_only(query)

    answer, queries, _ = asked(script)
    assert targets(answer) == {SHOP: [VIP]}
    assert ("10.8/29." + ZONE[:-1], "PTR") in {(query.name, query.rrtype) for query in queries}


def test_a_loop_of_aliases_is_a_failure() -> None:
    def script(query: Query) -> Iterable[bytes]:
        return [respond(query, f"{query.name}. 60 IN CNAME {REVERSE}.")]

    answer, _, reason = asked(script)
    assert answer.status is AnswerStatus.UNKNOWN
    assert reason.startswith(f"PTR: CNAME loop at {REVERSE}")


@pytest.mark.parametrize(
    ("rcode", "status"),
    [
        ("NXDOMAIN", AnswerStatus.NXDOMAIN),
        ("NOERROR", AnswerStatus.NODATA),
        ("SERVFAIL", AnswerStatus.UNKNOWN),
        ("REFUSED", AnswerStatus.UNKNOWN),
    ],
)
def test_no_record(rcode: str, status: AnswerStatus) -> None:
    authority = [] if status is AnswerStatus.UNKNOWN else [soa(ZONE)]
    answer, _, reason = asked(lambda query: [respond(query, rcode=rcode, authority=authority)])
    assert answer.a.status is status
    assert targets(answer) == {}
    assert reason == (f"PTR: {rcode}" if status is AnswerStatus.UNKNOWN else "")


@pytest.mark.parametrize("count", [200, 600])
def test_what_was_truncated_comes_by_tcp_and_is_cut(count: int) -> None:
    """600 records are more than dnspython is given."""
    records = [f"{REVERSE}. 60 IN PTR n{number}.example.com." for number in range(count)]

    def script(query: Query) -> Iterable[bytes]:
        if query.rrtype == "PTR":
            return [respond(query, truncated=True)]
        return address_only(query)

    answer, queries, _ = asked(script, lambda query: framed(respond(query, *records)))
    assert len(targets(answer)) == TARGETS_PER_SERVICE.value
    assert answer.more == count - TARGETS_PER_SERVICE.value
    assert [query.protocol for query in queries if query.rrtype == "PTR"] == ["udp", "tcp"]


def test_it_is_asked_again_at_its_ttl_and_after_failures_ever_more_rarely() -> None:
    async def scenario() -> None:
        script = named(f"{SHOP}.", ttl=10)
        async with ScriptedServer(script) as server, asking(server) as found:

            def ptr_queries() -> int:
                return sum(query.rrtype == "PTR" for query in server.queries)

            await asyncio.sleep(60.0)
            assert 5 <= ptr_queries() <= 7
            server.script = named(f"{OTHER}.", ttl=10)
            await asyncio.sleep(15.0)
            assert targets(found.engine.answer(REVERSE)) == {OTHER: [VIP]}
            before = ptr_queries()
            server.script = lambda query: [respond(query, rcode="SERVFAIL")]
            await asyncio.sleep(3_000.0)
            assert ptr_queries() - before < 30
            answer = found.engine.answer(REVERSE)
            assert targets(answer) == {OTHER: [VIP]}, "a failure removes nothing"
            assert "PTR: " in answer.a.reason
            server.script = script
            await asyncio.sleep(400.0)
            assert targets(found.engine.answer(REVERSE)) == {SHOP: [VIP]}

    run_virtually(scenario())


def test_without_it_a_reverse_name_is_like_any_other() -> None:
    async def scenario() -> None:
        async with ScriptedServer(address_only) as server:
            settings = DnsSettings((server.nameserver,))
            engine = Engine([REVERSE], settings, LoopClock(), Counts(), Path("/nowhere"))
            async with asyncio.TaskGroup() as tasks:
                task = tasks.create_task(engine.run(Asking(engine, Counts())))
                await engine.settled()
                task.cancel()
            assert {query.rrtype for query in server.queries} == {"A", "AAAA"}
            assert engine.answer(REVERSE).srv_records is None

    run_virtually(scenario())
