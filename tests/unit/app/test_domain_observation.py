"""From answers and what the kernel says to the observation of a domain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest

from lowatch.app.domain_observation import domain_observation, is_own_name
from lowatch.app.host_observation import Holders
from lowatch.app.kernel_answers import Place, placed_addresses
from lowatch.app.ports import ListenerAnswer
from lowatch.core.addresses import Address, parse_address, parse_port
from lowatch.core.answers import Answer, OtherView, View
from lowatch.core.known import Known, Unknown
from lowatch.core.listeners import Connect, ConnectOutcome, Endpoint
from lowatch.core.snapshot import DomainObservation, PortObservation
from tests.unit.app.scripted import holds, resolves, serves
from tests.unit.core.worlds import NGINX

WWW = "www.example.com"
VIP, ELSEWHERE, LINK_LOCAL = map(parse_address, ("192.0.2.10", "198.51.100.7", "fe80::1"))
HTTP, HTTPS, DNS = (parse_port(text) for text in ("80", "443", "53/udp"))
HELD = holds("192.0.2.10/32")
LOST = Unknown("netlink", "overrun")
NOTHING: Mapping[Any, Any] = MappingProxyType({})


def observation(
    ports: str,
    answer: Answer,
    places: Mapping[Address, Place],
    listeners: Mapping[Endpoint, ListenerAnswer] = NOTHING,
    connects: Mapping[Endpoint, ConnectOutcome] = NOTHING,
    hostname: str = "",
) -> DomainObservation | None:
    placed = placed_addresses(serves(ports), answer, places, frozenset())
    return domain_observation(
        answer, placed, places, listeners, connects, Holders(Known((HELD,))), hostname
    )


def test_a_domain_that_leads_elsewhere_is_not_observed() -> None:
    answer = resolves(WWW, ELSEWHERE)
    assert observation("80", answer, {ELSEWHERE: None}) is None


def test_what_was_seen_of_each_port_is_in_it() -> None:
    listeners = {Endpoint(VIP, HTTP): NGINX, Endpoint(VIP, HTTPS): None}
    connects = {Endpoint(VIP, HTTPS): Connect.REFUSED}
    observed = observation("80 443", resolves(WWW, VIP), {VIP: HELD}, listeners, connects)
    assert observed is not None
    [local] = observed.local
    assert (local.interface, local.held) == ("lo", HELD)
    assert local.ports == (PortObservation(HTTP, NGINX), PortObservation(HTTPS, None, Connect.REFUSED))


def test_an_address_that_could_not_be_asked_about_is_undecided() -> None:
    observed = observation("80", resolves(WWW, VIP), {VIP: LOST})
    assert observed is not None
    assert observed.undecided == ((VIP, "netlink: overrun"),)
    assert observed.local == ()


def test_another_view_may_lead_here() -> None:
    answer = replace(resolves(WWW, ELSEWHERE), others=(OtherView(View.HOSTS, (VIP,)),))
    observed = observation("80", answer, {VIP: "lo"}, hostname="WWW")
    assert observed is not None
    assert [(one.address, one.place) for one in observed.in_other_views] == [(VIP, "lo")]
    assert observed.own_name


@pytest.mark.parametrize(
    ("hostname", "own"),
    [("www.example.com", True), ("WWW", True), ("www.example.org", False), ("w", False)],
)
def test_the_hosts_own_name_may_be_its_first_label(hostname: str, own: bool) -> None:
    assert is_own_name(WWW, hostname) is own
