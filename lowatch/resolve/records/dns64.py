"""DNS64 (RFC 6147): which AAAA addresses a resolver has made of A addresses, and by which prefix.

Such an address leads to a translator, unless this host has it itself. The prefix is found as RFC 7050 has
it: ipv4only.arpa has no AAAA, so what a resolver says that it has was synthesised.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from lowatch.core.addresses import Address, Prefix, parse_address, prefix_of

WELL_KNOWN_NAME = "ipv4only.arpa"

_WELL_KNOWN_ADDRESSES = (parse_address("192.0.0.170"), parse_address("192.0.0.171"))
_LENGTHS = (96, 64, 56, 48, 40, 32)


def embedded(address: Address, length: int) -> Address:
    """The IPv4 address inside an IPv6 one of a prefix of that length (RFC 6052, 2.2).

    Its octets follow the prefix, but for octet 8 (bits 64 to 71), which is left out.
    """
    at = length // 8
    following = address[at:] if at > 8 else address[at:8] + address[9:]
    return Address(following[:4])


def looks_synthesised(aaaa: Collection[Address], a: Collection[Address]) -> bool:
    """Whether some IPv6 address has one of the same name's IPv4 addresses inside: reason to ask."""
    found = frozenset(a)
    return any(embedded(address, length) in found for address in aaaa for length in _LENGTHS)


def prefixes_of(answer: Iterable[Address]) -> frozenset[Prefix]:
    """The prefixes by which the AAAA addresses of ipv4only.arpa were made."""
    return frozenset(
        prefix_of(address, length)
        for address in answer
        for length in _LENGTHS
        if embedded(address, length) in _WELL_KNOWN_ADDRESSES
    )


def split(
    addresses: tuple[Address, ...], prefixes: Collection[Prefix]
) -> tuple[tuple[Address, ...], tuple[Address, ...]]:
    """The addresses that stand for themselves, and those that were synthesised."""
    made = {address for address in addresses if any(prefix.covers(address) for prefix in prefixes)}
    return tuple(one for one in addresses if one not in made), tuple(
        one for one in addresses if one in made
    )
