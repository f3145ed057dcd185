"""What the application needs from the outside world. Only wiring/ builds the adapters."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

from lowatch.core.addresses import Address, Port, Prefix
from lowatch.core.answers import Answer, AnswerListener, AnswerStatus, OtherView
from lowatch.core.arp import Arp
from lowatch.core.clock import Now
from lowatch.core.held import Delivery, FlowRoute, Held, Link, LocalRoute, Twins
from lowatch.core.known import Known, Unknown
from lowatch.core.last_served import LastServed
from lowatch.core.lifecycle import (
    Remembered,
    Tracked,
)
from lowatch.core.listeners import ConnectOutcome, Endpoint, LateAnswers, Listener, Sockets
from lowatch.core.programs import TraceState
from lowatch.core.served_state import ServedState
from lowatch.core.sources import Source
from lowatch.core.surroundings import Surroundings

ListenerAnswer = Listener | Unknown | None
"""The socket that serves an endpoint; None if there is none."""


class Host(Protocol):
    """The kernel of this host. Every method returns at once, and none raises."""

    def refresh(self) -> None:
        """Dump again the tables that may be out of date."""

    def invalidate(self) -> None:
        """Dump everything again at the next refresh()."""

    @property
    def unsettled(self) -> bool:
        """Whether a table changed while it was dumped: rows may be missing, so refresh() soon."""

    @property
    def generation(self) -> int:
        """Grows with every change of the tables."""

    def links(self) -> Known[tuple[Link, ...]] | Unknown: ...

    def held(self) -> Known[tuple[Held, ...]] | Unknown: ...

    def twins(self) -> Known[tuple[Twins, ...]] | Unknown:
        """The addresses that a watched interface and another one of the same VRF hold."""

    def arp(self) -> Known[Arp] | Unknown:
        """The current ARP settings of the NICs."""

    def wide_routes(self) -> list[LocalRoute]: ...

    def led_away(self, table: int, *, v4: bool) -> Known[frozenset[Prefix]] | Unknown:
        """The prefixes for which a table has a route that is not local."""

    def surroundings(self) -> Known[Surroundings] | Unknown:
        """The current surroundings of the watched addresses, asked for when a fix depends on them.

        Without the sockets, which idle-vip needs as well.
        """

    def loopback_up(self) -> bool: ...

    def interface(self, ifindex: int) -> str | None: ...

    def watches(self, ifindex: int) -> bool: ...

    def swallows(self, ifindex: int) -> bool:
        """Whether an interface has no neighbours, so that packets routed into it never leave this host."""

    def may_be_local(self, address: Address) -> bool:
        """False only if no local route covers the address, so the kernel need not be asked."""

    def local_prefixes(self) -> Collection[Prefix] | None:
        """The prefixes that may_be_local() accepts; None if it accepts every address."""

    def follow_starts(self) -> bool:
        """Report units of systemd that start from now on. Returns whether they are noticed."""

    @property
    def trace(self) -> TraceState | None:
        """Of the trace, which reports each socket that begins to listen; None if there is none."""

    def follow_ports(self, ports: Iterable[Port]) -> None:
        """Report closed sockets on these ports from now on."""

    def follow_clients(self, addresses: Collection[Address], ports: Iterable[Port]) -> None:
        """Report failed local clients of these addresses from now on; of UDP all clients of these ports."""

    def deliveries(self, addresses: Sequence[Address]) -> list[Delivery | Unknown]:
        """Where routing delivers each address, in order.

        The same list object if no answer has changed since the same addresses were last asked about.
        """

    def listeners(self, endpoints: Sequence[Endpoint]) -> list[ListenerAnswer]:
        """The socket that serves each endpoint, in order; None if there is none.

        Where flow_routes_may_differ, ask flow_routes() first: it finds out by which devices they come.
        Returns the same list object under the same condition as deliveries().
        """

    def full_beside(self, listener: Listener, number: int) -> ListenerAnswer:
        """The member of a TCP listener's REUSEPORT group that has a full accept queue; None if none has.

        number: the port.
        """

    @property
    def flow_routes_may_differ(self) -> bool:
        """Whether local delivery may depend on more than the address. Then ask the next two methods."""

    def endpoint_deliveries(self, endpoints: Sequence[Endpoint]) -> list[Delivery | Unknown]:
        """The same as deliveries(), for packets with each endpoint's protocol and port."""

    def flow_routes(self, endpoints: Sequence[Endpoint]) -> list[FlowRoute | Unknown]: ...

    def sources(self, destinations: Sequence[Address]) -> list[Source | Unknown | None]:
        """The source that the kernel chooses for packets to each IPv6 address, in order.

        None if they do not leave this host.
        """

    def global_ipv6(self, interface: str) -> list[Held]:
        """The IPv6 addresses of any interface, watched or not, whose scope is global."""

    def sockets(self) -> Known[Sockets] | Unknown:
        """Where sockets are bound. Use it only to narrow down: under churn a dump may miss a socket."""


