"""What /etc/hosts and getaddrinfo say about names, indexed by address: usually about few names."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping

from lowatch.core.addresses import Address, Prefix, destination
from lowatch.core.limits.names import GETADDRINFO_DIFFERENCES
from lowatch.resolve.records.address_index import AddressIndex
from lowatch.resolve.system.getaddrinfo import Seen


class Overlay:
    """hosts: the addresses in /etc/hosts, by name. seen: the kept results of getaddrinfo, by name."""

    def __init__(self) -> None:
        self.hosts: Mapping[str, tuple[Address, ...]] = {}
        self._seen: OrderedDict[str, Seen] = OrderedDict()
        self.seen: Mapping[str, Seen] = self._seen
        self._failing: dict[str, str] = {}
        self.failing: Mapping[str, str] = self._failing
        """The names for which getaddrinfo has returned no result so far, and why."""
        self._index = AddressIndex()
        self._indexed: dict[str, frozenset[Address]] = {}
        self._numbers: dict[str, int] = {}
        self._names: dict[int, str] = {}
        self._last_number = 0

    def __contains__(self, name: object) -> bool:
        return name in self.hosts or name in self._seen

    def replace_hosts(self, hosts: Mapping[str, tuple[Address, ...]]) -> list[str]:
        """Replace the contents of /etc/hosts. Returns the names whose addresses changed."""
        before, self.hosts = self.hosts, hosts
        changed = [name for name in {**before, **hosts} if before.get(name) != hosts.get(name)]
        for name in changed:
            self._reindex(name)
        return changed

    def put_seen(self, name: str, seen: Seen | None, keep: Collection[str] = ()) -> str | None:
        """Keep a result of getaddrinfo, or drop it (None). Returns the name dropped to make room, if any.

        keep: the names that are never dropped to make room.
        """
        if seen is None:
            self._seen.pop(name, None)
        else:
            self._seen[name] = seen
            self._seen.move_to_end(name)
        self._failing.pop(name, None)
        if seen is not None and seen.addresses is None:
            self._failing[name] = seen.reason
        self._reindex(name)
        if len(self._seen) <= GETADDRINFO_DIFFERENCES.value + len(keep):
            return None
        GETADDRINFO_DIFFERENCES.reached()
        oldest = next(name for name in self._seen if name not in keep)
        self.put_seen(oldest, None)
        return oldest

    def addresses_of(self, name: str) -> frozenset[Address]:
        """The addresses of a name, in the form of core.addresses.destination."""
        return self._indexed.get(name, frozenset())

    def at(self, address: Address) -> set[str]:
        return {self._names[number] for number in self._index.at(destination(address))}

    def inside(self, prefixes: Iterable[Prefix]) -> set[str]:
        return {self._names[number] for number in self._index.inside(prefixes)}

    def _reindex(self, name: str) -> None:
        seen = self._seen.get(name)
        found = (*self.hosts.get(name, ()), *((seen.addresses or ()) if seen is not None else ()))
        before, after = self._indexed.get(name, frozenset()), frozenset(map(destination, found))
        if before == after:
            return
        number = self._number(name)
        for address in before - after:
            self._index.discard(address, number)
        for address in after - before:
            self._index.add(address, number)
        if after:
            self._indexed[name] = after
        else:
            del self._indexed[name], self._names[number], self._numbers[name]

    def _number(self, name: str) -> int:
        """The number of a name in the index."""
        if name not in self._numbers:
            self._last_number += 1
            self._numbers[name] = self._last_number
            self._names[self._last_number] = name
        return self._numbers[name]
