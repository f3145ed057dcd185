"""Which addresses may be sources, and where they are likely to be."""

from __future__ import annotations

import pytest

from lowatch.core.addresses import format_address, parse_address
from lowatch.core.held import Held
from lowatch.core.sources import alike, destinations, may_be_source
from tests.unit.core.worlds import VIP6, held, route


@pytest.mark.parametrize(
    ("one", "may"),
    [
        (held(VIP6), True),
        (held(VIP6, flags=("nodad",)), True),
        *(
            (held(VIP6, flags=(flag,)), False)
            for flag in ("deprecated", "tentative", "mngtmpaddr", "secondary")
        ),
        (held(VIP6, special=("lifetime",)), False),
        (held(VIP6, scope=253), False),
        (route("2001:db8::10/128"), False),
    ],
)
def test_who_may_be_a_source(one: Held, may: bool) -> None:
    assert may_be_source(one) is may


def test_where_a_vip_is_likely_to_be_chosen() -> None:
    near, far = map(format_address, destinations(VIP6, ()))
    assert (near, far) == ("2001:db8::11", "20fe:f247:ffff:ffff::10")
    local = {parse_address("2001:db8::11"), parse_address("2001:db8::12")}
    assert format_address(destinations(VIP6, local)[0]) == "2001:db8::13"
    crowd = {parse_address(f"2001:db8::{number:x}") for number in range(64)}
    assert [format_address(one) for one in destinations(VIP6, crowd)] == [far]


@pytest.mark.parametrize(
    ("one", "other", "are"),
    [("2001:db8::1", "2a00::1", True), ("fd00::1", "fc00::1", True), ("fd00::1", "2001:db8::1", False)],
)
def test_who_may_stand_in_for_whom(one: str, other: str, are: bool) -> None:
    assert alike(parse_address(one), parse_address(other)) is are
