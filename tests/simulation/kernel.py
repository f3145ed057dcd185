"""Simulates the kernel: what is held, what listens, the outcomes of connects, and events on their way."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from enum import Enum
from typing import NamedTuple, Protocol

from lowatch.core.addresses import Address, Prefix, host_length, is_v4, prefix_of
from lowatch.core.arp import Arp
from lowatch.core.held import NOT_ROUTED, Delivery, Held, Link
from lowatch.core.listeners import Connect, Endpoint, Listener

from .faults import Faults
from .loop import VirtualLoop
from .places import ANY_ADDRESS, ARPS, DUMMY, ETH, HELD_AT_FIRST, HOLDINGS, IFINDEX, LO


class Nat(Enum):
    """The outcome of a connect where there is no socket."""

    ACCEPTS = "accepts"
    SILENT = "silent"
    SLOW = "slow"


class Change(NamedTuple):
    """One message of rtnetlink. present: True if it was added, False if it was deleted."""

    row: Held | Link
    present: bool


class Closed(NamedTuple):
    """One message of sock_diag: a socket is gone."""

    address: Address
    number: int


class Hearer(Protocol):
    """Reads the kernel's events."""

    def heard(self, message: Change | Closed) -> None: ...

    def overrun(self) -> None: ...


class Kernel:
    """hearer: the daemon that runs now, or None. changed: called after each change of the state."""

    def __init__(self, loop: VirtualLoop, faults: Faults) -> None:
        self._loop = loop
        self._faults = faults
        self.held: dict[Held, None] = dict.fromkeys(HOLDINGS[number] for number in HELD_AT_FIRST)
        self.links: dict[str, Link] = {
            LO: Link(IFINDEX[LO], LO, up=True, loopback=True),
            ETH: Link(IFINDEX[ETH], ETH, up=True),
            DUMMY: Link(IFINDEX[DUMMY], DUMMY, up=True, kind="dummy"),
        }
        self.sockets: dict[Endpoint, Listener] = {}
        self.nat: dict[Endpoint, Nat] = {}
        self.arp: Arp = ARPS[0]
        self._deliveries: dict[Address, Delivery] = {}
        self.hearer: Hearer | None = None
        self.changed: Callable[[], None] = lambda: None
        self._inodes = 1_000
        self._queue: deque[tuple[float, Change | Closed]] = deque()
        self._overran = False

    # Changes.

    def hold(self, held: Held, present: bool) -> None:
        if (held in self.held) is present:
            return
        self._deliveries.clear()
        if present:
            self.held[held] = None
        else:
            del self.held[held]
        self._tell(Change(held, present))

    def set_up(self, name: str, up: bool) -> None:
        if self.links[name].up is not up:
            self.links[name] = self.links[name]._replace(up=up)
            self._tell(Change(self.links[name], True))

    def serve(self, endpoint: Endpoint, full: bool = False) -> None:
        """A socket listens from now on. No event reports it."""
        known = self.sockets.get(endpoint)
        queued = 129 if full else 0
        if known is None:
            self._inodes += 1
            protocol = endpoint.port.protocol
            known = Listener(endpoint.address, self._inodes, 33, "nginx.service", 0, 128, protocol)
        if self.sockets.get(endpoint) != known._replace(queued=queued):
            self.sockets[endpoint] = known._replace(queued=queued)
            self.changed()

    def close(self, endpoint: Endpoint) -> None:
        if self.sockets.pop(endpoint, None) is not None:
            self._tell(Closed(endpoint.address, endpoint.port.number))

    def lead(self, endpoint: Endpoint, nat: Nat | None) -> None:
        """Sets NAT or a firewall. No event reports it."""
        if self.nat.get(endpoint) is nat:
            return
        if nat is None:
            self.nat.pop(endpoint, None)
        else:
            self.nat[endpoint] = nat
        self.changed()

    def set_arp(self, arp: Arp) -> None:
        """Sets a sysctl. No event reports it."""
        self.arp = arp
        self.changed()

    # The state.

    def delivery(self, address: Address) -> Delivery:
        known = self._deliveries.get(address)
        if known is None:
            known = self._deliveries[address] = self._delivery(address)
        return known

    def _delivery(self, address: Address) -> Delivery:
        found = [
            (prefix.length, held.interface)
            for held, prefix in self.local_prefixes()
            if prefix.covers(address)
        ]
        if found:
            length, interface = max(found)
            return Delivery(True, IFINDEX[interface], length)
        holes = [
            (held.prefixlen, held.interface)
            for held in self.held
            if held.by == "address" and held.prefix.covers(address)
        ]
        if holes:
            length, interface = max(holes)
            return Delivery(False, IFINDEX[interface], length)
        return NOT_ROUTED

    def local_prefixes(self) -> Iterator[tuple[Held, Prefix]]:
        return local_prefixes(self.held)

    def listener(self, endpoint: Endpoint) -> Listener | None:
        found = self.sockets.get(endpoint)
        if found is None and is_v4(endpoint.address):
            found = self.sockets.get(Endpoint(ANY_ADDRESS, endpoint.port))
        return found

    def connect(self, endpoint: Endpoint) -> Connect | Nat:
        """The outcome of a connect; Nat.SLOW is accepted in the end."""
        nat = self.nat.get(endpoint)
        if nat is not None:
            return Connect.ACCEPTED if nat is Nat.ACCEPTS else nat
        return Connect.REFUSED if self.listener(endpoint) is None else Connect.ACCEPTED

    def is_served(self, endpoint: Endpoint) -> bool:
        return self.listener(endpoint) is not None or endpoint in self.nat

    # Its events.

    def _tell(self, message: Change | Closed) -> None:
        """Queues a message in order. A fault may delay it, lose it or send it twice."""
        self.changed()
        faults = self._faults
        if faults.has("overrun"):
            if not self._overran:
                self._overran = True
                self._loop.call_at(faults.until("overrun"), self._on_overrun)
            return
        if faults.has("lost events"):
            return
        for _ in range(2 if faults.has("doubled events") else 1):
            delay = (
                faults.amount("late events") * faults.random.random()
                if faults.has("late events")
                else 0.001
            )
            at = max(self._loop.time() + delay, self._queue[-1][0] if self._queue else 0.0)
            self._queue.append((at, message))
            self._loop.call_at(at, self._deliver)

    def _deliver(self) -> None:
        if self._queue and self._queue[0][0] <= self._loop.time():
            _, message = self._queue.popleft()
            if self.hearer is not None:
                self.hearer.heard(message)

    def drop_pending(self) -> None:
        """Drops the messages on their way, which a new reader does not get."""
        self._queue.clear()
        self._overran = False

    def _on_overrun(self) -> None:
        if self._overran and self.hearer is not None:
            self.hearer.overrun()
        self._overran = False

    @property
    def silent(self) -> bool:
        """Whether every event has arrived."""
        return not (self._queue or self._overran)


def local_prefixes(rows: dict[Held, None]) -> Iterator[tuple[Held, Prefix]]:
    """The local routes of these addresses. An IPv4 prefix is local as a whole, an IPv6 prefix is not."""
    for held in rows:
        if held.by == "address":
            yield held, Prefix(held.address, host_length(held.address))
        if held.by == "route" or is_v4(held.address):
            yield held, prefix_of(held.address, held.prefixlen)
