"""Makes the DomainObservations, which are judged later, from DNS answers and kernel answers.

Nothing is judged here. An Unknown stands for each value that could not be observed.
"""

from __future__ import annotations

from collections.abc import Mapping, Set

from lowatch.core.addresses import Address
from lowatch.core.answers import Answer
from lowatch.core.known import Unknown
from lowatch.core.listeners import ConnectOutcome, Endpoint
from lowatch.core.policy import Domain
from lowatch.core.snapshot import DomainObservation, LocalAddress, OtherViewAddress, PortObservation
from lowatch.core.views import addresses_of

from .host_observation import Holders
from .kernel_answers import Place
from .ports import ListenerAnswer


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
    """The observation of a domain, or None if no address in any view is local or may be.

    hostname: of this host, to recognise its own names.
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
    """The addresses in views that applications do not get, if they are local or may be."""
    effective = frozenset(answer.with_synthesised)
    found = ((one, places.get(one)) for one in addresses_of(answer) if one not in effective)
    return tuple(OtherViewAddress(address, place) for address, place in found if place is not None)


def with_outcomes(
    observed: DomainObservation, connects: Mapping[Endpoint, ConnectOutcome]
) -> DomainObservation:
    """The observation, with the outcomes of connects to these endpoints."""

    def with_outcome(address: Address, port: PortObservation) -> PortObservation:
        outcome = connects.get(Endpoint(address, port.port))
        return port if outcome is None else port._replace(connect=outcome)

    local = (
        one._replace(ports=tuple(with_outcome(one.address, port) for port in one.ports))
        for one in observed.local
    )
    return observed._replace(local=tuple(local))


def is_own_name(domain: str, hostname: str) -> bool:
    """Whether a domain is this host's node name, or its first label."""
    own = hostname.lower()
    return own == (domain if "." in own else domain.partition(".")[0])
