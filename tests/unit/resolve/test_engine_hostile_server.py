"""Servers that lie, stall, break off or are not there: each with the state it must lead to."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Iterable

import pytest

from lowatch.config.settings import Nameserver
from lowatch.core.addresses import format_address
from lowatch.core.answers import AnswerStatus, RRset
from tests.support.dns_messages import ASKED, PRIVATE, pointer, record, response
from tests.support.dns_server import Query, ScriptedServer, framed, free_port, respond, soa
from tests.support.virtual_time import run_virtually
from tests.unit.resolve.asking import ADDRESS, WWW, address_only, ask, running

Script = Callable[[Query], Iterable[bytes]]
OverTcp = Callable[[Query], "bytes | list[bytes] | None"]
FORGED = "203.0.113.66"
_OPT = 11  # octets of the record at the end of each query


def asked(script: Script, over_tcp: OverTcp | None = None) -> tuple[RRset, str]:
    """What WWW comes to, and why where it is nothing, without the server's own name."""

    async def scenario() -> tuple[RRset, str]:
        async with ScriptedServer(script, over_tcp) as server:
            rrset = await ask(server)
            return rrset, rrset.reason.removeprefix(f"{server.nameserver}: ")

    return run_virtually(scenario())


def right(query: Query) -> bytes:
    return address_only(query)[0]


def forged(query: Query) -> bytes:
    return address_only(query, FORGED)[0]


def addresses(rrset: RRset) -> list[str]:
    return [format_address(address) for address in rrset.addresses]


def with_wrong_id(query: Query) -> bytes:
    message = forged(query)
    return bytes((message[0] ^ 1,)) + message[1:]


def with_wrong_name(query: Query) -> bytes:
    return forged(query).replace(b"\3www", b"\3wwx", 1)


def with_wrong_type(query: Query) -> bytes:
    return forged(query).replace(b"\3com\0\0\1\0\1", b"\3com\0\0\x1c\0\1", 1)


def as_a_query(query: Query) -> bytes:
    message = bytearray(forged(query))
    message[2] &= 0x7F
    return bytes(message)


IGNORED = {
    "wrong id": with_wrong_id,
    "wrong name": with_wrong_name,
    "wrong type": with_wrong_type,
    "the query echoed": lambda query: query.message,
    "not marked as a response": as_a_query,
    "cut off in the header": lambda query: forged(query)[:11],
    "cut off in the question": lambda query: forged(query)[:20],
    "empty": lambda query: b"",
}


@pytest.mark.parametrize("case", IGNORED)
def test_what_does_not_match_is_ignored_and_the_right_answer_still_taken(case: str) -> None:
    rrset, _ = asked(lambda query: [*[IGNORED[case](query)] * 5, right(query), forged(query)])
    assert (rrset.status, addresses(rrset)) == (AnswerStatus.RESOLVED, [ADDRESS])


@pytest.mark.parametrize("case", IGNORED)
def test_alone_it_is_silence(case: str) -> None:
    rrset, reason = asked(lambda query: [IGNORED[case](query)])
    assert (rrset.status, reason) == (AnswerStatus.UNKNOWN, "no reply within 2 s")
    assert rrset.addresses == ()


