"""Addresses, prefixes and ports as plain values.

An address is 4 or 16 bytes in network order. Bytes hash and compare in C, which matters on a host with ten
thousand addresses. Addresses become text only where a person reads them.
"""

from __future__ import annotations

import ipaddress
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, NewType, Protocol

Address = NewType("Address", bytes)

V4_LENGTH = 4
V6_LENGTH = 16


def parse_address(text: str) -> Address:
    """An IPv4 or IPv6 address from its text. Raises ValueError with the offending text."""
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
    """The length of a prefix that covers this address alone: 32 or 128."""
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
        """The number of addresses in it."""
        return 1 << (host_length(self.address) - self.length)


def prefix_of(address: Address, length: int) -> Prefix:
    """The prefix of the given length that covers the address."""
    return Prefix(network_of(address, length), length)


def parse_prefix(text: str) -> Prefix:
    """A prefix from `192.0.2.0/24` or a bare address. Raises ValueError, also if host bits are set."""
    network = ipaddress.ip_network(text)
    return Prefix(Address(network.network_address.packed), network.prefixlen)


class PrefixSet:
    """A set of prefixes that finds out without a scan whether one of them covers an address.

    It is also a Collection of the prefixes, each once.
    """

    def __init__(self, prefixes: Iterable[tuple[Address, int]] = ()) -> None:
        """prefixes: each with all bits beyond its length cleared."""
        self._hosts: set[Address] = set()
        self._networks: dict[tuple[int, int], set[Address]] = {}
        for address, length in prefixes:
            if length == len(address) * 8:
                self._hosts.add(address)
            else:
                self._networks.setdefault((len(address), length), set()).add(address)

    @classmethod
    def grouped(cls, groups: Iterable[tuple[int, Collection[Address]]]) -> PrefixSet:
        """groups: prefixes of one length and family each."""
        made = cls()
        for length, addresses in groups:
            size = len(next(iter(addresses)))
            if length == size * 8:
                made._hosts.update(addresses)
            else:
                made._networks.setdefault((size, length), set()).update(addresses)
        return made

    def covers(self, address: Address) -> bool:
        return address in self._hosts or any(
            size == len(address) and network_of(address, length) in networks
            for (size, length), networks in self._networks.items()
        )

    def hosts_among(self, addresses: Iterable[Address]) -> set[Address]:
        """The addresses for which the set has a host prefix."""
        return self._hosts.intersection(addresses)

    def hosts_among_many(self, addresses: Mapping[Address, object]) -> Collection[Address]:
        """The same of what may be more than the set has: it takes as long as the smaller of both is."""
        if len(self._hosts) < len(addresses):
            return [one for one in self._hosts if one in addresses]
        return self._hosts.intersection(addresses)

    def networks(self) -> Iterator[Prefix]:
        """The prefixes with more than one address."""
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
        """Whether the prefix itself is in the set; that another one covers it is not enough."""
        if not isinstance(prefix, Prefix):
            return False
        address, length = prefix
        if prefix.is_host:
            return address in self._hosts
        return address in self._networks.get((len(address), length), ())


class LocalPrefixes(Protocol):
    """Knows which addresses are local to this host."""

    def local_prefixes(self) -> PrefixSet | None:
        """All prefixes that may be delivered locally; None if they are not known.

        The same object until they change.
        """


class FixedLocalPrefixes:
    """The prefixes given, until others are set; None if they are not known."""

    def __init__(self, prefixes: PrefixSet | None) -> None:
        self.prefixes = prefixes

    def local_prefixes(self) -> PrefixSet | None:
        return self.prefixes


NO_LOCAL_PREFIXES = FixedLocalPrefixes(PrefixSet())


def prefixes_inside(prefix: Prefix, ordered: Sequence[Prefix]) -> list[Prefix]:
    """The longer prefixes inside a prefix. ordered: the sorted prefixes to choose from."""
    found = []
    for position in range(bisect_left(ordered, prefix), len(ordered)):
        candidate = ordered[position]
        if len(candidate.address) == len(prefix.address):
            if not prefix.covers(candidate.address):
                break
            if candidate.length > prefix.length:
                found.append(candidate)
    return found


def local_size(prefix: Prefix, local: Iterable[Prefix], away: Iterable[Prefix]) -> int:
    """How many addresses of a local prefix are local. The longest prefix that covers an address decides.

    local, away: the prefixes inside it that are local, and that are not. One that is in both is local.
    """
    inside = dict.fromkeys(away, False) | dict.fromkeys(local, True)
    count, enclosing = prefix.size, [(prefix, True)]
    for inner in sorted(inside):  # a wider prefix comes before those inside it
        while not enclosing[-1][0].covers(inner.address):
            enclosing.pop()
        if inside[inner] is not enclosing[-1][1]:
            count += inner.size if inside[inner] else -inner.size
        enclosing.append((inner, inside[inner]))
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
    """The IPv4 address in ::ffff:a.b.c.d (RFC 4291, 2.5.5.2); any other address unchanged."""
    return Address(address[len(_V4_MAPPED) :]) if address.startswith(_V4_MAPPED) else address


def destination(address: Address) -> Address:
    """Where connect() to this address goes: 0.0.0.0 and :: are this host, ::ffff:a.b.c.d is a.b.c.d.

    Sources: ip_route_output_key_hash_rcu(), tcp_v6_connect().
    """
    if len(address) == V6_LENGTH:
        address = unmapped(address)
    return _UNSPECIFIED.get(address, address)


def is_loopback(address: Address) -> bool:
    """Whether connect() to it goes to 127.0.0.0/8 or ::1, which are local on every host."""
    target = destination(address)
    return target[0] == LOOPBACK_V4.address[0] if is_v4(target) else target == LOOPBACK_V6.address


class Port(NamedTuple):
    """A port number and its protocol, "tcp" or "udp"."""

    number: int
    protocol: str

    def __str__(self) -> str:
        return f"{self.number}/{self.protocol}"


def parse_port(text: str) -> Port:
    """A port from `443`, `443/tcp` or `53/udp`. Raises ValueError with the reason."""
    number_text, slash, protocol = text.partition("/")
    protocol = protocol if slash else "tcp"
    if protocol not in ("tcp", "udp"):
        raise ValueError(f"{text!r}: the protocol must be tcp or udp")
    if not (number_text.isascii() and number_text.isdigit() and 1 <= int(number_text) <= 65535):
        raise ValueError(f"{text!r}: the port must be a number from 1 to 65535")
    return Port(int(number_text), protocol)


_LINK_LOCAL_V6 = Prefix(Address(b"\xfe\x80" + bytes(14)), 10)


def is_link_local(address: Address) -> bool:
    """Whether it is in fe80::/10. Every IPv6 interface has such an address, valid on its link only."""
    return len(address) == V6_LENGTH and _LINK_LOCAL_V6.covers(address)
