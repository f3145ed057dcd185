"""Rows: what tells two addresses apart, and what passes by itself."""

from __future__ import annotations

from lowatch.core.addresses import parse_address, parse_prefix
from lowatch.core.changes.rows import (
    F_DADFAILED,
    F_PERMANENT,
    F_TENTATIVE,
    FOREVER,
    AddressRow,
    RouteRow,
    restorable,
)

VIP, VIP6, PEER = map(parse_address, ("192.0.2.10", "2001:db8::10", "192.0.2.99"))


def test_an_interface_has_an_ipv6_address_only_once() -> None:
    assert AddressRow("lo", VIP6, 64).place == AddressRow("lo", VIP6, 128).place
    assert AddressRow("lo", VIP, 24).place != AddressRow("lo", VIP, 32).place
    assert AddressRow("lo", VIP, 32).place != AddressRow("lo", VIP, 32, peer=PEER).place
    assert AddressRow("lo", VIP, 32).place == AddressRow("lo", VIP, 32, label="lo:vip").place


def test_lifetimes_that_run_out_make_no_difference() -> None:
    row = AddressRow("lo", VIP, 32, preferred=400, valid=500)
    assert row.lasting == row._replace(preferred=300, valid=400).lasting
    assert row.lasting != row._replace(valid=FOREVER).lasting
    assert row.lasting != row._replace(preferred=0).lasting  # it is deprecated


def test_duplicate_address_detection_makes_no_difference() -> None:
    row = AddressRow("lo", VIP6, 64, flags=F_PERMANENT)
    assert row._replace(flags=F_PERMANENT | F_TENTATIVE | F_DADFAILED).lasting == row.lasting


def test_they_are_shown_as_ip_has_them() -> None:
    assert str(AddressRow("lo", VIP, 32, peer=PEER)) == "192.0.2.10 peer 192.0.2.99/32 dev lo"
    assert str(RouteRow("lo", parse_prefix("192.0.2.0/24"), 255, 2, 3)) == "192.0.2.0/24 dev lo table 255"


def test_a_row_with_something_unknown_is_not_restorable() -> None:
    assert restorable(AddressRow("lo", VIP, 32)) == ""
    odd = AddressRow("lo", VIP, 32, others=(("attribute 40", "x"),))
    assert restorable(odd) == "192.0.2.10/32 dev lo has attribute 40, which could not be restored"
