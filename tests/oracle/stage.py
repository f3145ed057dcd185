"""Builds a world in a fresh network namespace, with real links, routes and sockets."""

from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from tests.support.netns import Netns

from .world import Network, Socket, World

_SETTLED_WITHIN = 2.0
_RTF_LOCAL = 0x8000_0000  # <linux/ipv6_route.h>


class Opened(NamedTuple):
    """A socket of the world that could be opened. full: its accept queue is full."""

    number: int
    spec: Socket
    socket: socket.socket
    full: bool = False

    @property
    def inode(self) -> int:
        return os.fstat(self.socket.fileno()).st_ino

    @property
    def group(self) -> tuple[object, ...]:
        """The same for all sockets of a REUSEPORT group.

        (inet_reuseport_add_sock() and udp_reuseport_add_sock(), include/net/sock_reuseport.h.)
        """
        alone = None if self.spec.reuseport else self.number
        # bind() makes a socket v6only if the address is an IPv6 address other than the wildcard.
        v6only = self.spec.v6only and self.spec.address == "::"
        return alone, self.spec.protocol, self.spec.address, self.spec.port, v6only, self.spec.device


@contextmanager
def staged(world: World, furnish: Callable[[Netns], None] = lambda _netns: None) -> Iterator[list[Opened]]:
    """Builds the world. The calling thread is inside it until the block ends.

    furnish: adds to the world once its addresses are there.
    Raises CommandError if an `ip` command fails. Leaves out a socket that the kernel refuses (because its
    address is in use, say).
    """
    with Netns() as netns, netns.entered():
        _ip(netns, (*world.links, *(holding.command for holding in world.holdings)))
        opened = list(_open(netns, world, full=True))
        _ip(netns, world.steering)
        opened += _open(netns, world, full=False)
        for redirect in world.redirects:
            netns.nft(redirect.ruleset)
        _settle(world)
        furnish(netns)
        _ip(netns, world.aftermath)
        if not world.lo_down:
            _await_local({ip_network("::1")})
        yield opened


def _settle(world: World) -> None:
    """Waits for IPv6's local routes, which the kernel's work queue adds after the address.

    (addrconf_dad_work(), also with nodad. A link that is down gets none.)
    """
    up = {"lo"} | {line.split()[2] for line in world.links if line.endswith(" up")}
    _await_local({one.network for one in world.holdings if one.is_address and one.device in up})


def _await_local(expected: Collection[Network]) -> None:
    wanted = {f"{int(one.network_address):032x}" for one in expected if one.version == 6}
    deadline = time.monotonic() + _SETTLED_WITHIN
    while not wanted <= _local_routes():
        if time.monotonic() > deadline:
            raise AssertionError(f"no local route came for some of {sorted(map(str, expected))}")
        select.select([], [], [], 0.001)


def _local_routes() -> set[str]:
    """The destinations of IPv6's local routes, in 32 hexadecimal digits."""
    routes = [line.split() for line in Path("/proc/thread-self/net/ipv6_route").read_text().splitlines()]
    return {destination for destination, *_, flags, _ in routes if int(flags, 16) & _RTF_LOCAL}


def _ip(netns: Netns, commands: Iterable[str]) -> None:
    """Runs successive commands of a family as a batch, because `-6` and `-4` are options of `ip` itself."""
    for family, batch in groupby(commands, key=_family):
        netns.run(
            "ip",
            *([family] if family else []),
            "-batch",
            "-",
            stdin="".join(f"{command.removeprefix(family).strip()}\n" for command in batch),
        )


def _family(command: str) -> str:
    return command[:2] if command.startswith("-") else ""


def _open(netns: Netns, world: World, *, full: bool) -> Iterator[Opened]:
    for number, spec in enumerate(world.sockets):
        if (spec.state == "full") is not full:
            continue
        try:
            made = _bound(netns, spec)
            _put_to_work(made, spec)
        except OSError:
            continue
        yield Opened(number, spec, made, full=full and _filled(netns, made))


def _bound(netns: Netns, spec: Socket) -> socket.socket:
    return netns.sockets.bound(
        spec.address,
        spec.port,
        kind=socket.SOCK_STREAM if spec.protocol == "tcp" else socket.SOCK_DGRAM,
        v6only=spec.v6only,
        reuseport=spec.reuseport,
        device=spec.device,
        freebind=spec.freebind,
        mptcp=spec.mptcp,
    )


def _put_to_work(made: socket.socket, spec: Socket) -> None:
    made.setblocking(False)
    try:
        if spec.protocol == "tcp" and spec.state in ("listening", "full"):
            made.listen(1 if spec.state == "full" else 64)
        elif spec.state == "connected":
            made.connect((_loopback(spec.address), 9))
    except OSError:
        made.close()
        raise


def _loopback(address: str) -> str:
    """The loopback address that a socket bound to `address` can connect to."""
    if "." in address:
        return "::ffff:127.0.0.1" if ":" in address else "127.0.0.1"
    return "::1"


def _filled(netns: Netns, listener: socket.socket) -> bool:
    """Fills the accept queue. Returns False if this host cannot reach the socket."""
    try:
        netns.sockets.fill(listener)
    except OSError:
        return False
    return True
