"""Makes hosts to try fixes on: a random or a plain world, with a neighbour, and routes that need addresses.

The neighbour is reached through n0: one address in n0's network, and one by the default route, in both
families. n0 may have no address of its own. Then packets have an address of another interface as source.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_interface, ip_network
from itertools import groupby
from random import Random

from tests.support.netns import CommandError, Netns

from .clients import LONG
from .generate import generate
from .world import Holding, Named, Protocol, Socket, World

ECHO = 7
NEIGHBOURS = ("198.18.0.2", "203.0.113.50", "2001:db8:18::2", "2001:db8:ffff::50")
_THERE = (
    "addr add 198.18.0.2/24 dev n0",
    "addr add 203.0.113.50/32 dev lo",
    "addr add 2001:db8:18::2/64 dev n0 nodad",
    "addr add fe80::2/64 dev n0 nodad",
    "addr add 2001:db8:ffff::50/128 dev lo nodad",
    "link set n0 up",
    "-6 route add default via fe80::1 dev n0",
)


@dataclass(frozen=True, slots=True)
class Host:
    """uplink: `ip` commands that connect it to the neighbour. numbered: n0 has an IPv4 address.

    leaks: whether its NICs answer ARP requests for every local address. promotes: whether
    promote_secondaries is set.
    """

    world: World
    uplink: tuple[str, ...]
    numbered: bool
    leaks: bool
    promotes: bool
    expect: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f"ip {command}" for command in self.uplink]
        lines += [] if self.leaks else ["sysctl net.ipv4.conf.all.arp_ignore=1 .arp_announce=2"]
        lines += [f"sysctl net.ipv4.conf.all.promote_secondaries={self.promotes:d}"]
        lines += [f"expect = {', '.join(self.expect)}"] if self.expect else []
        return "\n".join([str(self.world), *(f"  {line}" for line in lines)])

    def furnish(self, netns: Netns) -> None:
        other = netns.sibling()
        netns.ip(f"link add n0 type veth peer name n0 netns {other.path}")
        # Without an address of its own it answers for every local address.
        back = "via 198.18.0.1" if self.numbered else "dev n0"
        _run(netns, self.uplink)
        for setting, value in (("arp_ignore", 1), ("arp_announce", 2)):
            netns.sysctl(f"net.ipv4.conf.all.{setting}", 0 if self.leaks else value)
        netns.sysctl("net.ipv4.conf.all.promote_secondaries", int(self.promotes))
        _run(other, (*_THERE, f"route add default {back}"))
        with other.entered():
            for address in NEIGHBOURS:
                other.listener(address, ECHO)


def _run(netns: Netns, commands: Iterable[str]) -> None:
    """Ignores commands that the kernel refuses (with a source address that is not local, say)."""
    for family, batch in groupby(commands, key=lambda command: command[:2] if command[0] == "-" else ""):
        lines = "".join(f"{command.removeprefix(family).strip()}\n" for command in batch)
        with suppress(CommandError):
            netns.run("ip", *([family] if family else []), "-force", "-batch", "-", stdin=lines)


def reached(expected: frozenset[str] = frozenset()) -> frozenset[str]:
    """The addresses of the neighbour that answer. expected: waits for these on a busy machine."""
    found = {address for address in NEIGHBOURS if _answers(address)}
    deadline = time.monotonic() + LONG
    while not expected <= found and time.monotonic() < deadline:
        found |= {address for address in expected - found if _answers(address)}
    return frozenset(found)


def _answers(address: str) -> bool:
    try:
        socket.create_connection((address, ECHO), timeout=0.3).close()
    except OSError:
        select.select([], [], [], 0.01)
        return False
    return True


def host(seed: int, *, plain: bool | None = None) -> Host:
    """plain: only addresses and routes to single addresses, like most hosts. None: sometimes."""
    random = Random(f"host {seed}")
    if plain is None:
        plain = random.random() < 0.4
    world = _plain(seed, random) if plain else generate(seed)
    held = [str(one.exact) for one in world.holdings if one.exact is not None and one.device == "lo"]
    numbered = random.random() < 0.8
    expect = tuple(random.sample(held, 1)) if held and random.random() < 0.15 else ()
    if random.random() < 0.05:
        expect += ("192.0.2.200",)
    leaks = not numbered or random.random() < 0.15
    return Host(
        world,
        tuple(_uplink(random, held, numbered=numbered)),
        numbered,
        leaks,
        random.random() < 0.5,
        expect,
    )


def _uplink(random: Random, held: list[str], *, numbered: bool) -> list[str]:
    commands = ["addr add fe80::1/64 dev n0 nodad", "link set n0 up"]
    if numbered:
        commands.append("addr add 198.18.0.1/24 dev n0")
    if random.random() < 0.8:
        commands.append("addr add 2001:db8:18::1/64 dev n0 nodad")
    v4 = [one for one in held if "." in one]
    v6 = [one for one in held if ":" in one]
    source = f" src {random.choice(v4)}" if v4 and random.random() < 0.2 else ""
    commands.append("route add 198.18.0.2/32 dev n0")
    commands.append(f"route add default via 198.18.0.2 dev n0 onlink{source}")
    source = f" src {random.choice(v6)}" if v6 and random.random() < 0.2 else ""
    commands.append("-6 route add 2001:db8:18::2/128 dev n0")
    commands.append(f"-6 route add default via fe80::2 dev n0{source}")
    if v4 and random.random() < 0.1:
        commands.append(f"route add 203.0.113.50/32 via 198.18.0.2 dev n0 onlink src {random.choice(v4)}")
    if random.random() < 0.05:
        commands.append("addr del 127.0.0.1/8 dev lo")
    return commands


_PORTS: tuple[tuple[int, Protocol], ...] = ((80, "tcp"), (443, "tcp"), (53, "udp"), (8443, "tcp"))


def _plain(seed: int, random: Random) -> World:
    """A few addresses on lo, with a name or two each. Most are served."""
    holdings = [_hold(text) for text in _addresses(random)]
    addresses = list(dict.fromkeys(str(one.exact) for one in holdings if one.exact is not None))
    if random.random() < 0.2:
        addresses.append("10.0.0.77")  # local only where a prefix makes it so
    names, sockets = [], []
    for number, address in enumerate(addresses):
        served = random.random() < 0.6
        for name in range(random.choice((0, 1, 1, 2))):
            ports = tuple(random.sample(_PORTS, random.choice((1, 1, 2))))
            names.append(Named(f"www{number}-{name}.example.com", (address,), ports))
            for port, protocol in ports if served else ():
                sockets.append(Socket(protocol, address, port))
    if random.random() < 0.15:
        port, protocol = random.choice((*_PORTS, (22, "tcp")))
        sockets.append(Socket(protocol, random.choice(("0.0.0.0", "::")), port, v6only=None))
    return World(seed, holdings=tuple(holdings), sockets=tuple(dict.fromkeys(sockets)), names=tuple(names))


_AROUND = (
    "10.0.0.1/32",
    "10.0.0.9/26",
    "10.0.0.2/16",
    "route 10.0.0.1",
    "route 10.0.0.0/24",
    "10.0.0.17/32",
)


def _addresses(random: Random) -> list[str]:
    found = [f"192.0.2.{octet}/32" for octet in random.sample(range(1, 9), random.randint(1, 3))]
    found += [f"2001:db8::{octet}/128" for octet in random.sample(range(1, 9), random.choice((0, 1, 2)))]
    if random.random() < 0.5:  # sometimes with secondaries
        length = random.choice((24, 28, 30))
        found += [f"10.0.0.{octet}/{length}" for octet in range(1, random.choice((2, 2, 3, 4)))]
        if random.random() < 0.4:  # and in another prefix, or by AnyIP
            found += random.sample(_AROUND, random.choice((1, 1, 2)))
    if random.random() < 0.2:
        found.append("2001:db8:7::1/64")
        if random.random() < 0.3:
            found.append("2001:db8:7::2/48")
    if random.random() < 0.2:
        found.append("route 192.0.2.40")
    return found


def _hold(text: str) -> Holding:
    if text.startswith("route "):  # beside the kernel's own, if there is one
        network = ip_network(text.removeprefix("route "))
        exact = network[0] if network.num_addresses == 1 else None
        return Holding(f"route append local {network} dev lo table local", "lo", exact, network)
    interface = ip_interface(text)
    nodad = " nodad" if interface.version == 6 else ""
    network = interface.network if interface.version == 4 else ip_network(interface.ip)
    return Holding(f"addr add {text} dev lo{nodad}", "lo", interface.ip, network)
