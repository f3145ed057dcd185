"""What the kernel is asked about domains, and its answers.

It is asked about exactly the addresses and ports that matter: whether an address is delivered here, how the
packets to an endpoint are routed, and which socket serves it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from lowatch.core.addresses import Address, Port, PrefixSet, is_link_local
from lowatch.core.answers import Answer
from lowatch.core.held import Delivery, FlowRoute, Held
from lowatch.core.known import Unknown
from lowatch.core.listeners import Endpoint
from lowatch.core.policy import Domain, Policy
from lowatch.core.values import new
from lowatch.core.views import possible_addresses

from .host_observation import Holders
from .ports import Host, ListenerAnswer

_DNS_PORT = 53

Place = Held | str | Unknown | None
"""Where an address is delivered: what holds exactly it on a watched interface; or the name of the watched
interface if only a wider prefix makes it local; None if there is no such interface, Unknown if unknown."""


class PlacedAddress(NamedTuple):
    """An address of a domain that is delivered here, or may be (then `place` is Unknown).

    endpoints: those at which this host should serve the domain there; () if the place is unknown.
    """

    address: Address
    place: Held | str | Unknown
    endpoints: Sequence[Endpoint]


class AuditContext(NamedTuple):
    """What all domains of one audit have in common.

    generation: of the host's tables. stub: the addresses of the host's own resolvers. hostname: to
    recognise the names of this host.
    """

    policy: Policy
    holders: Holders
    generation: int
    loopback_up: bool
    stub: frozenset[Address]
    hostname: str = ""

    def is_like(self, other: AuditContext) -> bool:
        """Whether equal answers of the kernel would give equal observations. Never compares all domains."""
        return self.policy is other.policy and self.holders is other.holders and self[2:] == other[2:]


class KernelAnswers(NamedTuple):
    """What the kernel was asked about domains, and its answers.

    answers: those of the domains, in order. candidates: the addresses that may be local, with `deliveries`.
    placed: of each domain, in order. expected: the endpoints of all, each once, with `flow_routes` (empty
    if all are routed alike). arriving: those of them whose packets arrive here, with `listeners`.
    """

    context: AuditContext
    answers: list[Answer]
    candidates: list[Address]
    deliveries: list[Delivery | Unknown]
    places: Mapping[Address, Place]
    placed: list[list[PlacedAddress]]
    expected: list[Endpoint]
    flow_routes: list[FlowRoute | Unknown]
    arriving: list[Endpoint]
    listeners: list[ListenerAnswer]

    def served(self) -> dict[Endpoint, ListenerAnswer]:
        """The listener of each endpoint whose packets arrive here, or why it is unknown."""
        found: dict[Endpoint, ListenerAnswer] = dict(zip(self.arriving, self.listeners, strict=True))
        found.update((e, one) for e, one in self._with_flow_routes() if isinstance(one, Unknown))
        return found

    def with_flow_route(self, flow_route: FlowRoute) -> frozenset[Endpoint]:
        """The endpoints with this flow route."""
        return frozenset(e for e, one in self._with_flow_routes() if one is flow_route)

    def _with_flow_routes(self) -> Iterable[tuple[Endpoint, FlowRoute | Unknown]]:
        return zip(self.expected, self.flow_routes, strict=True) if self.flow_routes else ()


def _arriving(expected: list[Endpoint], flow_routes: Sequence[FlowRoute | Unknown]) -> list[Endpoint]:
    """The endpoints whose packets arrive here. flow_routes: empty if all do."""
    if not flow_routes:
        return expected
    here = (FlowRoute.HERE, FlowRoute.NO_WAY_BACK)
    return [endpoint for endpoint, one in zip(expected, flow_routes, strict=True) if one in here]


def ask_kernel(
    host: Host, answers_of: Mapping[str, Answer], context: AuditContext, known: KernelAnswers | None
) -> KernelAnswers:
    """Ask the kernel everything about these domains.

    known: its previous answers about them; returned itself if the answers are the same.
    """
    names, answers = list(answers_of), list(answers_of.values())
    if known is not None and not (known.context.is_like(context) and known.answers == answers):
        known = None
    candidates = known.candidates if known else _candidates(host, answers)
    deliveries = _deliveries(host, names, answers, candidates, context.policy)
    if known and deliveries == known.deliveries:
        places, placed, expected = known.places, known.placed, known.expected
    else:
        known = None
        places = {
            address: place(host, context.holders, address, delivery)
            for address, delivery in zip(candidates, deliveries, strict=True)
        }
        domains, stub = context.policy.domains, context.stub
        placed = [
            placed_addresses(domains[name], answer, places, stub)
            for name, answer in zip(names, answers, strict=True)
        ]
        expected = list(dict.fromkeys([e for of_one in placed for one in of_one for e in one.endpoints]))
    flow_routes = host.flow_routes(expected) if host.flow_routes_may_differ else []
    if known and flow_routes == known.flow_routes:
        asked = known.arriving
    else:
        known = None
        asked = _arriving(expected, flow_routes)
    listeners = host.listeners(asked)
    if known and listeners == known.listeners:
        return known
    return KernelAnswers(
        context, answers, candidates, deliveries, places, placed, expected, flow_routes, asked, listeners
    )


def _candidates(host: Host, answers: Iterable[Answer]) -> list[Address]:
    """The addresses in any view that may be local, each once."""
    addresses = dict.fromkeys(chain.from_iterable(map(possible_addresses, answers)))
    local = host.local_prefixes()
    sure = local.hosts_among(addresses) if isinstance(local, PrefixSet) else ()  # nearly all, at once
    return [address for address in addresses if address in sure or host.may_be_local(address)]


def _deliveries(
    host: Host, names: Sequence[str], answers: Sequence[Answer], candidates: list[Address], policy: Policy
) -> list[Delivery | Unknown]:
    """The delivery of each candidate. Where flows may be routed differently, it is local if one of them is.

    It is unknown if one of them is unknown, and none is local.
    """
    deliveries = host.deliveries(candidates)
    if not host.flow_routes_may_differ:
        return deliveries
    found = dict(zip(candidates, deliveries, strict=True))
    here = {address for address, one in found.items() if isinstance(one, Delivery) and one.local}
    unclear = [
        Endpoint(address, port)
        for name, answer in zip(names, answers, strict=True)
        for address, ports in answer.expected(policy.domains[name].ports)
        if address in found and address not in here
        for port in ports
    ]
    for endpoint, one in zip(unclear, host.endpoint_deliveries(unclear), strict=True):
        known = found[endpoint.address]
        is_local = isinstance(known, Delivery) and known.local
        if not is_local and (isinstance(one, Unknown) or one.local):
            found[endpoint.address] = one
    return list(found.values())


def place(host: Host, holders: Holders, address: Address, delivery: Delivery | Unknown) -> Place:
    """Where an address counts as held, according to its delivery."""
    if is_link_local(address):  # a DNS answer has no scope, without which connect() fails: tcp_v6_connect()
        return None
    if isinstance(delivery, Unknown):
        return delivery
    if not delivery.local:
        return None
    if isinstance(holders.held, Unknown):
        return holders.held  # local, but unknown whether through a watched interface
    holder = holders.exact(address)  # counts even if another interface holds it as well
    if holder is not None:
        return holder
    return host.interface(delivery.ifindex) if host.watches(delivery.ifindex) else None


def placed_addresses(
    domain: Domain, answer: Answer, places: Mapping[Address, Place], stub: frozenset[Address]
) -> list[PlacedAddress]:
    """The addresses of the domain that are delivered here, or may be."""
    found = []
    for address, ports in answer.expected(domain.ports):
        where = places.get(address)
        if where is None:
            continue
        endpoints: Sequence[Endpoint] = ()
        if not isinstance(where, Unknown):
            endpoints = [
                new(Endpoint, (address, port))
                for port in ports
                if not (address in stub and is_own_stub(address, port, stub))
            ]
        found.append(new(PlacedAddress, (address, where, endpoints)))
    return found


def is_own_stub(address: Address, port: Port, stub: frozenset[Address]) -> bool:
    """Whether it is port 53 at a nameserver's address, which counts as the host's own resolver."""
    return port.number == _DNS_PORT and address in stub
