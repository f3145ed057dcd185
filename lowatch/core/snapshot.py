"""One audit's observations, whole and immutable: all that the rules may look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from .addresses import Address, Port
from .answers import Answer, OtherView
from .arp import Arp
from .clock import Now
from .held import NO_TWINS, BlackHole, Held, Link, LocalPrefix, Twins
from .known import Known, Unknown
from .last_served import LastServed
from .listeners import Connect, Listener, Sockets
from .sources import NO_CHOICES, SourceChoice
from .surroundings import Surroundings


class Problem(NamedTuple):
    """Something that could not be observed, for the `problems` of a report."""

    source: str
    message: str


class PortObservation(NamedTuple):
    """One port of one address, as the kernel answered for it.

    listener: None means ENOENT: no socket would get the connection.
    connect: the outcome of the confirming connect(), if one was made or tried.
    way_back: False where routing prevents a local client's connection (FlowRoute.NO_WAY_BACK).
    last_served: where there is no listener: the last one, if known. `check` has no memory.
    """

    port: Port
    listener: Listener | Unknown | None
    connect: Connect | Unknown | None = None
    way_back: bool = True
    last_served: LastServed | None = None


class LocalAddress(NamedTuple):
    """An address that a domain resolves to and that is delivered locally through `interface`.

    ports: in the order of the domain's own. away: those that policy rules lead to another host.
    """

    address: Address
    interface: str
    ports: tuple[PortObservation, ...]
    held: Held | None = None
    """What holds exactly this address; None where only a wider prefix makes it local."""
    covering: tuple[Held, ...] = ()
    """Where held is None: the addresses and routes whose prefix makes it local."""
    away: tuple[Port, ...] = ()


class OtherViewAddress(NamedTuple):
    """An address that only other views of a domain give: applications on this host do not get it.

    place: the interface through which it is delivered locally; Unknown where that could not be asked.
    """

    address: Address
    place: str | Unknown


class DomainObservation(NamedTuple):
    """A domain's answer and what the kernel says of each of its addresses that is local.

    undecided: addresses whose locality could not be asked, with the reason.
    in_other_views: of the other views' addresses, those that are local, or may be.
    own_name: whether the domain is this host's own name.
    """

    answer: Answer
    local: tuple[LocalAddress, ...] = ()
    undecided: tuple[tuple[Address, str], ...] = ()
    in_other_views: tuple[OtherViewAddress, ...] = ()
    own_name: bool = False

    @property
    def is_certain(self) -> bool:
        """Whether its addresses, and the locality of each, are known."""
        return not self.undecided and self.answer.is_complete


class RefusedPort(NamedTuple):
    """An endpoint where local clients were refused again and again. port: 0 is one that is unknown.

    listener: None means that no socket would get their connections.
    """

    address: Address
    interface: str
    port: Port
    listener: Listener | Unknown | None = None


NOT_LOOKED_AT = Unknown("netlink", "the surroundings were not observed")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """host: the node name. at, monotonic: when it was taken, in seconds. uptime: seconds since boot.

    netns: the network namespace; "" for lowatch's own.
    domains: those with a local address in some view, or possibly one. The others cannot have a finding.
    referenced: the held addresses that a domain resolves to, in any view.
    unresolved: the domains with an unknown answer: why the A is unknown, and why the AAAA is ("" if known).
    elsewhere: addresses that were asked about and are not delivered to a watched interface.
    over_limit: the domains with more addresses, or SRV records, than the limits, and how many are ignored.
    unread: the unreadable files of name resolution, one line each. Any domain may then resolve to anything.
    unsure: of the domains that were asked about by name, those with another view that is unknown.
    arp: the ARP settings of the NICs; not read unless an IPv4 address is held that they could concern.
    sockets: dumped only if no domain resolves to some held address.
    srv_ports: the ports in all SRV records.
    sources: the VIPs that the kernel chooses as source addresses.
    twins: the addresses that a watched interface and another one hold.
    refused: where local clients were refused again and again, in order. `check` has no memory.
    surroundings: read only if a finding proposes a change. Without them no fix is offered.
    loopback_up: whether `lo`, which carries all local delivery, is up.
    """

    host: str
    at: float
    uptime: float
    links: Known[tuple[Link, ...]] | Unknown
    held: Known[tuple[Held, ...]] | Unknown
    prefixes: Known[tuple[LocalPrefix, ...]] | Unknown
    black_holes: Known[tuple[BlackHole, ...]] | Unknown
    arp: Known[Arp] | Unknown
    sockets: Known[Sockets] | Unknown
    domains: Mapping[str, DomainObservation] = field(default_factory=dict)
    referenced: frozenset[Address] = frozenset()
    unresolved: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    elsewhere: frozenset[Address] = frozenset()
    over_limit: Mapping[str, int] = field(default_factory=dict)
    unread: tuple[str, ...] = ()
    unsure: Mapping[str, OtherView] = field(default_factory=dict)
    srv_ports: frozenset[Port] = frozenset()
    sources: Known[tuple[SourceChoice, ...]] | Unknown = NO_CHOICES
    twins: Known[tuple[Twins, ...]] | Unknown = NO_TWINS
    surroundings: Known[Surroundings] | Unknown = NOT_LOOKED_AT
    loopback_up: bool = True
    problems: tuple[Problem, ...] = ()
    monotonic: float = 0.0
    netns: str = ""
    refused: tuple[RefusedPort, ...] = ()

    @property
    def taken(self) -> Now:
        """When it was taken, on all clocks."""
        return Now(self.monotonic, self.at, self.uptime)

    @property
    def overlooked(self) -> str:
        """Why a name may resolve to an address that was not checked; "" if none does."""
        if self.over_limit:
            return f"{next(iter(self.over_limit))} has more addresses than the limit"
        return self.unread[0] if self.unread else ""
