"""Which domains resolve to an address, or into a prefix."""

from __future__ import annotations

from collections.abc import Collection, Iterable, KeysView

from lowatch.core.addresses import Address, Prefix, PrefixSet, destination


class NamesByAddress:
    """An index over all answers, local or not: an address that appears tomorrow finds its names.

    By where a connect() would go: who resolves to ::ffff:a.b.c.d is found at a.b.c.d.
    """

    def __init__(self) -> None:
        self._names: dict[Address, set[str]] = {}
        self._addresses: dict[str, tuple[Address, ...]] = {}

    def put(self, name: str, addresses: tuple[Address, ...]) -> None:
        """Replace the addresses of a name; none forgets it."""
        known = self._addresses.get(name, ())
        if addresses == known:
            return
        if addresses:
            self._addresses[name] = addresses
        else:
            del self._addresses[name]
        after = set(map(destination, addresses))
        for address in set(map(destination, known)) - after if known else ():
            names = self._names[address]
            names.discard(name)
            if not names:
                del self._names[address]
        for address in after:
            self._names.setdefault(address, set()).add(name)

    @property
    def addresses(self) -> KeysView[Address]:
        """Where some name leads."""
        return self._names.keys()

    def at(self, address: Address) -> Iterable[str]:
        return self._names.get(address, ())

    def inside(self, prefixes: Collection[Prefix]) -> set[str]:
        """The names that lead into any of these prefixes."""
        if all(prefix.is_host for prefix in prefixes):
            return {name for prefix in prefixes for name in self.at(prefix.address)}
        wanted = PrefixSet(prefixes)
        return {name for address, names in self._names.items() if wanted.covers(address) for name in names}
