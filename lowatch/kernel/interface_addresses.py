"""The addresses of all interfaces, watched or not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Set

from lowatch.core.addresses import V4_LENGTH, Address, Prefix, prefix_of
from lowatch.core.held import Held
from lowatch.wire.rtnetlink import IFA_F_TENTATIVE, AddressMessage

from .conversions import held_like

_Key = tuple[int, Address, int, Address | None]
"""ifindex, address, and for IPv4 prefixlen and peer: an interface can hold an IPv6 address only once."""


def _key_of(message: AddressMessage) -> _Key:
    local, peer, _, shape = message
    if len(local) == V4_LENGTH:
        return shape.ifindex, local, shape.prefixlen, peer
    return shape.ifindex, local, 0, None


class InterfaceAddresses:
    """Keeps the Held of each address: after an event, only those that it is about are made again."""

    def __init__(self, addresses: Iterable[AddressMessage] = ()) -> None:
        self._rows = {_key_of(one): one for one in addresses}
        self._ipv4 = Counter([key[0] for key in self._rows if len(key[1]) == V4_LENGTH])
        """How many IPv4 addresses each interface has, by ifindex."""
        self._held: dict[_Key, Held] = {}
        self._held_names: Mapping[int, str] = {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, InterfaceAddresses) and self._rows == other._rows

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __iter__(self) -> Iterator[AddressMessage]:
        return iter(self._rows.values())

    def put(self, message: AddressMessage) -> bool:
        """Add or replace an address. Returns whether it is new or differs."""
        key = _key_of(message)
        known = self._rows.get(key)
        if known is None:
            self._count(key, 1)
        elif known == message:
            return False
        else:
            self._held.pop(key, None)
        self._rows[key] = message
        return True

    def discard(self, message: AddressMessage) -> bool:
        """Remove an address. Returns whether it was known."""
        return self._remove(_key_of(message))

    def discard_link(self, ifindex: int) -> None:
        """Remove the addresses of an interface."""
        for key in [key for key in self._rows if key[0] == ifindex]:
            self._remove(key)

    def _remove(self, key: _Key) -> bool:
        if self._rows.pop(key, None) is None:
            return False
        self._held.pop(key, None)
        self._count(key, -1)
        return True

    def _count(self, key: _Key, by: int) -> None:
        if len(key[1]) == V4_LENGTH:
            self._ipv4[key[0]] += by
            if not self._ipv4[key[0]]:
                del self._ipv4[key[0]]  # no index is used again, and interfaces may come and go for years

    def has_ipv4(self, ifindex: int) -> bool:
        """Whether an interface has an IPv4 address."""
        return self._ipv4[ifindex] > 0

    def held(self, names: Mapping[int, str]) -> list[Held]:
        """The addresses of some interfaces. names: of those, by ifindex."""
        if names != self._held_names:
            self._held, self._held_names = {}, dict(names)
        known = self._held
        if not known:  # keys are hashed once: that takes as long as converting
            known.update(self._converted(self._rows.items(), names))
            return [*known.values()]
        fresh = [(key, row) for key, row in self._rows.items() if key not in known]
        known.update(self._converted(fresh, names))
        if len(known) == len(self._rows):
            return [known[key] for key in self._rows]
        return [known[key] for key in self._rows if key in known]

    def _converted(
        self, rows: Iterable[tuple[_Key, AddressMessage]], names: Mapping[int, str]
    ) -> Iterator[tuple[_Key, Held]]:
        """Those of the interfaces in `names`."""
        shape = None
        for key, row in rows:
            if key[0] not in names:
                continue
            if row.shape is not shape:
                shape = row.shape
                convert = held_like(shape, names[key[0]])
            yield key, convert(row)

    def every(self) -> frozenset[Address]:
        return frozenset([key[1] for key in self._rows])

    def by_link(self, ifindexes: Set[int]) -> dict[int, set[Address]]:
        """The addresses of each of these interfaces that has any."""
        return {ifindex: {key[1] for key in self._rows if key[0] == ifindex} for ifindex in ifindexes}

    def ipv4_networks(self) -> set[tuple[Prefix, int]]:
        """The network and ifindex of each IPv4 address whose prefix is wide. A peer has its own network."""
        return {
            (prefix_of(peer or local, length), ifindex)
            for ifindex, local, length, peer in self._rows
            if length < V4_LENGTH * 8 and len(local) == V4_LENGTH
        }

    def repeated(self) -> set[Address]:
        """The addresses that several interfaces have."""
        if len({key[1] for key in self._rows}) == len(self._rows):
            return set()
        first: dict[Address, int] = {}
        return {key[1] for key in self._rows if first.setdefault(key[1], key[0]) != key[0]}

    def ipv6_sources(self) -> set[Address]:
        """The IPv6 addresses that duplicate address detection has let through."""
        return {
            key[1]
            for key, row in self._rows.items()
            if len(key[1]) != V4_LENGTH and not row.shape.flags & IFA_F_TENTATIVE
        }