def test_another_source_port_is_not_heard() -> None:
    async def scenario() -> None:
        with socket.socket(type=socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.1", 0))

            def script(query: Query) -> list[bytes]:
                other.sendto(forged(query), query.source)
                return [right(query)]

            async with ScriptedServer(script) as server:
                assert addresses(await ask(server)) == [ADDRESS]

    run_virtually(scenario())


FAILURES = {
    "SERVFAIL": (lambda query: respond(query, rcode="SERVFAIL"), "SERVFAIL"),
    "REFUSED": (lambda query: respond(query, rcode="REFUSED"), "REFUSED"),
    "FORMERR": (lambda query: respond(query, rcode="FORMERR"), "FORMERR"),
    "NOTIMP": (lambda query: respond(query, rcode="NOTIMP"), "NOTIMP"),
    "bogus": (
        lambda query: respond(query, rcode="SERVFAIL", extended_error=(6, "")),
        "SERVFAIL (EDE 6 DNSSEC BOGUS)",
    ),
    "a referral": (
        lambda query: respond(query, authority=["com. 60 IN NS a.gtld-servers.net."]),
        "a referral: it resolves only the zones it serves itself",
    ),
    "a CNAME loop": (
        lambda query: respond(query, f"{WWW}. 60 IN CNAME a.test.", f"a.test. 60 IN CNAME {WWW}."),
        f"CNAME loop at {WWW}",
    ),
}


@pytest.mark.parametrize("case", FAILURES)
def test_a_failure_is_unknown_and_says_why(case: str) -> None:
    script, expected = FAILURES[case]
    rrset, reason = asked(lambda query: [script(query)])
    assert (rrset.status, rrset.addresses, reason) == (AnswerStatus.UNKNOWN, (), expected)


def test_a_body_of_garbage_is_malformed() -> None:
    rrset, reason = asked(lambda query: [right(query)[:-3]])
    assert rrset.status is AnswerStatus.UNKNOWN
    assert reason.startswith("malformed response: ")


@pytest.mark.parametrize(("ttl", "wait"), [(0, 6), (2**31, 6), (2**31 - 1, 3601)])
def test_an_extreme_ttl_is_clamped(ttl: int, wait: int) -> None:
    """A top bit reads as 0 (RFC 2181, 8), which must not become a hot loop."""

    def script(query: Query) -> list[bytes]:
        if query.rrtype != "A":
            return [respond(query, authority=[soa("example.com.", ttl=3600, minimum=3600)])]
        message = address_only(query, ttl=0x12345678)[0]
        return [message.replace(b"\x12\x34\x56\x78", ttl.to_bytes(4, "big"))]

    async def scenario() -> None:
        def asked(server: ScriptedServer) -> int:
            return [query.rrtype for query in server.queries].count("A")

        async with ScriptedServer(script) as server, running(server):
            await asyncio.sleep(wait - 0.5)
            assert asked(server) == 1
            await asyncio.sleep(wait * 0.05 + 1.5)
            assert asked(server) == 2

    run_virtually(scenario())


# Truncation: by TCP then.


def truncated(query: Query) -> list[bytes]:
    return [respond(query, truncated=True)]


def many(query: Query) -> bytes:
    """As many addresses as 64 KiB hold."""
    if query.rrtype != "A":
        return respond(query)
    hosts = (f"10.0.{n // 256}.{n % 256}" for n in range(4090))
    return respond(query, *(f"{query.name}. 60 IN A {host}" for host in hosts))


def test_a_truncated_answer_is_fetched_by_tcp() -> None:
    rrset, _ = asked(truncated, lambda query: framed(right(query)))
    assert (rrset.status, addresses(rrset)) == (AnswerStatus.RESOLVED, [ADDRESS])


def test_an_answer_of_64_kib_is_read_whole() -> None:
    async def scenario() -> None:
        async with ScriptedServer(truncated, lambda query: framed(many(query))) as server:
            rrset = await ask(server)
            assert len(rrset.addresses) + rrset.more == 4090

    run_virtually(scenario())


def compressed_to_death(query: Query) -> bytes:
    """4,000 names, each to be read via 7,680 compression pointers."""
    question = query.message[12:-_OPT]
    start = len(response([record(ASKED, PRIVATE, b"")], question=question))
    chain = ASKED + b"".join(pointer(start + 2 * n) for n in range(7679))
    names = [record(pointer(start + 2 * 7679), PRIVATE, b"")] * 4000
    return query.message[:2] + response([record(ASKED, PRIVATE, chain), *names], question=question)[2:]


def test_an_answer_meant_to_take_long_is_malformed_and_does_not() -> None:
    before = time.process_time()
    rrset, reason = asked(truncated, lambda query: framed(compressed_to_death(query)))
    assert rrset.status is AnswerStatus.UNKNOWN
    assert reason.startswith("a response too large to be read, and not plain: ")
    assert time.process_time() - before < 5


TCP_FAILURES: dict[str, tuple[OverTcp | None, str]] = {
    "refused": (None, "over TCP: Connection refused"),
    "closed at once": (
        lambda query: b"",
        "over TCP: the server closed the connection before its reply was complete",
    ),
    "closed in the middle": (
        lambda query: framed(right(query))[:-1],
        "over TCP: the server closed the connection before its reply was complete",
    ),
    "silent": (lambda query: None, "no reply over TCP within 2 s"),
    "dripping": (
        lambda query: [bytes((octet,)) for octet in framed(right(query))],
        "no reply over TCP within 2 s",
    ),
    "wrong id": (
        lambda query: framed(with_wrong_id(query)),
        "over TCP: a reply to another question",
    ),
    "wrong name": (
        lambda query: framed(with_wrong_name(query)),
        "over TCP: a reply to another question",
    ),
    "truncated again": (
        lambda query: framed(respond(query, truncated=True)),
        "over TCP: a truncated reply",
    ),
    "empty": (lambda query: framed(b""), "over TCP: a reply to another question"),
}


@pytest.mark.parametrize("case", TCP_FAILURES)
def test_tcp_that_fails_is_unknown_never_nodata(case: str) -> None:
    over_tcp, expected = TCP_FAILURES[case]
    rrset, reason = asked(truncated, over_tcp)
    assert (rrset.status, rrset.addresses, reason) == (AnswerStatus.UNKNOWN, (), expected)


# Chains.


# Nobody there.


def test_a_refusal_by_icmp_is_noticed_at_once() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        nobody = Nameserver("127.0.0.1", free_port())
        before = loop.time()
        rrset = await ask(nobody)
        assert (rrset.status, rrset.reason) == (AnswerStatus.UNKNOWN, f"{nobody}: Connection refused")
        assert loop.time() - before < 0.1

    run_virtually(scenario())


def test_silence_costs_two_timeouts() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        async with ScriptedServer(lambda query: []) as server:
            before = loop.time()
            rrset = await ask(server)
            assert rrset.reason == f"{server.nameserver}: no reply within 2 s"
            assert loop.time() - before == pytest.approx(4.0)
            assert len(server.queries) == 4  # A and AAAA, twice each

    run_virtually(scenario())


def test_a_reply_that_is_too_late_is_ignored() -> None:
    async def scenario() -> None:
        before: list[Query] = []

        def script(query: Query) -> list[bytes]:
            """Reply to the first try when the second one comes."""
            late = [forged(each) for each in before if each.rrtype == query.rrtype]
            before.append(query)
            return late

        async with ScriptedServer(script) as server, running(server) as asking:
            assert asking.a().status is AnswerStatus.UNKNOWN

    run_virtually(scenario())


def test_a_flood_of_forgeries_does_not_get_in() -> None:
    """As many as a socket's buffer holds, with every id near the right one, and then the right reply."""

    def script(query: Query) -> list[bytes]:
        message = forged(query)
        ident = int.from_bytes(message[:2], "big")
        flood = [
            (ident + n & 0xFFFF).to_bytes(2, "big") + message[2:] for n in (*range(-70, 0), *range(1, 70))
        ]
        return [*flood, right(query)]

    rrset, _ = asked(script)
    assert (rrset.status, addresses(rrset)) == (AnswerStatus.RESOLVED, [ADDRESS])
