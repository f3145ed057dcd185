"""What is reported of clients that closed, by a real kernel."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager, closing, suppress
from typing import Any

import pytest

from lowatch.core import sampling_pace
from lowatch.core.addresses import Port, format_address, parse_address
from lowatch.core.programs import Program
from lowatch.core.traced_clients import TracedClient
from lowatch.kernel.failed_connects import SAVED_AFTER, FailedConnects
from lowatch.kernel.own_clients import OwnClients
from lowatch.wire.closed_client import ClosedClient
from lowatch.wire.inet_diag import DESTROY_GROUPS
from tests.kernel_behaviour.asking import NETLINK_SOCK_DIAG, netlink_socket
from tests.support.aio import run_async
from tests.support.netns import Netns

VIP = parse_address("192.0.2.10")


class Heard:
    """Implements ClientHints."""

    def __init__(self) -> None:
        self.clients: list[tuple[str, int, int]] = []
        self.programs: list[Program | None] = []
        self.lost = 0
        self._changed = asyncio.Event()

    def client_closed(self, client: ClosedClient, weight: int, program: Program | None) -> None:
        self.clients.append((format_address(client.address), client.port, weight))
        self.programs.append(program)
        self._changed.set()

    def clients_lost(self) -> None:
        self.lost += 1
        self._changed.set()

    async def until(self, look: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not look():
                self._changed.clear()
                await self._changed.wait()


def connect(port: int, own: OwnClients | None = None, address: str = "192.0.2.10") -> None:
    with socket.socket() as client:
        client.setblocking(False)
        client.connect_ex((address, port))
        if own is not None:
            own.add(client)


def connect_and_wait(port: int, address: str = "192.0.2.10") -> None:
    """Until the kernel has reported it, to whoever wants to know."""
    with closing(netlink_socket(NETLINK_SOCK_DIAG, *DESTROY_GROUPS)) as ear:
        connect(port, address=address)
        ear.recv(1 << 16)


@pytest.fixture
def vip(netns: Netns) -> Netns:
    netns.ip("addr add 192.0.2.10/32 dev lo")
    return netns


@asynccontextmanager
async def following(
    heard: Heard, own: OwnClients | None = None, buffer: int = 1 << 20, trace: Any = None
) -> AsyncIterator[FailedConnects]:
    clients = FailedConnects(heard, own or OwnClients(), trace)
    clients.open(buffer)
    try:
        yield clients
    finally:
        clients.close()


def test_nothing_before_an_address_is_followed_and_nothing_after(vip: Netns) -> None:
    async def follow() -> None:
        heard = Heard()
        async with following(heard) as clients:
            connect_and_wait(1)
            clients.follow([VIP], [Port(53, "udp")])
            connect(2)
            await heard.until(lambda: heard.clients == [("192.0.2.10", 2, 1)])
            clients.follow([], [])
            connect_and_wait(3)
            clients.follow([VIP], [])
            connect(4)
            await heard.until(lambda: heard.clients[1:] == [("192.0.2.10", 4, 1)])
        assert heard.lost == 0

    run_async(follow())


def test_its_own_connects_are_left_out(vip: Netns) -> None:
    async def follow() -> None:
        heard, own = Heard(), OwnClients()
        async with following(heard, own) as clients:
            clients.follow([VIP], [])
            for port in (1, 2, 3):
                connect(port, own if port == 2 else None)
            await heard.until(lambda: len(heard.clients) == 2)
            assert [port for _, port, _ in heard.clients] == [1, 3]

    run_async(follow())


def test_a_flood_is_sampled_and_scaled(vip: Netns, monkeypatch: pytest.MonkeyPatch) -> None:
    """(Any machine makes a flood of a hundred; a thousand a second may be too much for a busy one.)"""
    monkeypatch.setattr(sampling_pace, "_WINDOW", 100)
    monkeypatch.setattr(sampling_pace, "_AT_MOST", 0.1)

    async def follow() -> None:
        heard, made = Heard(), 4_000
        async with following(heard) as clients:
            clients.follow([VIP], [])
            for number in range(made):
                connect(80)
                if number % 50 == 0:
                    connect_and_wait(80, "127.0.0.1")
                    await asyncio.sleep(0)
            await asyncio.sleep(0)
            told = sum(weight for _, _, weight in heard.clients)
            assert abs(told - made) < made / 2
            assert len(heard.clients) < made / 4
            assert {weight for _, _, weight in heard.clients} >= {1, 4, 16}

    run_async(follow())


def test_what_overruns_the_buffer_is_reported(vip: Netns) -> None:
    async def follow() -> None:
        heard = Heard()
        async with following(heard, buffer=1) as clients:
            clients.follow([VIP], [])
            for _ in range(300):
                connect(80)
            await heard.until(lambda: heard.lost > 0)
            connect(81)  # one in four arrives
            with suppress(TimeoutError):
                async with asyncio.timeout(0.2):
                    await heard.until(lambda: False)
            assert {weight for _, port, weight in heard.clients if port == 81} <= {4}

    run_async(follow())


class Trace:
    """Stands for a SocketTrace: each client is of a thread whose name is not saved yet."""

    def __init__(self, saved: dict[int, str], *, is_named: bool = False) -> None:
        self.saved = saved
        self.is_named = is_named
        self.asked: list[Collection[int]] = []
        self.thread = 4711

    def follow(self, addresses: object) -> None:
        """Whatever they are."""

    def take(self, client: ClosedClient) -> TracedClient:
        self.thread += 1
        return TracedClient(Program("", self.thread, "a.service"), 80, self.thread, 0.0, self.is_named)

    def names(self, threads: Collection[int]) -> dict[int, str]:
        self.asked.append(threads)
        return self.saved


@pytest.mark.parametrize("first", ["curl", ""])
def test_a_name_that_is_not_saved_yet_is_waited_for(vip: Netns, first: str) -> None:
    """Not for ever: it may never be."""
    trace = Trace({4713: "wget"} | ({4712: first} if first else {}))

    async def follow() -> None:
        heard = Heard()
        async with following(heard, trace=trace) as clients:
            clients.follow([VIP], [])
            connect(80)
            connect(80)
            await heard.until(lambda: len(heard.clients) == 2)
        assert set(heard.programs) == {
            Program(first, 4712, "a.service"),
            Program("wget", 4713, "a.service"),
        }
        assert 1 <= len(trace.asked) <= 3

    run_async(follow())


def test_an_empty_name_is_not_waited_for(vip: Netns) -> None:
    trace = Trace({}, is_named=True)

    async def follow() -> None:
        heard = Heard()
        async with following(heard, trace=trace) as clients:
            clients.follow([VIP], [])
            connect(80)
            await heard.until(lambda: heard.programs == [Program("", 4712, "a.service")])
        assert trace.asked == []

    run_async(follow())


def test_who_waits_for_a_name_is_forgotten_at_the_end(vip: Netns) -> None:
    trace = Trace({})

    async def follow() -> None:
        heard = Heard()
        async with following(heard, trace=trace) as clients:
            clients.follow([VIP], [])
            connect_and_wait(80)
            async with asyncio.timeout(30):
                while trace.thread == 4711:
                    await asyncio.sleep(0)
        await asyncio.sleep(2 * SAVED_AFTER)
        assert heard.clients == []

    run_async(follow())
