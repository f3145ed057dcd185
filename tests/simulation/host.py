"""The application's Host on the simulated kernel. Its tables are as old as the last event or dump."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Protocol

from lowatch.core.addresses import Address, Port, Prefix, PrefixSet, destination, unmapped
from lowatch.core.arp import Arp
from lowatch.core.held import Delivery, FlowRoute, Held, Link, LocalRoute, Twins
from lowatch.core.known import Known, Unknown
from lowatch.core.listeners import Endpoint, Listener, Sockets
from lowatch.core.policy import Policy
from lowatch.core.programs import TraceState
from lowatch.core.sources import Source
from lowatch.core.surroundings import Route, Surroundings

from .faults import Faults
from .kernel import Change, Closed, Kernel, local_prefixes
from .loop import VirtualLoop

_NO_DUMP = Unknown("netlink", "cannot list addresses: No buffer space available")
_CHANGING = Unknown("netlink", "addresses were changing all the time")
_NO_ROUTE = Unknown("netlink", "No buffer space available")
_NO_SOCKET = Unknown("sock_diag", "Operation not permitted")


class Hints(Protocol):
    def prefix_touched(self, prefix: Prefix | None) -> None: ...

    def socket_closed(self, address: Address, port: int) -> None: ...

    def everything_touched(self) -> None: ...

    def event(self, group: str) -> None: ...

    def overrun(self) -> None: ...

    def resync(self) -> None: ...


class SimulatedHost:
    """Implements app.ports.Host. Reads the kernel's events once it follows them."""

    def __init__(self, kernel: Kernel, faults: Faults, loop: VirtualLoop, policy: Policy) -> None:
        self._kernel = kernel
        self._faults = faults
        self._loop = loop
        self._policy = policy
        self._hints: Hints | None = None
        self._ports: frozenset[Port] = frozenset()
        self._rows: dict[Held, None] = {}
        self._links: dict[str, Link] = {}
        self._stale = True
        self._lost = False
        self._interrupted = False
        self._whole = False
        self._failure: Unknown | None = None
        self._local: PrefixSet | None = None
        self.generation = 0

    # Events.

    trace: TraceState | None = None

    notices_starts = False

    def follow_starts(self) -> bool:
        return self.notices_starts

    def follow(self, ports: Iterable[Port], hints: Hints) -> None:
        self._ports = frozenset(ports)
        self._hints = hints

    def follow_ports(self, ports: Iterable[Port]) -> None:
        self._ports = frozenset(ports)

    def follow_clients(self, addresses: Collection[Address], ports: Iterable[Port]) -> None:
        """No client is simulated."""

    def heard(self, message: Change | Closed) -> None:
        hints = self._hints
        assert hints is not None
        if isinstance(message, Closed):
            if any(port.number == message.number for port in self._ports):
                hints.event("destroy")
                hints.socket_closed(unmapped(message.address), message.number)
            return
        hints.event("address" if isinstance(message.row, Held) else "link")
        if self._apply(message):
            self._changed()
            is_new = message.present and isinstance(message.row, Held)
            hints.prefix_touched(message.row.prefix if is_new and isinstance(message.row, Held) else None)

    def _apply(self, message: Change) -> bool:
        """Reads an event. Returns whether it had anything new."""
        if isinstance(message.row, Link):
            before = self._links.get(message.row.name)
            self._links[message.row.name] = message.row
            return before != message.row
        known = message.row in self._rows
        if message.present:
            self._rows[message.row] = None
        else:
            self._rows.pop(message.row, None)
        return known is not message.present

    def overrun(self) -> None:
        assert self._hints is not None
        self.invalidate()
        self._lost = True
        self._hints.overrun()
        self._hints.prefix_touched(None)
        self._hints.everything_touched()

    # Dumps.

    def invalidate(self) -> None:
        self._stale = True

    def refresh(self) -> None:
        if not self._stale:
            return
        if self._lost and self._hints is not None:
            self._hints.resync()
        self._lost = False
        self._spend()
        failure = _NO_DUMP if self._faults.has("no dumps") else None
        if failure is None:
            self._interrupted = self._faults.has("interrupted dumps")
            self._stale = self._interrupted
            if not self._interrupted and not self._whole:
                self._whole = True
                self._changed()
            self._refill(dict(self._kernel.held), dict(self._kernel.links))
        if failure != self._failure:
            self._failure = failure
            self._changed()

    def _refill(self, rows: dict[Held, None], links: dict[str, Link]) -> None:
        """Keeps the previous rows if the dump was interrupted, because rows may be missing."""
        if self._interrupted:
            rows = self._rows | {row: None for number, row in enumerate(rows) if number % 2}
        if (rows, links) != (self._rows, self._links):
            self._rows, self._links = rows, links
            self._changed()

    def _changed(self) -> None:
        self._local = None
        self.generation += 1

    def _spend(self) -> None:
        if seconds := self._faults.amount("slow kernel"):
            self._loop.spend(seconds * self._faults.random.random())

    @property
    def unsettled(self) -> bool:
        return self._interrupted

    # Its tables.

    def replace_watches(self, policy: Policy) -> None:
        self._policy = policy
        self._changed()

    def links(self) -> Known[tuple[Link, ...]] | Unknown:
        return self._failure or Known(
            tuple(link for link in self._all_links() if self._policy.watches(link.name))
        )

    def _all_links(self) -> list[Link]:
        return sorted(self._links.values())

    def held(self) -> Known[tuple[Held, ...]] | Unknown:
        if self._failure is not None or not self._whole:
            return self._failure or _CHANGING
        held = [row for row in self._rows if self._policy.watches(row.interface)]
        return Known(
            tuple(sorted(held, key=lambda row: (row.address, row.prefixlen, row.interface, row.by)))
        )

    def sources(self, destinations: Sequence[Address]) -> list[Source | Unknown | None]:
        return [None] * len(destinations)

    def global_ipv6(self, interface: str) -> list[Held]:
        return []

    def twins(self) -> Known[tuple[Twins, ...]] | Unknown:
        if self._failure is not None or not self._whole:
            return self._failure or _CHANGING
        groups: dict[Address, list[Held]] = {}
        for row in sorted(self._rows, key=lambda row: (row.address, row.prefixlen, row.interface)):
            if row.by == "address":
                groups.setdefault(row.address, []).append(row)
        twins = []
        for group in groups.values():
            group.sort(key=lambda row: not self._policy.watches(row.interface))
            if self._policy.watches(group[0].interface) and len({row.interface for row in group}) > 1:
                twins.append(tuple(group))
        return Known(tuple(twins))

    def arp(self) -> Known[Arp] | Unknown:
        return self._failure or Known(self._kernel.arp)

    def wide_routes(self) -> list[LocalRoute]:
        found = {
            LocalRoute(prefix, held.interface, 255)
            for held, prefix in local_prefixes(self._rows)
            if not prefix.is_host and self._policy.watches(held.interface)
        }
        return sorted(found)

    def loopback_up(self) -> bool:
        return all(link.up for link in self._links.values() if link.loopback)

    def interface(self, ifindex: int) -> str | None:
        return next((link.name for link in self._links.values() if link.ifindex == ifindex), None)

    def watches(self, ifindex: int) -> bool:
        name = self.interface(ifindex)
        return name is not None and self._policy.watches(name)

    def swallows(self, ifindex: int) -> bool:
        return any(link.swallows for link in self._links.values() if link.ifindex == ifindex)

    def may_be_local(self, address: Address) -> bool:
        local = self.local_prefixes()
        return local is None or local.covers(address) or local.covers(destination(address))

    def local_prefixes(self) -> PrefixSet | None:
        if self._failure is not None or self._interrupted:
            return None
        if self._local is None:
            self._local = PrefixSet(prefix for _, prefix in local_prefixes(self._rows))
        return self._local

    # Requests to the kernel itself.

    def deliveries(self, addresses: Sequence[Address]) -> list[Delivery | Unknown]:
        self._spend()
        if self._faults.has("no routes"):
            return [_NO_ROUTE] * len(addresses)
        return [self._kernel.delivery(destination(address)) for address in addresses]

    def listeners(self, endpoints: Sequence[Endpoint]) -> list[Listener | Unknown | None]:
        self._spend()
        if self._faults.has("no sockets"):
            return [_NO_SOCKET] * len(endpoints)
        return [self._kernel.listener(endpoint) for endpoint in endpoints]

    flow_routes_may_differ = False

    def endpoint_deliveries(self, endpoints: Sequence[Endpoint]) -> list[Delivery | Unknown]:
        return self.deliveries([endpoint.address for endpoint in endpoints])

    def flow_routes(self, endpoints: Sequence[Endpoint]) -> list[FlowRoute | Unknown]:
        return [FlowRoute.HERE] * len(endpoints)

    def full_beside(self, listener: Listener, number: int) -> Listener | Unknown | None:
        return None

    def sockets(self) -> Known[Sockets] | Unknown:
        if self._faults.has("no sockets"):
            return _NO_SOCKET
        bound = self._kernel.sockets
        return Known(
            Sockets(
                frozenset(endpoint.address for endpoint in bound if any(endpoint.address)),
                frozenset(("ipv4", endpoint.port) for endpoint in bound if not any(endpoint.address)),
            )
        )

    def led_away(self, table: int, *, v4: bool) -> Known[frozenset[Prefix]] | Unknown:
        return Known(frozenset())

    def surroundings(self) -> Known[Surroundings] | Unknown:
        if self._failure is not None or self._interrupted:
            return _NO_DUMP
        elsewhere = tuple(row for row in self._rows if not self._policy.watches(row.interface))
        routes = tuple(
            Route(prefix, "local", (held.interface,), 255)
            for held, prefix in local_prefixes(self._rows)
            if not prefix.is_host
        )
        return Known(Surroundings(tuple(self._all_links()), elsewhere, routes))
