"""From answers and what the kernel says to the observation of a domain."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lowatch.app.domain_observation import domain_observation, is_own_name
from lowatch.app.host_observation import Holders
from lowatch.core.addresses import parse_address, parse_port
from lowatch.core.answers import OtherView, View
from lowatch.core.known import Known, Unknown
from lowatch.core.listeners import Connect, Endpoint
from lowatch.core.snapshot import PortObservation
from tests.unit.app.scripted import holds, resolves, serves
from tests.unit.core.worlds import NGINX

WWW = "www.example.com"
VIP, ELSEWHERE, LINK_LOCAL = map(parse_address, ("192.0.2.10", "198.51.100.7", "fe80::1"))
HTTP, HTTPS, DNS = (parse_port(text) for text in ("80", "443", "53/udp"))
HELD = holds("192.0.2.10/32")
LOST = Unknown("netlink", "overrun")
NOBODY_HOLDS = Holders(Known(()))


def test_a_domain_that_leads_elsewhere_is_not_observed() -> None:
    answer = resolves(WWW, ELSEWHERE)
    assert domain_observation(serves("80"), answer, {ELSEWHERE: None}, {}, {}, NOBODY_HOLDS) is None


def test_what_was_seen_of_each_port_is_in_it() -> None:
    listeners = {Endpoint(VIP, HTTP): NGINX, Endpoint(VIP, HTTPS): None}
    connects = {Endpoint(VIP, HTTPS): Connect.REFUSED}
    observed = domain_observation(
        serves("80 443"), resolves(WWW, VIP), {VIP: "lo"}, listeners, connects, Holders(Known((HELD,)))
    )
    assert observed is not None
    [local] = observed.local
    assert (local.interface, local.held) == ("lo", HELD)
    assert local.ports == (PortObservation(HTTP, NGINX), PortObservation(HTTPS, None, Connect.REFUSED))


def test_an_address_that_could_not_be_asked_about_is_undecided() -> None:
    observed = domain_observation(serves("80"), resolves(WWW, VIP), {VIP: LOST}, {}, {}, NOBODY_HOLDS)
    assert observed is not None
    assert observed.undecided == ((VIP, "netlink: overrun"),)
    assert observed.local == ()


def test_another_view_may_lead_here() -> None:
    answer = replace(resolves(WWW, ELSEWHERE), others=(OtherView(View.HOSTS, (VIP,)),))
    observed = domain_observation(serves("80"), answer, {VIP: "lo"}, {}, {}, NOBODY_HOLDS, hostname="WWW")
    assert observed is not None
    assert [(one.address, one.place) for one in observed.in_other_views] == [(VIP, "lo")]
    assert observed.own_name


@pytest.mark.parametrize(
    ("hostname", "own"),
    [("www.example.com", True), ("WWW", True), ("www.example.org", False), ("w", False)],
)
def test_the_hosts_own_name_may_be_its_first_label(hostname: str, own: bool) -> None:
    assert is_own_name(WWW, hostname) is own