class Prober(Protocol):
    async def connect(self, endpoints: Sequence[Endpoint], late: LateAnswers) -> list[ConnectOutcome]:
        """The outcome of a connect to each endpoint, in order.

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
        """What prevents all resolving, one line each: no nameserver, a malformed line."""

    @property
    def unread(self) -> Sequence[str]:
        """What it could not read, one line each: applications may get other answers."""

    async def run(self, listener: AnswerListener) -> None:
        """Resolve until cancelled. The listener is called for each domain that has a new Answer."""

    async def settled(self) -> None:
        """Return when each domain has been asked once, with or without success."""

    def replace_domains(self, domains: Iterable[str]) -> None:
        """Follow these from now on; domains that were followed before keep their state."""

    def follow_ipv6(self, *, idle: bool) -> None:
        """idle: no watched interface holds an IPv6 address but ::1, so AAAA answers may get older."""

    def follow_held(self, held: Known[tuple[Held, ...]] | Unknown) -> None:
        """Called after each audit. When an address is added, it asks for all names soon."""

    def clients_refused(self, address: Address) -> None:
        """Local clients are refused there, and no known name leads there: it asks for all names soon."""

    def keep_near(self, domains: Iterable[str]) -> None:
        """These have led here: ask for them at each TTL."""


class AlertSink(Protocol):
    """Where firing and resolved findings are announced. Never blocks, never raises."""

    def announce(self, tracked: Tracked, now: Now) -> None: ...

    def flush(self) -> None:
        """Deliver now what can be delivered, because the process is about to end."""

    def undelivered(self) -> Sequence[Tracked]:
        """Findings announced, but neither in the journal nor shown elsewhere. Each subject in order.

        delivery_unknown is set for those that may be shown before the next call.
        """

    @property
    def dropped(self) -> int:
        """How many findings were given up, because the journal accepted no entry for too long."""


class StateStore(Protocol):
    """Keeps findings across a restart."""

    def load(self) -> Sequence[Remembered]:
        """What was tracked when the daemon last ran; empty if there is nothing."""

    def end_generation(self) -> int:
        """Called at the moment of which a state is to be saved. Returns a number for save().

        What is delivered from now on is not part of that state, and belongs to the next generation.
        """

    def save(self, tracked: Mapping[str, Tracked], generation: int) -> bool:
        """Write atomically, which blocks. Returns whether it is written; a failure is logged once.

        generation: what was delivered up to that one is part of the state.
        """


class ServedStore(Protocol):
    """Keeps who serves each endpoint across a restart."""

    def load(self) -> Mapping[Endpoint, LastServed]:
        """What was saved last, the latest last; empty if there is nothing."""

    def save(self, state: ServedState) -> bool:
        """Write atomically, which blocks. Returns whether it is written; a failure is logged once."""
