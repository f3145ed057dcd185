"""DNS64 (RFC 6147): which AAAA addresses a resolver synthesised from A addresses, and with which prefix.

A synthesised address leads to a translator, unless this host holds it. The prefix is found as in RFC 7050:
ipv4only.arpa has no AAAA records, so any that a resolver returns are synthesised.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from lowatch.core.addresses import Address, Prefix, parse_address, prefix_of

WELL_KNOWN_NAME = "ipv4only.arpa"

_WELL_KNOWN_ADDRESSES = (parse_address("192.0.0.170"), parse_address("192.0.0.171"))
_LENGTHS = (96, 64, 56, 48, 40, 32)


def embedded(address: Address, length: int) -> Address:
    """The IPv4 address embedded in an IPv6 address after a prefix of that length (RFC 6052, 2.2).

    Its octets follow the prefix; octet 8 (bits 64 to 71) is skipped.
    """
    at = length // 8
    following = address[at:] if at > 8 else address[at:8] + address[9:]
    return Address(following[:4])


def looks_synthesised(aaaa: Collection[Address], a: Collection[Address]) -> bool:
    """Whether an AAAA embeds one of the same name's A addresses: a reason to look for the prefix."""
    found = frozenset(a)
    return any(embedded(address, length) in found for address in aaaa for length in _LENGTHS)


def prefixes_of(answer: Iterable[Address]) -> frozenset[Prefix]:
    """The prefixes with which the AAAA addresses of ipv4only.arpa were synthesised."""
    return frozenset(
        prefix_of(address, length)
        for address in answer
        for length in _LENGTHS
        if embedded(address, length) in _WELL_KNOWN_ADDRESSES
    )


def split(
    addresses: tuple[Address, ...], prefixes: Collection[Prefix]
) -> tuple[tuple[Address, ...], tuple[Address, ...]]:
    """The genuine addresses, and the synthesised ones."""
    made = {address for address in addresses if any(prefix.covers(address) for prefix in prefixes)}
    return tuple(one for one in addresses if one not in made), tuple(
        one for one in addresses if one in made
    )
