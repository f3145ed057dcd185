"""missing-vip: an address that is expected and not held."""

from __future__ import annotations

import pytest

from lowatch.core.addresses import Address
from lowatch.core.findings import Action, Change, Finding, FindingKind, Severity, Subject, Undecided
from lowatch.core.held import Held, Link
from lowatch.core.known import Known
from lowatch.core.policy import Policy
from lowatch.core.rules.missing_vip import missing_vip
from tests.unit.core.worlds import DEAF, VIP, VIP6, held, only_finding, route, snapshot, subjects

EXPECTED = Policy(expect=(VIP,))
LO = Known((Link(1, "lo", up=True, loopback=True),))


def missing(*holding: Held, policy: Policy = EXPECTED) -> list[Finding | Undecided]:
    return list(missing_vip(snapshot(*holding, links=LO), policy))


def test_an_expected_address_is_not_held() -> None:
    finding = only_finding(missing(held("192.0.2.11")))
    assert finding.subject == Subject(FindingKind.MISSING_VIP, address=VIP)
    assert finding.severity is Severity.CRITICAL
    assert finding.message == "192.0.2.10 is expected on this host, but is not on lo"
    assert finding.proposed == Change(Action.ADD, held(VIP))


@pytest.mark.parametrize(
    ("holding", "is_missing"),
    [
        ((held(VIP),), False),
        ((held(VIP, 24),), False),
        ((held(VIP, interface="dummy0"),), False),
        ((route("192.0.2.10/32"),), False),
        ((route("192.0.2.0/24"),), False),
        ((held("192.0.2.11", 24),), True),
        ((held("192.0.2.11", 32, peer=VIP),), True),
        ((route("192.0.3.0/24"),), True),
        ((route("::/0"),), True),
        ((), True),
    ],
    ids=[
        "held", "held with a wider prefix", "held elsewhere", "a route", "a wider route",
        "another's prefix", "another's peer", "another route", "another family's route", "nothing",
    ],
)  # fmt: skip
def test_what_holds_it(holding: tuple[Held, ...], is_missing: bool) -> None:
    """An address, or a local route that covers it; that another address's prefix does is no intention."""
    assert bool(subjects(missing(*holding))) is is_missing


def test_each_expected_address_by_itself() -> None:
    found = missing(held("192.0.2.11"), policy=Policy(expect=(VIP, held("192.0.2.11").address, VIP6)))
    assert [one.address for one in subjects(found)] == [VIP, VIP6]


@pytest.mark.parametrize(
    ("interfaces", "address", "where"),
    [
        (("lo",), VIP, "lo"),
        (("lo",), VIP6, "lo"),
        (("dummy*", "kube-ipvs0", "lo"), VIP, "kube-ipvs0"),
        (("eth9", "kube-ipvs0"), VIP, "kube-ipvs0"),
        (("dummy*",), VIP, "dummy0"),
    ],
)
def test_where_it_would_be_added(interfaces: tuple[str, ...], address: Address, where: str) -> None:
    """To an interface that exists and is watched: on any other one it would still be missing."""
    policy = Policy(interfaces, expect=(address,))
    names = [name for name in ("lo", "dummy0", "dummy1", "kube-ipvs0") if policy.watches(name)]
    links = Known(tuple(Link(number, name, up=True) for number, name in enumerate(names, 1)))
    finding = only_finding(list(missing_vip(snapshot(links=links), policy)))
    assert finding.proposed == Change(Action.ADD, held(address, interface=where))
    assert finding.message.endswith(f"is not on {', '.join(interfaces)}")


def test_nowhere_to_add_it() -> None:
    finding = only_finding(list(missing_vip(snapshot(links=Known(())), EXPECTED)))
    assert (finding.proposed, finding.advice) == (
        None,
        "no command is offered: no watched interface exists",
    )


def test_nothing_expected_nothing_missing() -> None:
    assert missing(policy=Policy()) == []


def test_unknown_held_is_undecided() -> None:
    assert list(missing_vip(snapshot(held=DEAF), EXPECTED)) == [
        Undecided(FindingKind.MISSING_VIP, DEAF.reason)
    ]
