"""Makes the DomainObservations, which are judged later, from DNS answers and kernel answers.

Nothing is judged here. An Unknown stands for each value that could not be observed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set

from lowatch.core.addresses import Address
from lowatch.core.answers import Answer
from lowatch.core.held import Held
from lowatch.core.known import Unknown
from lowatch.core.listeners import ConnectOutcome, Endpoint
from lowatch.core.snapshot import DomainObservation, LocalAddress, OtherViewAddress, PortObservation
from lowatch.core.values import new
from lowatch.core.views import addresses_of

from .host_observation import Holders
from .kernel_answers import Place, PlacedAddress
from .ports import ListenerAnswer

_LED_AWAY = Unknown("", "")
"""Stands for an endpoint that no socket was looked up for: its packets do not arrive here."""


def domain_observation(
    answer: Answer,
    placed: Iterable[PlacedAddress],
    places: Mapping[Address, Place],
    listeners: Mapping[Endpoint, ListenerAnswer],
    connects: Mapping[Endpoint, ConnectOutcome],
    holders: Holders,
    hostname: str = "",
    no_way_back: Set[Endpoint] = frozenset(),
    led_away: Set[Endpoint] = frozenset(),
) -> DomainObservation | None:
    """The observation of a domain, or None if no address in any view is local or may be.

    placed: of the view that applications get. places: of the addresses in all views. hostname: of this
    host, to recognise its own names.
    """
    local: list[LocalAddress] = []
    undecided: list[tuple[Address, str]] = []
    for address, place, endpoints in placed:
        if isinstance(place, Unknown):
            undecided.append((address, f"{place.source}: {place.reason}"))
            continue
        ports: list[PortObservation] = []
        for endpoint in endpoints:
            listener = listeners.get(endpoint, _LED_AWAY)
            if listener is not _LED_AWAY:
                connect = connects.get(endpoint) if connects else None
                way_back = endpoint not in no_way_back
                ports.append(new(PortObservation, (endpoint.port, listener, connect, way_back, None)))
        if ports:
            away = tuple(one.port for one in endpoints if one in led_away) if led_away else ()
            if isinstance(place, str):
                covering = holders.covering(address)
                local.append(LocalAddress(address, place, tuple(ports), None, covering, away))
            else:
                local.append(new(LocalAddress, (address, place.interface, tuple(ports), place, (), away)))
    in_other_views = _in_other_views(answer, places) if answer.others else ()
    if not local and not undecided and not in_other_views:
        return None
    own_name = bool(answer.others) and is_own_name(answer.domain, hostname)
    return new(DomainObservation, (answer, tuple(local), tuple(undecided), in_other_views, own_name))


def _in_other_views(answer: Answer, places: Mapping[Address, Place]) -> tuple[OtherViewAddress, ...]:
    """The addresses in views that applications do not get, if they are local or may be."""
    effective = frozenset(answer.with_synthesised)
    found = ((one, places.get(one)) for one in addresses_of(answer) if one not in effective)
    return tuple(
        OtherViewAddress(address, place.interface if isinstance(place, Held) else place)
        for address, place in found
        if place is not None
    )


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
