"""From answers and what the kernel says of them to the DomainObservations that are judged.

The kernel is asked about exactly the addresses and ports that matter. Nothing is judged here; what could
not be observed is an Unknown in its place.
"""

from __future__ import annotations

from collections.abc import Mapping, Set

from lowatch.core.addresses import (
    Address,
)
from lowatch.core.answers import Answer
from lowatch.core.known import Unknown
from lowatch.core.listeners import Endpoint
from lowatch.core.policy import Domain
from lowatch.core.snapshot import DomainObservation, LocalAddress, OtherViewAddress, PortObservation
from lowatch.core.views import addresses_of

from .host_observation import Holders
from .kernel_answers import Place
from .ports import ConnectOutcome, ListenerAnswer


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
    effective = frozenset(answer.with_synthesised)
    found = ((one, places.get(one)) for one in addresses_of(answer) if one not in effective)
    return tuple(OtherViewAddress(address, place) for address, place in found if place is not None)


def with_outcomes(
    observed: DomainObservation, connects: Mapping[Endpoint, ConnectOutcome]
) -> DomainObservation:
    """The same, with what connects to these endpoints met."""

    def with_outcome(address: Address, port: PortObservation) -> PortObservation:
        outcome = connects.get(Endpoint(address, port.port))
        return port if outcome is None else port._replace(connect=outcome)

    local = (
        one._replace(ports=tuple(with_outcome(one.address, port) for port in one.ports))
        for one in observed.local
    )
    return observed._replace(local=tuple(local))


def is_own_name(domain: str, hostname: str) -> bool:
    """Whether a domain is this host's node name, which may be its first label alone."""
    own = hostname.lower()
    return own == (domain if "." in own else domain.partition(".")[0])
