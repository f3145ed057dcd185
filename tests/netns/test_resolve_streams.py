"""Streams to real servers: what Knot, unbound and dnsmasq do with many questions, and that we cope."""

from __future__ import annotations

import asyncio
import socket
from typing import Any, NamedTuple

import dns.message
import pytest

from lowatch.config.settings import Nameserver, Transport
from lowatch.resolve.upstream import stream_channel
from lowatch.resolve.upstream.stream_connection import StreamConnection
from tests.support.aio import run_async
from tests.support.dns_server import Knot, Query, ScriptedServer, framed, respond
from tests.support.dnsmasq import Dnsmasq
from tests.support.netns import Netns
from tests.support.streams import (
    ADDRESS,
    Connection,
    StreamServer,
    address_for,
    asking,
    names,
)
from tests.support.unbound import Unbound

ZONES = {
    "test": "\n".join(f"n{n} A {ADDRESS}" for n in range(1000))
    + "\n".join(["", *(f"big A 10.0.{n // 256}.{n % 256}" for n in range(3000))])
}


def by_tcp(server: Nameserver) -> Nameserver:
    return server._replace(transport=Transport.TCP)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[StreamConnection]:
    """Every connection that a channel opens."""
    connections = list[StreamConnection]()

    def opening(*arguments: Any) -> StreamConnection:
        connections.append(StreamConnection(*arguments))
        return connections[-1]

    monkeypatch.setattr(stream_channel, "StreamConnection", opening)
    return connections


# What they do.


class Seen(NamedTuple):
    """answered: ids, in the order of their arrival. closed: by the server."""

    answered: list[int]
    closed: bool


def pipeline(server: Nameserver, questions: list[str]) -> Seen:
    """Ask all at once on one connection; the ids count from 0."""
    queries = [dns.message.make_query(name, "A", id=n) for n, name in enumerate(questions)]
    answered: list[int] = []
    with socket.create_connection((server.host, server.port), timeout=30) as sock:
        sock.sendall(b"".join(framed(query.to_wire()) for query in queries))
        with sock.makefile("rb") as stream:
            while len(answered) < len(queries):
                try:
                    length = int.from_bytes(stream.read(2), "big")
                except ConnectionResetError:
                    length = 0
                if not length:
                    return Seen(answered, closed=True)
                answered.append(int.from_bytes(stream.read(length)[:2], "big"))
    return Seen(answered, closed=False)


def test_knot_answers_any_number_in_order() -> None:
    with Knot(ZONES) as knot:
        assert pipeline(knot.nameserver, names(1000)) == (list(range(1000)), False)


def test_unbound_answers_any_number_as_it_can() -> None:
    """What is in its cache overtakes what is not."""
    with Knot(ZONES) as knot, Unbound(knot.nameserver) as unbound:
        assert sorted(pipeline(unbound.plain, names(1000)).answered) == list(range(1000))
        order = pipeline(unbound.plain, ["big.test", *names(20)]).answered
        assert order == [*range(1, 21), 0]


def test_dnsmasq_answers_a_hundred_and_closes() -> None:
    with Knot(ZONES) as knot, Dnsmasq(knot.nameserver) as dnsmasq:
        assert pipeline(dnsmasq.nameserver, names(100)) == (list(range(100)), False)
        assert pipeline(dnsmasq.nameserver, names(300)) == (list(range(100)), True)


# That we cope.


def test_knot_is_asked_on_one_connection(opened: list[StreamConnection]) -> None:
    async def scenario(server: Nameserver) -> None:
        async with asking(server) as asked:
            await asked.ask("n0.test")
            assert await asked.ask(*names(1000)) == [ADDRESS] * 1000
            assert len(opened) == 1
            assert await asked.ask("none.test") == ["nxdomain"]
            assert (await asked.ask("elsewhere.example"))[0].startswith("REFUSED")

    with Knot(ZONES) as knot:
        run_async(scenario(by_tcp(knot.nameserver)))


def test_knot_dies_and_comes_back() -> None:
    async def scenario(knot: Knot) -> None:
        async with asking(by_tcp(knot.nameserver), timeout=0.2) as asked:
            assert await asked.ask(*names(100)) == [ADDRESS] * 100
            knot.pause()
            texts = await asked.ask(*names(300))
            assert set(texts) == {"no reply over TCP within 0.2 s"}
            knot.resume()
            assert await asked.ask(*names(300)) == [ADDRESS] * 300
            knot.kill()
            assert set(await asked.ask(*names(10))) == {"over TCP: Connection refused"}
            knot.start()
            assert await asked.ask(*names(300)) == [ADDRESS] * 300

    with Knot(ZONES) as knot:
        run_async(scenario(knot))


