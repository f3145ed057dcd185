"""Addresses, prefixes and ports as plain values.

An address is its 4 or 16 octets in network order: bytes hash and compare in C, which matters where
ten thousand of them are held. Text is made only where a person reads it.
"""

from __future__ import annotations

import ipaddress
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, NewType

Address = NewType("Address", bytes)

V4_LENGTH = 4
V6_LENGTH = 16


def parse_address(text: str) -> Address:
    """The octets of an IPv4 or IPv6 address. Raises ValueError with the offending text."""
    return Address(ipaddress.ip_address(text).packed)


def format_address(address: Address) -> str:
    if len(address) == V4_LENGTH:
        return "%d.%d.%d.%d" % tuple(address)  # noqa: UP031  # half the time of an f-string
    return str(ipaddress.ip_address(bytes(address)))


def is_v4(address: Address) -> bool:
    return len(address) == V4_LENGTH


def family_name(address: Address) -> str:
    """The `family` label of the metrics: "ipv4" or "ipv6"."""
    return "ipv4" if is_v4(address) else "ipv6"


def host_length(address: Address) -> int:
    """The prefix length that means this address alone: 32 or 128."""
    return len(address) * 8


def network_of(address: Address, length: int) -> Address:
    """The address with all bits after the first `length` cleared."""
    spare = len(address) * 8 - length
    if not spare:
        return address
    number = int.from_bytes(address, "big") >> spare << spare
    return Address(number.to_bytes(len(address), "big"))


class Prefix(NamedTuple):
    """A network: `address` has no bit set beyond `length`."""

    address: Address
    length: int

    def __str__(self) -> str:
        return f"{format_address(self.address)}/{self.length}"

    def covers(self, address: Address) -> bool:
        return len(address) == len(self.address) and (network_of(address, self.length) == self.address)

    @property
    def is_host(self) -> bool:
        return self.length == host_length(self.address)

    @property
    def size(self) -> int:
        """How many addresses it spans."""
        return 1 << (host_length(self.address) - self.length)


def prefix_of(address: Address, length: int) -> Prefix:
    """The prefix of that length that the address lies in."""
    return Prefix(network_of(address, length), length)


def parse_prefix(text: str) -> Prefix:
    """`192.0.2.0/24`, or a bare address. Raises ValueError (host bits set count as an error)."""
    network = ipaddress.ip_network(text)
    return Prefix(Address(network.network_address.packed), network.prefixlen)


class PrefixSet:
    """A set of prefixes that answers "does any of them cover this address" without a scan.

    A Collection of them, too: each once.
    """

    def __init__(self, prefixes: Iterable[tuple[Address, int]] = ()) -> None:
        self._hosts: set[Address] = set()
        self._networks: dict[tuple[int, int], set[Address]] = {}
        for address, length in prefixes:
            if length == len(address) * 8:
                self._hosts.add(address)
            else:
                self._networks.setdefault((len(address), length), set()).add(address)

    def covers(self, address: Address) -> bool:
        return address in self._hosts or any(
            size == len(address) and network_of(address, length) in networks
            for (size, length), networks in self._networks.items()
        )

    def hosts_among(self, addresses: Iterable[Address]) -> set[Address]:
        """Those of the addresses that have a prefix of their own."""
        return self._hosts.intersection(addresses)

    def networks(self) -> Iterator[Prefix]:
        """The prefixes of more than one address."""
        for (_, length), networks in self._networks.items():
            for address in networks:
                yield Prefix(address, length)

    def __iter__(self) -> Iterator[Prefix]:
        for address in self._hosts:
            yield Prefix(address, len(address) * 8)
        yield from self.networks()

    def __len__(self) -> int:
        return len(self._hosts) + sum(map(len, self._networks.values()))

    def __contains__(self, prefix: object) -> bool:
        """Whether it is one of them, rather than covered by one."""
        if not isinstance(prefix, Prefix):
            return False
        address, length = prefix
        if prefix.is_host:
            return address in self._hosts
        return address in self._networks.get((len(address), length), ())


