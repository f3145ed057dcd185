"""From answers and what the kernel says of them to the DomainObservations that are judged.

The kernel is asked about exactly the addresses and ports that matter. Nothing is judged here; what could
not be observed is an Unknown in its place.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence, Set
from typing import NamedTuple

from lowatch.core.addresses import (
    Address,
    Port,
    is_link_local,
)
from lowatch.core.answers import Answer
from lowatch.core.held import Course, Delivery
from lowatch.core.known import Unknown
from lowatch.core.listeners import Connect, Endpoint
from lowatch.core.policy import Domain, Policy
from lowatch.core.snapshot import DomainObservation, LocalAddress, OtherViewAddress, PortObservation
from lowatch.core.views import addresses_of

from .host_observation import (
    Holders,
)
from .ports import ConnectOutcome, Host, ListenerAnswer

_DNS_PORT = 53

Place = str | Unknown | None
"""Where an address is delivered: a watched interface, nowhere that counts, or not known."""


class AuditContext(NamedTuple):
    """What all domains of one audit have in common.

    generation: of the host's tables. stub: the addresses of the host's own resolvers. hostname: this
    host's own, for the names that are customary on it.
    """

    policy: Policy
    holders: Holders
    generation: int
    loopback_up: bool
    stub: frozenset[Address]
    hostname: str = ""

    def is_like(self, other: AuditContext) -> bool:
        """Whether the same answers of the kernel make the same observations. Never compares all domains."""
        return self.policy is other.policy and self.holders is other.holders and self[2:] == other[2:]


class KernelAnswers(NamedTuple):
    """What the kernel was asked about some domains, and what it said.

    answers: of the domains, in order. candidates: the addresses that may be local, with `deliveries`.
    expected: the endpoints, with `courses` (none where all are routed alike). arriving: those of them
    whose packets arrive here, with `listeners`.
    """

    context: AuditContext
    answers: list[Answer]
    candidates: list[Address]
    deliveries: list[Delivery | Unknown]
    places: Mapping[Address, Place]
    expected: list[Endpoint]
    courses: list[Course | Unknown]
    arriving: list[Endpoint]
    listeners: list[ListenerAnswer]

    def served(self) -> dict[Endpoint, ListenerAnswer]:
        """By endpoint; those that are routed elsewhere are not among them."""
        found: dict[Endpoint, ListenerAnswer] = dict(zip(self.arriving, self.listeners, strict=True))
        found.update((e, course) for e, course in self._with_courses() if isinstance(course, Unknown))
        return found

    def on_course(self, course: Course) -> frozenset[Endpoint]:
        """The endpoints of which that becomes."""
        return frozenset(e for e, one in self._with_courses() if one is course)

    def _with_courses(self) -> Iterable[tuple[Endpoint, Course | Unknown]]:
        return zip(self.expected, self.courses, strict=True) if self.courses else ()


def arriving(expected: list[Endpoint], courses: Sequence[Course | Unknown]) -> list[Endpoint]:
    """The endpoints whose packets arrive here. courses: none where all do."""
    if not courses:
        return expected
    here = (Course.HERE, Course.NO_WAY_BACK)
    return [endpoint for endpoint, course in zip(expected, courses, strict=True) if course in here]


def place(host: Host, holders: Holders, address: Address, delivery: Delivery | Unknown) -> Place:
    """Where an address counts as held, given what routing said of it."""
    if is_link_local(address):
        return (
            None  # connect() to it without a scope is EINVAL, and a DNS answer has none: tcp_v6_connect()
        )
    if isinstance(delivery, Unknown):
        return delivery
    if not delivery.local:
        return None
    if isinstance(holders.held, Unknown):
        return holders.held  # local, but whether through a watched interface cannot be told
    holder = holders.exact(address)  # counts even where another interface holds it as well
    if holder is not None:
        return holder.interface
    return host.interface(delivery.ifindex) if host.watches(delivery.ifindex) else None


def expected_endpoints(
    domain: Domain, answer: Answer, places: Mapping[Address, Place], stub: frozenset[Address]
) -> list[Endpoint]:
    """The endpoints at which this host itself would be asked to serve the domain."""
    return [
        Endpoint(address, port)
        for address, ports in answer.expected(domain.ports)
        if isinstance(places.get(address), str)
        for port in ports
        if not is_own_stub(address, port, stub)
    ]


def is_own_stub(address: Address, port: Port, stub: frozenset[Address]) -> bool:
    """A nameserver's address at port 53 is the host's own resolver, whoever answers there."""
    return port.number == _DNS_PORT and address in stub


def domain_observation(
    domain: Domain,
    answer: Answer,
    places: Mapping[Address, Place],
    listeners: Mapping[Endpoint, ListenerAnswer],
    connects: Mapping[Endpoint, ConnectOutcome],
    holders: Holders,
    hostname: str = "",
    no_way_back: Set[Endpoint] = frozenset(),
    led_away: Set[Endpoint] = frozenset(),
) -> DomainObservation | None:
    """What is known of a domain, or None where it leads here in no view, and may not do so either.

    hostname: this host's own, for the names that are customary on it.
    """
    local: list[LocalAddress] = []
    undecided: list[tuple[Address, str]] = []
    for address, expected in answer.expected(domain.ports):
        place = places.get(address)
        if isinstance(place, Unknown):
            undecided.append((address, f"{place.source}: {place.reason}"))
        if not isinstance(place, str):
            continue
        ports = tuple(
            [
                PortObservation(
                    port, listeners[endpoint], connects.get(endpoint), endpoint not in no_way_back
                )
                for port in expected
                if (endpoint := Endpoint(address, port)) in listeners
            ]
        )
        holder = holders.exact(address)
        covering = () if holder is not None else holders.covering(address)
        if ports:
            away = (
                tuple(port for port in expected if Endpoint(address, port) in led_away) if led_away else ()
            )
            local.append(LocalAddress(address, place, ports, holder, covering, away))
    in_other_views = _in_other_views(answer, places) if answer.others else ()
    if not local and not undecided and not in_other_views:
        return None
    own_name = bool(answer.others) and is_own_name(domain.name, hostname)
    return DomainObservation(answer, tuple(local), tuple(undecided), in_other_views, own_name)


def _in_other_views(answer: Answer, places: Mapping[Address, Place]) -> tuple[OtherViewAddress, ...]:
    """Of the addresses that applications do not get, those that are local, or may be."""
    given = frozenset(answer.given)
    found = ((one, places.get(one)) for one in addresses_of(answer) if one not in given)
    return tuple(OtherViewAddress(address, place) for address, place in found if place is not None)


def awaiting(observed: DomainObservation, endpoints: Container[Endpoint]) -> DomainObservation:
    """The same, with connects to these endpoints under way."""

    def with_connect(address: Address, port: PortObservation) -> PortObservation:
        wanted = Endpoint(address, port.port) in endpoints
        return port._replace(connect=Connect.PENDING) if wanted else port

    local = (
        one._replace(ports=tuple(with_connect(one.address, port) for port in one.ports))
        for one in observed.local
    )
    return observed._replace(local=tuple(local))


def is_own_name(domain: str, hostname: str) -> bool:
    """Whether a domain is this host's node name, which may be its first label alone."""
    own = hostname.lower()
    return own == (domain if "." in own else domain.partition(".")[0])
