"""SRV, DNS64, 0x20 and wildcards against real servers: Knot, and unbound in front of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from lowatch.config.settings import DnsSettings, Nameserver
from lowatch.core.addresses import Port, format_address, parse_address, parse_prefix
from lowatch.core.answers import Answer, AnswerStatus
from lowatch.resolve.engine import Engine
from tests.support.aio import run_async
from tests.support.changed_domains import ChangedDomains
from tests.support.dns_server import Knot, Query, ScriptedServer, respond
from tests.support.netns import Netns
from tests.support.unbound import Unbound
from tests.support.virtual_time import LoopClock

ZONE = """
a            A    192.0.2.10
b            A    192.0.2.11
b            AAAA 2001:db8::11
_x._tcp      SRV  0 5 8443 a
_x._tcp      SRV  9 5 443  b
_gone._tcp   SRV  0 5 0 .
_lost._udp   SRV  0 5 53 nobody
*.wild       A    192.0.2.40
_y._tcp.wild SRV  0 5 80 any.wild
"""
WELL_KNOWN = "ipv4only.arpa"


@asynccontextmanager
async def asking(server: Nameserver, domains: Iterable[str], **settings: float) -> AsyncIterator[Engine]:
    """An engine that has asked for each domain once."""
    dns = DnsSettings((server,), **settings)  # type: ignore[arg-type]
    engine = Engine(list(domains), dns, LoopClock(), resolv_conf=Path("/nowhere"))
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(engine.run(ChangedDomains()))
        try:
            await engine.settled()
            yield engine
        finally:
            task.cancel()


async def answers(server: Nameserver, domains: Iterable[str]) -> dict[str, Answer]:
    async with asking(server, domains) as engine:
        return {domain.removesuffix(".example.com"): engine.answer(domain) for domain in domains}


def texts(answer: Answer) -> list[str]:
    return [format_address(address) for address in answer.addresses]


def test_services_resolve_to_the_addresses_and_ports_of_their_targets() -> None:
    names = ("_x._tcp", "_gone._tcp", "_lost._udp", "_none._tcp", "_y._tcp.wild")
    with Knot({"example.com": ZONE}) as knot:
        found = run_async(answers(knot.nameserver, [f"{name}.example.com" for name in names]), 10)
    service = found["_x._tcp"]
    assert (service.status, texts(service)) == (
        AnswerStatus.RESOLVED,
        ["192.0.2.10", "192.0.2.11", "2001:db8::11"],
    )
    assert service.ports_at(parse_address("192.0.2.10"), ()) == (Port(8443, "tcp"),)
    assert service.ports_at(parse_address("2001:db8::11"), ()) == (Port(443, "tcp"),)
    assert (found["_gone._tcp"].status, found["_gone._tcp"].srv_records) == (AnswerStatus.NODATA, ())
    assert found["_lost._udp"].status is AnswerStatus.NXDOMAIN
    assert found["_none._tcp"].status is AnswerStatus.NXDOMAIN
    assert texts(found["_y._tcp.wild"]) == ["192.0.2.40"]


def test_a_target_that_changes_is_followed() -> None:
    async def scenario() -> None:
        with Knot({"example.com": ZONE}) as knot:
            name = "_x._tcp.example.com"
            async with asking(knot.nameserver, [name], min_ttl=0.5, max_ttl=0.5) as engine:
                await asyncio.to_thread(
                    knot.replace, "example.com", "c A 192.0.2.12\n_x._tcp SRV 0 5 9443 c\n"
                )
                while texts(engine.answer(name)) != ["192.0.2.12"]:
                    await asyncio.sleep(0.05)
                assert engine.srv_ports == {Port(9443, "tcp")}
                assert engine.inside([parse_prefix("192.0.2.12")]) == {name}
                assert engine.inside([parse_prefix("192.0.2.10")]) == set()

    run_async(scenario(), 10)


def test_addresses_that_a_dns64_made_are_set_apart() -> None:
    options = 'dns64-prefix: 64:ff9b::/96\n    module-config: "dns64 iterator"'

    async def scenario(server: Nameserver) -> None:
        async with asking(server, ["a.example.com", "b.example.com"]) as engine:
            while not engine.answer("a.example.com").aaaa.synthesised:
                await asyncio.sleep(0.02)
            made, own = engine.answer("a.example.com"), engine.answer("b.example.com")
            assert (texts(made), made.aaaa.status) == (["192.0.2.10"], AnswerStatus.NODATA)
            assert made.aaaa.synthesised == (parse_address("64:ff9b::c000:20a"),)
            assert texts(own) == ["192.0.2.11", "2001:db8::11"]

    zones = {"example.com": ZONE, WELL_KNOWN: "@ A 192.0.0.170\n@ A 192.0.0.171"}
    with Knot(zones) as knot, Unbound(knot.nameserver, options=options) as unbound:
        run_async(scenario(unbound.nameserver), 10)


def test_off_the_host_letters_are_in_random_case_and_a_real_server_echoes_them(netns: Netns) -> None:
    netns.ip("addr add 192.0.2.53/32 dev lo")
    with Knot({"example.com": ZONE}, host="192.0.2.53", port=53) as knot:
        names = [f"n{number}.wild.example.com" for number in range(200)]
        found = run_async(answers(knot.nameserver, names), 10)
        assert {answer.status for answer in found.values()} == {AnswerStatus.RESOLVED}


async def ask_by_mixed_case(script: object) -> tuple[Answer, ScriptedServer]:
    """For more names than are asked for before the first reply."""
    names = [f"www-{number}.some-name.example.com" for number in range(60)]
    async with (
        ScriptedServer(script, host="192.0.2.53") as server,  # type: ignore[arg-type]
        asking(server.nameserver, names, timeout=0.2) as engine,
    ):
        assert len(engine.statuses) == 1
        return engine.answer(names[0]), server


def address(query: Query) -> bytes:
    return respond(query, f"{query.name}. 60 IN A 192.0.2.10") if query.rrtype == "A" else respond(query)


def test_a_server_that_does_not_echo_the_case_is_asked_in_lower_case_from_then_on(netns: Netns) -> None:
    netns.ip("addr add 192.0.2.53/32 dev lo")

    def script(query: Query) -> list[bytes]:
        message = address(query)
        question = query.message[12:-11]
        return [message.replace(question, question.lower(), 1)]

    answer, server = run_async(ask_by_mixed_case(script), 10)
    assert answer.status is AnswerStatus.RESOLVED
    mixed = [query.name != query.name.lower() for query in server.queries]
    assert mixed[0]
    assert not any(mixed[-8:])


def test_once_it_echoes_a_reply_in_another_case_is_forged(netns: Netns) -> None:
    netns.ip("addr add 192.0.2.53/32 dev lo")

    def script(query: Query) -> list[bytes]:
        question = query.message[12:-11]
        forged = respond(query, f"{query.name}. 60 IN A 203.0.113.66").replace(
            question, question.lower(), 1
        )
        return [forged, address(query)] if len(server_saw) > 5 else [address(query)]

    server_saw: list[Query] = []

    def noting(query: Query) -> list[bytes]:
        server_saw.append(query)
        return script(query)

    answer, server = run_async(ask_by_mixed_case(noting), 10)
    assert texts(answer) == ["192.0.2.10"]
    assert all(query.name != query.name.lower() for query in server.queries)


@pytest.mark.parametrize("count", [1, 3])
def test_more_servers_than_glibc_takes_are_all_used(netns: Netns, count: int) -> None:
    """The first ones refuse by ICMP: what is left answers, however far down the list."""
    for last in range(1, 7):
        netns.ip(f"addr add 192.0.2.{last}/32 dev lo")

    async def scenario(server: Nameserver) -> None:
        dead = tuple(Nameserver(f"192.0.2.{last}") for last in range(1, 1 + count + 2))
        engine = Engine(["a.example.com"], DnsSettings((*dead, server)), LoopClock())
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(engine.run(ChangedDomains()))
            await engine.settled()
            assert texts(engine.answer("a.example.com")) == ["192.0.2.10"]
            task.cancel()

    with Knot({"example.com": ZONE}, host="192.0.2.6", port=53) as knot:
        run_async(scenario(knot.nameserver), 10)
