"""A Host that follows the kernel's events inside the test's loop, and what it made of them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, closing
from typing import NamedTuple

from lowatch.core.addresses import Address, Port, Prefix, format_address
from lowatch.core.held import Held, Link, LocalRoute
from lowatch.core.known import Known
from lowatch.core.policy import Policy
from lowatch.core.programs import Program
from lowatch.kernel.host import Host
from lowatch.wire.closed_client import ClosedClient

HTTP, DNS = Port(80, "tcp"), Port(53, "udp")
EVERY_INTERFACE = Policy(("*",))


class Hints:
    """Implements kernel.host_events.Hints: writes down what it is told, in readable form."""

    def __init__(self) -> None:
        self.touched: list[str] = []
        self.closed: list[tuple[str, int]] = []
        self.events: Counter[str] = Counter()
        self.clients: list[tuple[ClosedClient, int]] = []
        self.listeners: list[tuple[str, int]] = []
        self.lost_listeners = self.starts = 0
        self.everything = self.lost_clients = self.overruns = self.resyncs = 0

    def prefix_touched(self, prefix: Prefix | None) -> None:
        self.touched.append("any" if prefix is None else str(prefix))

    def socket_closed(self, address: Address, port: int) -> None:
        self.closed.append((format_address(address), port))

    def listener_comes(self, address: Address, port: int) -> None:
        self.listeners.append((format_address(address), port))

    def unit_starts(self) -> None:
        self.starts += 1

    def listeners_lost(self) -> None:
        self.lost_listeners += 1

    def everything_touched(self) -> None:
        self.everything += 1

    def event(self, group: str) -> None:
        self.events[group] += 1

    def client_closed(self, client: ClosedClient, weight: int, program: Program | None) -> None:
        self.clients.append((client, weight))

    def clients_lost(self) -> None:
        self.lost_clients += 1

    def overrun(self) -> None:
        self.overruns += 1

    def resync(self) -> None:
        self.resyncs += 1


class Tables(NamedTuple):
    """All that a host's tables say."""

    links: set[Link]
    held: set[Held]
    wide_routes: set[LocalRoute]
    loopback_up: bool


def tables(host: Host) -> Tables:
    host.refresh()
    links, held = host.links(), host.held()
    assert isinstance(links, Known)
    assert isinstance(held, Known)
    shown = {_without_what_is_not_told(one) for one in held.value}
    return Tables(set(links.value), shown, set(host.wide_routes()), host.loopback_up())


def _without_what_is_not_told(held: Held) -> Held:
    """Of a tentative address, that it is deprecated or is no longer (tests/kernel_behaviour)."""
    if "tentative" not in held.flags:
        return held
    return held._replace(flags=tuple(flag for flag in held.flags if flag != "deprecated"))


def dumped() -> Tables:
    """What a host says that has just been made."""
    with closing(Host(EVERY_INTERFACE)) as host:
        return tables(host)


@asynccontextmanager
async def following(
    ports: Iterable[Port] = (HTTP, DNS), receive_buffer: int = 4 << 20
) -> AsyncIterator[tuple[Host, Hints]]:
    """The host watches every interface, and its tables are filled."""
    hints = Hints()
    with closing(Host(EVERY_INTERFACE)) as host:
        host.follow(ports, hints, receive_buffer)
        host.refresh()
        yield host, hints


async def caught_up() -> None:
    """The loop has read what the kernel announced until now."""
    for _ in range(3):  # one turn to see that there is something, one to read it
        await asyncio.sleep(0)


async def agreed(host: Host) -> None:
    """Return when the tables say what a dump says; AssertionError where they never do.

    (IPv6 addresses change by themselves for a moment: they become permanent, and local.)
    """
    try:
        async with asyncio.timeout(3):
            while tables(host) != dumped():
                await asyncio.sleep(0.002)
    except TimeoutError:
        assert tables(host) == dumped()


def addresses(host: Host) -> set[str]:
    return {format_address(held.address) for held in tables(host).held if held.by == "address"}


def routes(host: Host) -> set[str]:
    return {f"{held.prefix} {held.interface}" for held in tables(host).held if held.by == "route"}
