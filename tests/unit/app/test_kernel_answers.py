"""What the kernel is asked about domains."""

from __future__ import annotations

import pytest

from lowatch.app.host_observation import Holders
from lowatch.app.kernel_answers import Place, PlacedAddress, is_own_stub, place, placed_addresses
from lowatch.core.addresses import Address, parse_address, parse_port
from lowatch.core.held import NOT_ROUTED, Delivery
from lowatch.core.known import Known, Unknown
from lowatch.core.listeners import Endpoint
from tests.unit.app.scripted import ScriptedHost, World, holds, resolves, serves

WWW = "www.example.com"


VIP, ELSEWHERE, LINK_LOCAL = map(parse_address, ("192.0.2.10", "198.51.100.7", "fe80::1"))


HTTP, HTTPS, DNS = (parse_port(text) for text in ("80", "443", "53/udp"))


HELD = holds("192.0.2.10/32")


LOST = Unknown("netlink", "overrun")


NOBODY_HOLDS = Holders(Known(()))


@pytest.mark.parametrize(
    ("address", "delivery", "holders", "found"),
    [
        (VIP, Delivery(True, 1, 32), Holders(Known((HELD,))), HELD),
        (VIP, Delivery(True, 1, 24), NOBODY_HOLDS, "lo"),
        (VIP, Delivery(True, 7, 32), NOBODY_HOLDS, None),
        (VIP, Delivery(False, 2, 24), Holders(Known((HELD,))), None),
        (VIP, NOT_ROUTED, NOBODY_HOLDS, None),
        (VIP, LOST, NOBODY_HOLDS, LOST),
        (VIP, Delivery(True, 1, 32), Holders(LOST), LOST),
        (LINK_LOCAL, Delivery(True, 1, 128), NOBODY_HOLDS, None),
    ],
)
def test_where_an_address_counts_as_held(
    address: Address, delivery: Delivery | Unknown, holders: Holders, found: Place
) -> None:
    assert place(ScriptedHost(World()), holders, address, delivery) == found


def test_only_what_is_local_is_to_be_served_and_the_hosts_resolver_is_not() -> None:
    answer = resolves(WWW, VIP, ELSEWHERE)
    places: dict[Address, Place] = {VIP: "lo", ELSEWHERE: None}
    assert placed_addresses(serves("80 53/udp"), answer, places, frozenset({VIP})) == [
        PlacedAddress(VIP, "lo", [Endpoint(VIP, HTTP)])
    ]
    assert placed_addresses(serves("80"), answer, {VIP: LOST}, frozenset()) == [
        PlacedAddress(VIP, LOST, ())
    ]
    assert is_own_stub(VIP, DNS, frozenset({VIP}))
    assert not is_own_stub(VIP, HTTP, frozenset({VIP}))
