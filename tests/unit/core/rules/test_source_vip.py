"""A VIP that the kernel chooses as source address."""

from __future__ import annotations

import pytest

from lowatch.core.addresses import parse_address
from lowatch.core.findings import FindingKind, Severity, Subject, Undecided
from lowatch.core.held import Held
from lowatch.core.known import Known
from lowatch.core.policy import Policy
from lowatch.core.rules.source_vip import source_vip
from lowatch.core.sources import SourceChoice
from tests.unit.core.worlds import DEAF, VIP6, held, only_finding, snapshot

OWN, FAR = parse_address("2001:db8::5"), parse_address("2001:4860::1")


def choice(of: Held) -> SourceChoice:
    return SourceChoice(of, FAR, "eth0", OWN)


def test_a_vip_is_chosen() -> None:
    finding = only_finding(source_vip(snapshot(sources=Known((choice(held(VIP6)),))), Policy()))
    assert finding.subject == Subject(FindingKind.SOURCE_VIP, "lo", VIP6)
    assert finding.severity is Severity.WARNING
    assert finding.message == (
        "2001:db8::10/128 on lo is the source address of this host's packets to 2001:4860::1 through eth0, "
        "where 2001:db8::5 could be: replies go wherever the VIP is announced"
    )
    assert finding.advice == (
        "have whatever adds it set preferred_lft 0, so that it is no source; until then:"
    )


@pytest.mark.parametrize(
    ("of", "fix"),
    [
        (held(VIP6), ("ip address change 2001:db8::10/128 dev lo preferred_lft 0",)),
        (
            held(VIP6, 64, "eth0", flags=("noprefixroute", "nodad")),
            ("ip address change 2001:db8::10/64 dev eth0 nodad noprefixroute preferred_lft 0",),
        ),
        (held(VIP6, special=("metric",)), ()),
    ],
    ids=["plain", "its flags stay", "it would lose its metric"],
)
def test_the_fix_keeps_all_but_the_preference(of: Held, fix: tuple[str, ...]) -> None:
    finding = only_finding(source_vip(snapshot(sources=Known((choice(of),))), Policy()))
    assert finding.fix == fix
    assert finding.advice.endswith(":") is bool(fix)


def test_no_choice_or_unknown() -> None:
    assert list(source_vip(snapshot(), Policy())) == []
    assert list(source_vip(snapshot(sources=DEAF), Policy())) == [
        Undecided(FindingKind.SOURCE_VIP, DEAF.reason)
    ]
