"""An interface that holds addresses is down."""

from __future__ import annotations

from typing import Any

import pytest

from lowatch.core.findings import Finding, FindingKind, Severity, Subject, Undecided
from lowatch.core.held import Held, Link
from lowatch.core.known import Known
from lowatch.core.policy import Policy
from lowatch.core.rules.holder_down import holder_down
from tests.unit.core.worlds import DEAF, VIP, VIP6, held, only_finding, snapshot

LO_DOWN, LO_UP = Link(1, "lo", up=False, loopback=True), Link(1, "lo", up=True, loopback=True)


DUMMY_DOWN = Link(7, "dummy0", up=False, kind="dummy")


def down(*links: Link, holding: tuple[Held, ...]) -> list[Finding | Undecided]:
    return list(holder_down(snapshot(*holding, links=Known(links)), Policy()))


@pytest.mark.parametrize(
    ("link", "holding", "message"),
    [
        (
            LO_DOWN,
            (held("127.0.0.1", 8), held(VIP)),
            "lo is down and holds 2 addresses: connections from this host to its own addresses time out",
        ),
        (DUMMY_DOWN, (held(VIP, interface="dummy0"), held(VIP6)), "dummy0 is down and holds 1 address"),
    ],
)
def test_a_holder_is_down(link: Link, holding: tuple[Held, ...], message: str) -> None:
    finding = only_finding(down(link, holding=holding))
    assert finding.subject == Subject(FindingKind.HOLDER_DOWN, link.name)
    assert finding.severity is Severity.WARNING
    assert finding.message == message
    assert finding.fix == (f"ip link set {link.name} up",)


@pytest.mark.parametrize(
    ("links", "holding"),
    [((LO_UP,), (held(VIP),)), ((DUMMY_DOWN,), ()), ((LO_UP, DUMMY_DOWN), (held(VIP),)), ((), ())],
    ids=["up", "down and empty", "another is down and empty", "no link at all"],
)
def test_no_holder_is_down(links: tuple[Link, ...], holding: tuple[Held, ...]) -> None:
    assert down(*links, holding=holding) == []


@pytest.mark.parametrize("unknown", ["links", "held"])
def test_unknown_is_undecided(unknown: str) -> None:
    rest: dict[str, Any] = {"links": Known((LO_DOWN,)), "held": Known((held(VIP),)), unknown: DEAF}
    assert list(holder_down(snapshot(**rest), Policy())) == [
        Undecided(FindingKind.HOLDER_DOWN, DEAF.reason)
    ]
