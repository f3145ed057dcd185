"""The index from addresses to the names that resolve to them, also searched by prefix."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from sortedcontainers import SortedDict

from lowatch.core.addresses import V4_LENGTH, V6_LENGTH, Address, Prefix, PrefixSet


class AddressIndex:
    """Maps addresses, in the form of core.addresses.destination, to the numbers of names.

    Each family is sorted, so a prefix is a range of keys. An address with one name maps to a plain number,
    because a set of one costs 200 bytes.
    """

    def __init__(self) -> None:
        self._families: dict[int, SortedDict[Address, int | set[int]]] = {
            V4_LENGTH: SortedDict(),
            V6_LENGTH: SortedDict(),
        }

    def add(self, address: Address, number: int) -> None:
        family = self._families[len(address)]
        known = family.get(address)
        if known is None:
            family[address] = number
        elif isinstance(known, set):
            known.add(number)
        elif known != number:
            family[address] = {known, number}

    def discard(self, address: Address, number: int) -> None:
        family = self._families[len(address)]
        known = family.get(address)
        if isinstance(known, set):
            known.discard(number)
            if not known:
                del family[address]
        elif known == number:
            del family[address]

    def at(self, address: Address) -> Collection[int]:
        known = self._families[len(address)].get(address)
        if known is None:
            return ()
        return known if isinstance(known, set) else (known,)

    def inside(self, prefixes: Iterable[Prefix]) -> set[int]:
        """The numbers of the names with an address in one of these prefixes."""
        found: set[int] = set()
        if isinstance(prefixes, PrefixSet):  # ten thousand hosts, or as many names: only what both have
            for family in self._families.values():
                for address in prefixes.hosts_among_many(family):
                    found.update(self.at(address))
            prefixes = prefixes.networks()
        for prefix in prefixes:
            if prefix.is_host:
                found.update(self.at(prefix.address))
            else:
                for address in self._range(prefix):
                    found.update(self.at(address))
        return found

    def _range(self, prefix: Prefix) -> Iterator[Address]:
        octets = len(prefix.address)
        first = int.from_bytes(prefix.address, "big")
        last = Address((first + prefix.size - 1).to_bytes(octets, "big"))
        addresses: Iterator[Address] = self._families[octets].irange(prefix.address, last)
        return addresses
