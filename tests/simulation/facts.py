"""Records what is true of a world, and what was true sometimes or always since it was last at rest."""

from __future__ import annotations

from collections.abc import Mapping

from lowatch.core.addresses import Address
from lowatch.core.findings import FindingKind, Subject
from lowatch.core.held import Held
from lowatch.core.listeners import Connect, Endpoint

from .kernel import Nat
from .nameservers import Record
from .places import ADDRESSES, ASKED, ENDPOINTS, FAR, IFINDEX, NAMES, PORTS, SERVICE
from .world import World

_NAME_OF = {number: name for name, number in IFINDEX.items()}
ANY_OF = frozenset(NAMES[:2])
"""The domains with an any-of set of ports."""


class Window:
    """What was true at some time, and what was true all the time, since it was constructed.

    some: name -> addresses that any source had. always: name -> addresses that all sources had.
    places: address -> interfaces to which it was delivered. refused: endpoints where a connect was refused.
    there: endpoints where something answered. changes: how often anything changed.
    names_known: whether the daemon knew all of DNS when the window began.
    """

    def __init__(self, world: World, before: Window | None = None, *, names_known: bool = True) -> None:
        """before: the window whose names still count if names_known is False."""
        self._world = world
        self.names_known = names_known
        carried = None if names_known else before
        self.some: dict[str, set[Address]] = {} if carried is None else carried.some
        self.always: dict[str, set[Address]] = {} if carried is None else carried.always
        self.places: dict[Address, set[str | None]] = {address: set() for address in ADDRESSES}
        self.refused: set[Endpoint] = set()
        self.there: set[Endpoint] = set()
        self.held: set[Held] = set()
        self.absent: set[Address] = set()
        self.lo_was_down = False
        self.policies: set[int] = set()
        self.changes = -1
        self.take_in()

    def take_in(self) -> None:
        """Records the current state of the world, after a possible change."""
        world, kernel = self._world, self._world.kernel
        self.changes += 1
        self.policies.add(id(world.policy))
        self.lo_was_down |= not kernel.links["lo"].up
        self.held.update(kernel.held)
        holding = {
            held.address
            for held in kernel.held
            if held.by == "address" and world.policy.watches(held.interface)
        }
        self.absent.update(address for address in ADDRESSES if address not in holding)
        for address in ADDRESSES:
            self.places[address].add(self._place(address))
        for endpoint in ENDPOINTS:
            met = kernel.connect(endpoint)
            if met is Connect.REFUSED:
                self.refused.add(endpoint)
            if kernel.listener(endpoint) is not None or met in (Connect.ACCEPTED, Nat.SLOW):
                self.there.add(endpoint)
        self._take_in_names()

    def _place(self, address: Address) -> str | None:
        watched = self._world.policy.watches
        held = sorted(
            (one.by, one.interface, -one.prefixlen)
            for one in self._world.kernel.held
            if one.address == address
            and watched(one.interface)
            and (one.by == "address" or one.prefix.is_host)
        )
        if held:
            return held[0][1]
        delivery = self._world.kernel.delivery(address)
        name = _NAME_OF.get(delivery.ifindex)
        return name if delivery.local and name is not None and watched(name) else None

    def _take_in_names(self) -> None:
        world = self._world
        lied = any(world.faults.has(f"lies {number}") for number in (0, 1))
        denied = any(world.faults.has(f"denies {number}") for number in (0, 1))
        for name in ASKED:
            record = world.zone.records.get(name, Record())
            dns = set(record.addresses)
            hosts = set(world.names.hosts.get(name, ()))
            other = set(world.names.directory.get(name, ()))
            some = dns | hosts | other | (set(FAR[:1]) if lied else set())
            every = set() if record.rotates or denied else dns & set(FAR[:1]) if lied else dns
            if hosts:
                every = every & hosts
            if other and world.names.has_directory:
                every = every & other
            self.some.setdefault(name, set()).update(some)
            self.always[name] = self.always.get(name, every) & every

    @property
    def is_still(self) -> bool:
        """Whether nothing has changed, so that no finding may come or go."""
        return self.names_known and not self.changes and not self._world.is_rotating

    def may_show(self, subject: Subject) -> bool:
        """Whether a finding can have appeared."""
        if self.is_still:
            return False
        address, domain = subject.address, subject.domain
        if subject.kind is FindingKind.MISSING_VIP:
            return address in self.absent or len(self.policies) > 1
        if subject.kind is not FindingKind.ORPHAN_VIP or address not in self.places or domain == SERVICE:
            return True
        assert domain is not None
        assert subject.port is not None
        refused = Endpoint(address, subject.port) in self.refused or self.lo_was_down
        return address in self.some[domain] and subject.interface in self.places[address] and refused

    def may_go(self, subject: Subject) -> bool:
        """Whether a finding can have ended."""
        if self.is_still:
            return False
        address, domain = subject.address, subject.domain
        if len(self.policies) > 1:
            return True
        if subject.kind is FindingKind.MISSING_VIP:
            return any(held.address == address for held in self.held)
        if subject.kind is not FindingKind.ORPHAN_VIP or address not in self.places or domain == SERVICE:
            return True
        assert domain is not None
        ports = PORTS if domain in ANY_OF else (subject.port,)
        return (
            address not in self.always[domain]
            or self.places[address] != {subject.interface}
            or any(Endpoint(address, port) in self.there for port in ports if port is not None)
        )


def unlike_dns(world: World, answers: Mapping[str, frozenset[Address]]) -> list[str]:
    """The names whose answers differ from DNS now. Rotating names may have some of its addresses."""
    found = []
    for name, addresses in answers.items():
        record = world.zone.records.get(name, Record())
        right = addresses <= set(record.addresses) if record.rotates else addresses == set(record.addresses)
        if not right:
            found.append(name)
    return found
