"""An IPv6 prefix on lo that swallows its neighbours."""

from __future__ import annotations

from lowatch.core.addresses import parse_prefix
from lowatch.core.findings import Action, Change, FindingKind, Severity, Undecided
from lowatch.core.held import BlackHole
from lowatch.core.known import Known
from lowatch.core.policy import Policy
from lowatch.core.rules.black_hole_prefix import black_hole_prefix
from tests.unit.core.worlds import DEAF, held, only_finding, snapshot


def test_black_hole() -> None:
    cause = held("2001:db8::1", 64)
    hole = BlackHole(parse_prefix("2001:db8::/64"), "lo", cause)
    finding = only_finding(black_hole_prefix(snapshot(black_holes=Known((hole,))), Policy()))
    assert finding.subject.key == "black-hole-prefix/lo/2001:db8::-64"
    assert finding.severity is Severity.WARNING
    assert finding.message == (
        "2001:db8::1/64 on lo routes all of 2001:db8::/64 into lo: connections to its other "
        "addresses time out"
    )
    assert finding.proposed == Change(Action.UNROUTE, cause)


def test_unknown_black_holes_are_undecided() -> None:
    found = list(black_hole_prefix(snapshot(black_holes=DEAF), Policy()))
    assert found == [Undecided(FindingKind.BLACK_HOLE_PREFIX, DEAF.reason)]
