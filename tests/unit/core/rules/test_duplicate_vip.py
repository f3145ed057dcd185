"""An address that two interfaces hold, or that another host has."""

from __future__ import annotations

from typing import Any

import pytest

from lowatch.core.findings import Finding, FindingKind, Severity, Subject, Undecided
from lowatch.core.held import Held, Twins
from lowatch.core.known import Known
from lowatch.core.policy import Policy
from lowatch.core.rules.duplicate_vip import duplicate_vip
from tests.unit.core.worlds import DEAF, VIP, VIP6, held, only_finding, snapshot

ON_LO = held(VIP)
ON_ETH0 = held(VIP, 24, "eth0", label="eth0:vip", origin="proto 18")
FAILED = held(VIP6, 64, "eth0", flags=("dadfailed", "tentative"))


def found(*twins: Twins, holding: tuple[Held, ...] = ()) -> list[Finding | Undecided]:
    return list(duplicate_vip(snapshot(*holding, twins=Known(twins)), Policy()))


def test_an_address_on_two_interfaces() -> None:
    finding = only_finding(found((ON_LO, ON_ETH0), holding=(ON_LO,)))
    assert finding.subject == Subject(FindingKind.DUPLICATE_VIP, "lo", VIP)
    assert finding.severity is Severity.WARNING
    assert finding.message == (
        "192.0.2.10 is on lo (/32) and on eth0 (/24, eth0:vip, proto 18): taken off one of them, it stays "
        "local, and whoever looks after one may not know of the other"
    )
    assert finding.fix == ()
    assert finding.advice == (
        "no command is offered: find out who added each, and take it off where it does not belong"
    )


def test_on_one_of_them_detection_failed() -> None:
    """One finding, although the failed address is held as well."""
    finding = only_finding(found((held(VIP6), FAILED), holding=(held(VIP6), FAILED)))
    assert finding.subject == Subject(FindingKind.DUPLICATE_VIP, "lo", VIP6)
    assert finding.message == (
        "2001:db8::10 is on lo (/128) and on eth0 (/64): on eth0 duplicate address detection failed, "
        "because another host on that link has it"
    )


def test_detection_failed_on_the_only_interface() -> None:
    finding = only_finding(found(holding=(FAILED,)))
    assert finding.subject == Subject(FindingKind.DUPLICATE_VIP, "eth0", VIP6)
    assert finding.message == (
        "2001:db8::10 is on eth0 (/64), but duplicate address detection failed, because another host on "
        "that link has it: this host does not use it"
    )
    assert finding.fix == ()


def test_many_interfaces_are_counted() -> None:
    twins = tuple(held(VIP, interface=name) for name in ("lo", "eth0", "eth1", "eth2", "eth3", "eth4"))
    message = only_finding(found(twins)).message
    assert message.startswith(
        "192.0.2.10 is on lo (/32) and on eth0 (/32), eth1 (/32), eth2 (/32) and 2 more: "
    )


@pytest.mark.parametrize(
    "twins",
    [
        (held("127.0.0.1", 8), held("127.0.0.1", interface="dummy0")),
        (held("::1"), held("::1", interface="dummy0")),
        (held("fe80::1", 64, "br0"), held("fe80::1", 64, "br1")),
        (held("169.254.1.1", interface="br0"), held("169.254.1.1", interface="br1")),
        (ON_LO, held(VIP, interface="ppp0", peer=VIP)),
        (held(VIP, interface="ppp0", peer=VIP), held(VIP, interface="eth0")),
        (ON_LO, held(VIP, 24)),
    ],
    ids=["127.0.0.1", "::1", "fe80", "169.254", "unnumbered", "unnumbered and watched", "one interface"],
)
def test_what_is_meant_to_be_alike(twins: Twins) -> None:
    assert found(twins) == []


def test_a_failed_link_local_address_is_no_vip() -> None:
    assert found(holding=(held("fe80::1", 64, "eth0", flags=("dadfailed",)),)) == []


@pytest.mark.parametrize("unknown", ["held", "twins"])
def test_unknown_is_undecided(unknown: str) -> None:
    rest: dict[str, Any] = {"held": Known((ON_LO,)), "twins": Known(((ON_LO, ON_ETH0),)), unknown: DEAF}
    assert list(duplicate_vip(snapshot(**rest), Policy())) == [
        Undecided(FindingKind.DUPLICATE_VIP, DEAF.reason)
    ]
