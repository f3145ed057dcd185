"""What the watched interfaces hold."""

from __future__ import annotations

import pytest

from lowatch.core.addresses import parse_address, parse_prefix
from lowatch.core.held import Held, Link, may_hold_ipv6
from lowatch.core.known import Known, Unknown


@pytest.mark.parametrize(
    ("link", "swallows"),
    [
        (Link(1, "lo", up=True, loopback=True), True),
        (Link(2, "dummy0", up=True, kind="dummy"), True),
        (Link(2, "ifb0", up=True, kind="ifb"), True),
        (Link(2, "br0", up=True, kind="bridge", noarp=True), True),
        (Link(2, "br0", up=True, kind="bridge"), False),
        (Link(2, "wg0", up=True, kind="wireguard", noarp=True), False),
        (Link(2, "eth0", up=True), False),
    ],
)
def test_behind_which_interfaces_nobody_is(link: Link, swallows: bool) -> None:
    assert link.swallows is swallows


def test_the_age_of_an_address_survives_the_stamps_overflow() -> None:
    held = Held(parse_address("192.0.2.10"), 32, "lo", created=100.0)
    assert held.age(160.0) == 60.0
    assert held.age(90.0) == 0.0
    assert held.age(2**32 / 100 + 160.0) == pytest.approx(60.0)
    assert held._replace(created=None).age(160.0) is None


def test_the_prefix_of_an_address_with_a_peer_is_the_peers() -> None:
    held = Held(parse_address("10.5.0.1"), 24, "lo", peer=parse_address("10.5.1.2"))
    assert held.prefix == parse_prefix("10.5.1.0/24")
    assert held._replace(peer=None).prefix == parse_prefix("10.5.0.0/24")


@pytest.mark.parametrize(
    ("addresses", "may"),
    [
        ((), False),
        (("192.0.2.10", "::1", "fe80::1"), False),
        (("::1", "2001:db8::10"), True),
    ],
)
def test_whether_an_aaaa_answer_may_lead_here(addresses: tuple[str, ...], may: bool) -> None:
    held = tuple(Held(parse_address(one), 128, "lo") for one in addresses)
    assert may_hold_ipv6(Known(held)) is may


def test_it_may_where_nobody_knows_what_is_held() -> None:
    assert may_hold_ipv6(Unknown("netlink", "the receive buffer overran"))