def test_a_restart_of_knot_costs_nothing() -> None:
    """The connection is closed while it is idle, as Knot would do by itself after 10 s."""

    async def scenario(knot: Knot) -> None:
        async with asking(by_tcp(knot.nameserver)) as asked:
            for _ in range(2):
                assert await asked.ask(*names(100)) == [ADDRESS] * 100
                knot.kill()
                knot.start()
            assert {rcode for rcode, _ in asked.observed} == {"NOERROR"}

    with Knot(ZONES) as knot:
        run_async(scenario(knot))


def test_unbound_is_asked_on_one_connection() -> None:
    async def scenario(server: Nameserver) -> None:
        async with asking(server) as asked:
            for _ in range(2):
                assert await asked.ask(*names(500)) == [ADDRESS] * 500
            (big,) = await asked.ask("big.test")
            assert len(big.split()) == 3000

    with Knot(ZONES) as knot, Unbound(knot.nameserver) as unbound:
        run_async(scenario(by_tcp(unbound.plain)))


def test_a_name_that_unbound_cannot_resolve_fails_alone(opened: list[StreamConnection]) -> None:
    """Its servers are silent; all others go by it, on the same connection."""

    def script(query: Query) -> list[bytes]:
        if query.name == "slow.test":
            return []
        return [respond(query, f"{query.name}. 60 IN A {ADDRESS}")]

    async def scenario(unbound: Unbound) -> None:
        async with asking(by_tcp(unbound.plain), timeout=0.7) as asked:
            await asked.ask("n0.test")
            (slow,) = asked.put("slow.test")
            while not slow.replies:  # half of them in the cache, half not: they overtake each other
                more = len(asked.ended)
                assert await asked.ask(*names(20), *names(20, first=more)) == [ADDRESS] * 40
            assert slow.text == "no reply over TCP within 0.7 s"
            assert len(opened) == 1

    async def serve() -> None:
        async with ScriptedServer(script) as upstream:
            starting = asyncio.get_running_loop().run_in_executor
            unbound = Unbound(upstream.nameserver)
            await starting(None, unbound.__enter__)
            try:
                await scenario(unbound)
            finally:
                unbound.__exit__()
        await asyncio.get_running_loop().shutdown_default_executor()

    run_async(serve())


def test_dnsmasq_is_asked_on_as_many_as_it_takes() -> None:
    async def scenario(server: Nameserver) -> None:
        async with asking(server) as asked:
            assert await asked.ask(*names(1000)) == [ADDRESS] * 1000
            assert {rcode for rcode, _ in asked.observed} == {"NOERROR"}

    with Knot(ZONES) as knot, Dnsmasq(knot.nameserver) as dnsmasq:
        run_async(scenario(by_tcp(dnsmasq.nameserver)))


def test_dnsmasq_before_a_distant_server_is_asked_one_at_a_time() -> None:
    """It waits for each answer before the next question: 64 at once would take far too long."""

    def script(connection: Connection, query: bytes) -> None:
        asyncio.get_running_loop().call_later(0.03, connection.reply, address_for(query))

    async def scenario() -> None:
        async with StreamServer(script) as upstream:
            with Dnsmasq(upstream.nameserver) as dnsmasq:
                async with asking(by_tcp(dnsmasq.nameserver), timeout=0.4) as asked:
                    assert await asked.ask(*names(40)) == [ADDRESS] * 40
                    assert {rcode for rcode, _ in asked.observed} == {"NOERROR"}
                    assert asked.channel._pipelining.window(asyncio.get_running_loop().time()) == 1

    run_async(scenario())


def test_a_socket_that_takes_only_some_of_it(netns: Netns) -> None:
    """Buffers of a page, questions of 255 octets: they are written as the server reads."""
    for name in ("tcp_wmem", "tcp_rmem"):
        netns.sysctl(f"net.ipv4.{name}", "4096 4096 4096")
    long = [".".join([f"{n:03}", *["x" * 61] * 3, "y" * 40, "test"]) for n in range(64)]

    def script(connection: Connection, query: bytes) -> None:
        if len(connection.queries) == 1:  # let them pile up
            connection.transport.pause_reading()
            asyncio.get_running_loop().call_later(0.05, connection.transport.resume_reading)
        if len(connection.queries) == 64:
            for each in connection.queries:
                connection.reply(address_for(each))

    async def scenario() -> None:
        async with StreamServer(script) as server, asking(server.nameserver) as asked:
            assert await asked.ask(*long) == [ADDRESS] * 64
            assert len(server.connections) == 1

    run_async(scenario())


@pytest.mark.parametrize("transport", [Transport.TCP, Transport.TLS])
def test_no_route_and_then_nobody_there(netns: Netns, transport: Transport) -> None:
    async def scenario() -> None:
        async with asking(Nameserver("192.0.2.53", 53, transport), timeout=0.2) as asked:
            assert (await asked.ask("n0.test"))[0].endswith(": Network is unreachable")
            netns.ip("link add veth0 up type veth peer name veth1")
            netns.ip("link set veth1 up")
            netns.ip("route add 192.0.2.0/24 dev veth0")
            assert await asked.ask("n0.test") == ["no TCP connection within 0.2 s"]

    run_async(scenario())
