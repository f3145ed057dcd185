"""What the application needs of the outside world. wiring/ builds the adapters, nobody else does."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

from lowatch.core.addresses import Address, Port, Prefix
from lowatch.core.answers import Answer, AnswerListener, AnswerStatus, OtherView
from lowatch.core.arp import Arp
from lowatch.core.clock import Now
from lowatch.core.held import Delivery, FlowRoute, Held, Link, LocalRoute
from lowatch.core.known import Known, Unknown
from lowatch.core.lifecycle import (
    Remembered,
    Tracked,
)
from lowatch.core.listeners import Connect, Endpoint, Listener, Sockets
from lowatch.core.surroundings import Surroundings

ListenerAnswer = Listener | Unknown | None
"""Which socket serves an endpoint; None where none does."""
ConnectOutcome = Connect | Unknown
"""What a connect met."""


class Host(Protocol):
    """The kernel of this host. Every question is answered at once; none raises."""

    def refresh(self) -> None:
        """Make the tables true where they may not be."""

    def invalidate(self) -> None:
        """Dump everything again at the next refresh()."""

    @property
    def unsettled(self) -> bool:
        """Whether a table was changing while it was dumped: refresh() soon, rows may be missing."""

    @property
    def generation(self) -> int:
        """Grows with every change of the tables."""

    def links(self) -> Known[tuple[Link, ...]] | Unknown: ...

    def held(self) -> Known[tuple[Held, ...]] | Unknown: ...

    def arp(self) -> Known[Arp] | Unknown:
        """How the NICs do ARP, as it is now."""

    def wide_routes(self) -> list[LocalRoute]: ...

    def led_away(self, table: int, *, v4: bool) -> Known[frozenset[Prefix]] | Unknown:
        """The prefixes for which a table has a route that is not local."""

    def surroundings(self) -> Known[Surroundings] | Unknown:
        """What lies around the watched addresses, as it is now; asked where a fix depends on it."""

    def loopback_up(self) -> bool: ...

    def interface(self, ifindex: int) -> str | None: ...

    def watches(self, ifindex: int) -> bool: ...

    def swallows(self, ifindex: int) -> bool:
        """Whether nobody is behind an interface: what is routed into it never leaves this host."""

    def may_be_local(self, address: Address) -> bool:
        """False only where no local route covers it: whom not to ask about."""

    def local_prefixes(self) -> Collection[Prefix] | None:
        """All that may_be_local() covers; None where it covers everything."""

    def follow_ports(self, ports: Iterable[Port]) -> None:
        """Hear of closed sockets on these ports from now on."""

    def deliveries(self, addresses: Sequence[Address]) -> list[Delivery | Unknown]:
        """Where routing delivers each address, in order.

        Where nothing changed since the same addresses were last asked about, the very same list.
        """

    def listeners(self, endpoints: Sequence[Endpoint]) -> list[ListenerAnswer]:
        """Which socket serves each endpoint, in order; None where none does. The same list as above."""

    @property
    def routes_depend_on_ports(self) -> bool:
        """Whether what is local may depend on more than the address: then the next two tell."""

    def endpoint_deliveries(self, endpoints: Sequence[Endpoint]) -> list[Delivery | Unknown]:
        """As deliveries, of each endpoint's own packets."""

    def flow_routes(self, endpoints: Sequence[Endpoint]) -> list[FlowRoute | Unknown]: ...

    def sockets(self) -> Known[Sockets] | Unknown:
        """Where sockets are bound. Good for narrowing down only: a dump may miss one under churn."""


class LateAnswers(Protocol):
    def connect_answered(self, endpoint: Endpoint, outcome: ConnectOutcome) -> None:
        """A connect that was PENDING has an outcome."""


class Prober(Protocol):
    async def connect(self, endpoints: Sequence[Endpoint], late: LateAnswers) -> list[ConnectOutcome]:
        """What a connect to each endpoint meets, in order.

        PENDING if there is no answer within a moment; the outcome goes to `late`.
        """


class Resolver(Protocol):
    """Keeps an Answer for each domain, and asks again when its TTL expires."""

    def answer(self, domain: str) -> Answer:
        """The current answer; NOT_ASKED before the first, and for a domain that is not followed.

        The same object as long as it is equal.
        """

    def inside(self, prefixes: Collection[Prefix]) -> set[str]:
        """The domains that lead into any of these prefixes, in any view; see addresses.destination.

        The cost depends on the prefixes and on the domains found, not on the domains that lead elsewhere.
        """

    def at(self, address: Address) -> Collection[str]:
        """The domains that lead to this address, in any view; see addresses.destination."""

    @property
    def statuses(self) -> Mapping[AnswerStatus, int]:
        """How many domains have each answer status."""

    def unresolved(self) -> Mapping[str, tuple[str, str]]:
        """The domains whose answer is unknown, and why the A and the AAAA are ("" if known).

        The same object until one of them changes.
        """

    def over_limit(self) -> Mapping[str, int]:
        """The domains with more addresses, or SRV records, than are looked at, and how many more.

        The same object until one of them changes, as a rule.
        """

    def not_resolved(self) -> Sequence[str]:
        """The domains whose status is not RESOLVED."""

    def unsure(self) -> Mapping[str, OtherView]:
        """The domains for which getaddrinfo failed, and why: what applications get is unknown."""

    @property
    def srv_ports(self) -> frozenset[Port]:
        """The ports that the records of the SRV names have now."""

    @property
    def stub_addresses(self) -> frozenset[Address]:
        """The nameservers' own addresses: port 53 there is the host's resolver, never an orphan."""

    @property
    def problems(self) -> Sequence[str]:
        """What keeps it from resolving at all, one line each: no nameserver, a malformed line."""

    @property
    def unread(self) -> Sequence[str]:
        """What it could not read, one line each: applications may get other answers."""

    async def run(self, listener: AnswerListener) -> None:
        """Resolve until cancelled. The listener is told of each domain that has a new Answer."""

    async def settled(self) -> None:
        """Return when each domain has been asked once, with or without success."""

    def replace_domains(self, domains: Iterable[str]) -> None:
        """Follow these from now on; domains that were followed before keep their state."""

    def follow_ipv6(self, *, idle: bool) -> None:
        """idle: no watched interface holds an IPv6 address but ::1, so AAAA answers may get older."""


class AlertSink(Protocol):
    """Where firing and resolved findings are announced. Never blocks, never raises."""

    def announce(self, tracked: Tracked, now: Now) -> None: ...

    def flush(self) -> None:
        """Deliver at once what can be delivered: the process is about to end."""

    def undelivered(self) -> Sequence[Tracked]:
        """What was announced, and is neither in the journal nor shown elsewhere. Each subject in order."""

    @property
    def dropped(self) -> int:
        """How many findings were given up, because the journal accepted no entry for too long."""


class StateStore(Protocol):
    """Keeps findings across a restart."""

    def load(self) -> Sequence[Remembered]:
        """What was tracked when the daemon last ran; empty if there is nothing."""

    def end_generation(self) -> int:
        """Called at the moment of which a state is to be saved. Returns a number for forget().

        What is delivered from now on is not part of that state, and belongs to the next generation.
        """

    def save(self, tracked: Mapping[str, Tracked]) -> bool:
        """Write atomically, which blocks. Returns whether it is written; a failure is logged once."""

    def forget(self, generation: int) -> None:
        """What was delivered up to that generation is part of what was saved. Blocks."""
