"""What views have in common, where they differ, and which of them applications get."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lowatch.core.addresses import Address, parse_address
from lowatch.core.answers import Answer, OtherView, View
from lowatch.core.views import addresses_of, differing, in_effect, unsure
from tests.unit.core.worlds import VIP, VIP6, answer

ELSEWHERE, MAPPED = parse_address("198.51.100.7"), parse_address("::ffff:192.0.2.10")
MADE = parse_address("64:ff9b::c000:20a")


def beside(of: Answer, *others: OtherView, view: View = View.DNS) -> Answer:
    return replace(of, view=view, others=others)


@pytest.mark.parametrize(
    ("ours", "theirs", "differ"),
    [
        ([VIP], [VIP], []),
        ([VIP, VIP6], [VIP6, VIP], []),
        ([VIP], [ELSEWHERE], [VIP, ELSEWHERE]),
        ([VIP], [], [VIP]),
        ([], [VIP], [VIP]),
        ([VIP, ELSEWHERE], [VIP], [ELSEWHERE]),
        ([VIP], [VIP, ELSEWHERE], [ELSEWHERE]),
        ([VIP], [MAPPED], []),
        ([VIP, MAPPED], [ELSEWHERE], [VIP, ELSEWHERE]),
    ],
)
def test_what_one_has_and_the_other_lacks(
    ours: list[Address], theirs: list[Address], differ: list[Address]
) -> None:
    """By where a connect() goes: ::ffff:192.0.2.10 is no other address than 192.0.2.10."""
    assert differing(answer(*ours), OtherView(View.DNS, tuple(theirs))) == differ


@pytest.mark.parametrize(
    ("theirs", "differ"),
    [
        ([VIP], []),
        ([ELSEWHERE], [VIP, VIP6, ELSEWHERE]),
        ([], [VIP, VIP6]),
        ([VIP, ELSEWHERE], [ELSEWHERE]),
    ],
)
def test_getaddrinfo_may_have_a_part_of_a_rotating_answer(
    theirs: list[Address], differ: list[Address]
) -> None:
    other = OtherView(View.GETADDRINFO, tuple(theirs))
    assert differing(answer(VIP, VIP6), other) == differ


def test_what_a_dns64_made_is_no_difference() -> None:
    of = answer(VIP)
    of = replace(of, aaaa=replace(of.aaaa, synthesised=(MADE,)))
    assert differing(of, OtherView(View.GETADDRINFO, (VIP, MADE))) == []


@pytest.mark.parametrize(
    ("of", "view"),
    [
        (answer(VIP), View.DNS),
        (beside(answer(VIP), OtherView(View.DNS, (ELSEWHERE,)), view=View.HOSTS), View.HOSTS),
        (beside(answer(VIP), OtherView(View.GETADDRINFO, (VIP,))), View.DNS),
        (beside(answer(VIP), OtherView(View.GETADDRINFO, (ELSEWHERE,))), View.GETADDRINFO),
        (beside(answer(VIP), OtherView(View.GETADDRINFO, None, "timed out")), View.DNS),
    ],
)
def test_what_applications_go_by(of: Answer, view: View) -> None:
    assert in_effect(of) is view


def test_the_addresses_of_all_views() -> None:
    of = beside(answer(VIP, VIP6), OtherView(View.DNS, None, "?"), OtherView(View.HOSTS, (ELSEWHERE, VIP)))
    assert addresses_of(of) == (VIP, VIP6, ELSEWHERE)
    assert addresses_of(answer(VIP)) == (VIP,)


@pytest.mark.parametrize(
    ("others", "found"),
    [
        ([], None),
        ([OtherView(View.DNS, ())], None),
        ([OtherView(View.DNS, ()), OtherView(View.GETADDRINFO, None, "timed out")], View.GETADDRINFO),
        ([OtherView(View.DNS, (VIP,), "SERVFAIL")], View.DNS),
    ],
)
def test_a_view_that_is_not_known(others: list[OtherView], found: View | None) -> None:
    other = unsure(beside(answer(VIP), *others))
    assert (other and other.view) is found