def prefixes_inside(prefix: Prefix, ordered: Sequence[Prefix]) -> list[Prefix]:
    """Those that are longer and lie inside. ordered: sorted."""
    found = []
    for position in range(bisect_left(ordered, prefix), len(ordered)):
        one = ordered[position]
        if len(one.address) == len(prefix.address):
            if not prefix.covers(one.address):
                break
            if one.length > prefix.length:
                found.append(one)
    return found


def local_size(prefix: Prefix, local: Iterable[Prefix], away: Iterable[Prefix]) -> int:
    """How many addresses of a local prefix are local: for each the longest prefix decides.

    local, away: the prefixes inside it that are, and are not. Where one is among both, it is.
    """
    inside = dict.fromkeys(away, False) | dict.fromkeys(local, True)
    count, around = prefix.size, [(prefix, True)]
    for one in sorted(inside):  # a wider prefix comes before those inside it
        while not around[-1][0].covers(one.address):
            around.pop()
        if inside[one] is not around[-1][1]:
            count += one.size if inside[one] else -one.size
        around.append((one, inside[one]))
    return count


EVERYWHERE = (Prefix(Address(bytes(V4_LENGTH)), 0), Prefix(Address(bytes(V6_LENGTH)), 0))
"""Prefixes that cover every address."""

LOOPBACK_V4 = Prefix(Address(b"\x7f\0\0\0"), 8)
LOOPBACK_V6 = Prefix(Address(bytes(15) + b"\x01"), 128)


_V4_MAPPED = bytes(10) + b"\xff\xff"
_UNSPECIFIED = {
    Address(bytes(V4_LENGTH)): Address(b"\x7f\0\0\1"),
    Address(bytes(V6_LENGTH)): LOOPBACK_V6.address,
}


def unmapped(address: Address) -> Address:
    """The IPv4 address that ::ffff:a.b.c.d is (RFC 4291 2.5.5.2); any other as it is."""
    return Address(address[len(_V4_MAPPED) :]) if address.startswith(_V4_MAPPED) else address


def destination(address: Address) -> Address:
    """Where connect() to this address goes: 0.0.0.0 and :: are this host, ::ffff:a.b.c.d is a.b.c.d.

    Sources: ip_route_output_key_hash_rcu(), tcp_v6_connect().
    """
    address = unmapped(address)
    return _UNSPECIFIED.get(address, address)


def is_loopback(address: Address) -> bool:
    """Whether it is in 127.0.0.0/8 or is ::1, or stands for them: local on every host, by definition."""
    target = destination(address)
    return LOOPBACK_V4.covers(target) or LOOPBACK_V6.covers(target)


class Port(NamedTuple):
    """A transport endpoint's number and protocol ("tcp" or "udp")."""

    number: int
    protocol: str

    def __str__(self) -> str:
        return f"{self.number}/{self.protocol}"


def parse_port(text: str) -> Port:
    """`443`, `443/tcp` or `53/udp`. Raises ValueError saying what is wrong."""
    number_text, slash, protocol = text.partition("/")
    protocol = protocol if slash else "tcp"
    if protocol not in ("tcp", "udp"):
        raise ValueError(f"{text!r}: the protocol must be tcp or udp")
    if not (number_text.isascii() and number_text.isdigit() and 1 <= int(number_text) <= 65535):
        raise ValueError(f"{text!r}: the port must be a number from 1 to 65535")
    return Port(int(number_text), protocol)


_LINK_LOCAL_V6 = Prefix(Address(b"\xfe\x80" + bytes(14)), 10)


def is_link_local(address: Address) -> bool:
    """Whether it is in fe80::/10: every IPv6 interface has one, and it means nothing beyond its link."""
    return _LINK_LOCAL_V6.covers(address)
