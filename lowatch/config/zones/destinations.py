"""The addresses that names of a zone may lead to."""

from __future__ import annotations

from collections.abc import Iterable

from lowatch.core.addresses import Address, Prefix, PrefixSet, destination, is_loopback


class Destinations:
    """The addresses of this host that names may lead to. Loopback addresses are none of them.

    Every host has those, and a list of blocked names has a million names that lead there.
    """

    def __init__(self, prefixes: Iterable[Prefix]) -> None:
        wanted = [prefix for prefix in prefixes if not is_loopback(prefix.address)]
        self.hosts: frozenset[bytes] = frozenset(one.address for one in wanted if one.is_host)
        self._networks = PrefixSet((one.address, one.length) for one in wanted if not one.is_host)
        self.are_wide = bool(len(self._networks))

    def cover(self, packed: bytes) -> bool:
        address = destination(Address(packed))
        return address in self.hosts or (
            self.are_wide and not is_loopback(address) and self._networks.covers(address)
        )
