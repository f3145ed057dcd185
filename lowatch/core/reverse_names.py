"""The names below which PTR records of addresses stand (RFC 1035, 3.5; RFC 3596, 2.5)."""

from __future__ import annotations

from .addresses import Address, is_v4, unmapped

_V4, _V6 = "in-addr.arpa", "ip6.arpa"


def reverse_name(address: Address) -> str:
    """192.0.2.10 -> "10.2.0.192.in-addr.arpa"; an IPv6 address by its nibbles; a mapped one as IPv4."""
    address = unmapped(address)
    if is_v4(address):
        return ".".join(map(str, reversed(address))) + f".{_V4}"
    return ".".join(reversed(address.hex())) + f".{_V6}"
