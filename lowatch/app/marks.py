"""What was marked to be observed again. Marking is cheap, synchronous, and callable from any event."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from lowatch.core.addresses import Address, Prefix

from .ports import Host, Resolver
from .remembered_orphans import RememberedOrphans


class Domains(Protocol):
    """Implemented by LocalDomains."""

    @property
    def observed(self) -> Iterable[str]:
        """The domains with a local address."""

    def leading_to(self, address: Address) -> Iterable[str]:
        """The domains that may resolve to an address."""

    def expects(self, name: str, numbers: set[int]) -> bool:
        """Whether the domain expects one of these port numbers, at any address."""


class Marks:
    """Keeps what is marked until take() turns it into names of domains.

    everything: whether all is to be observed. names: domains that are to be.
    """

    def __init__(
        self, host: Host, resolver: Resolver, domains: Domains, remembered: RememberedOrphans
    ) -> None:
        self._host = host
        self._resolver = resolver
        self._domains = domains
        self._remembered = remembered
        self.everything = True
        self.names: set[str] = set()
        self._prefixes: set[Prefix] = set()
        self._sockets: set[tuple[Address | None, int]] = set()

    def prefix(self, prefix: Prefix | None) -> None:
        """Addresses in the prefix were added, removed or rerouted. None: any addresses may have been."""
        if prefix is None:
            self.everything = True
        else:
            self._prefixes.add(prefix)

    def socket(self, address: Address, number: int) -> None:
        """A socket bound to address:number was closed. An address of zeros is the wildcard."""
        self._sockets.add((address if any(address) else None, number))

    def __bool__(self) -> bool:
        return self.everything or bool(self.names or self._prefixes or self._sockets)

    def take(self) -> tuple[set[str], bool]:
        """The domains to observe again, and whether all are. Nothing is marked any more."""
        marked, everything = self.names, self.everything
        prefixes, sockets = self._prefixes, self._sockets
        self.names, self.everything = set(), False
        self._prefixes, self._sockets = set(), set()
        # If policy rules match ports or sources, a route to one address may affect all.
        everything = everything or (bool(prefixes) and self._host.flow_routes_may_differ)
        if prefixes:
            marked |= self._resolver.inside(prefixes) | self._remembered.names
        anywhere = {number for address, number in sockets if address is None}
        if anywhere:
            domains = self._domains
            marked.update(name for name in domains.observed if domains.expects(name, anywhere))
        at_one = [(address, number) for address, number in sockets if address is not None]
        return marked | self.expecting(at_one), everything

    def expecting(self, sockets: Iterable[tuple[Address, int]]) -> set[str]:
        """The domains that a socket at one of these addresses and port numbers would serve."""
        return {
            name
            for address, number in sockets
            for name in self._domains.leading_to(address)
            if self._domains.expects(name, {number})
        }
