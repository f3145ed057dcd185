"""Keys: what makes a finding the same finding tomorrow. Severities: as the contract has them."""

from __future__ import annotations

import pytest

from lowatch.core.addresses import parse_address, parse_port
from lowatch.core.findings import Finding, FindingKind, Severity, Subject
from tests.unit.core.worlds import VIP, VIP6, WWW


@pytest.mark.parametrize(
    ("subject", "key"),
    [
        (
            Subject(FindingKind.ORPHAN_VIP, "lo", VIP, WWW, parse_port("80/tcp")),
            "orphan-vip/lo/192.0.2.10/www.example.com/80/tcp",
        ),
        (
            Subject(FindingKind.BACKLOGGED_VIP, "dummy0", VIP6, WWW, parse_port("53/udp")),
            "backlogged-vip/dummy0/2001:db8::10/www.example.com/53/udp",
        ),
        (Subject(FindingKind.IDLE_VIP, "lo", VIP), "idle-vip/lo/192.0.2.10"),
        (
            Subject(FindingKind.WIDE_PREFIX, "lo", parse_address("10.0.0.0"), prefixlen=8),
            "wide-prefix/lo/10.0.0.0-8",
        ),
        (
            Subject(FindingKind.BLACK_HOLE_PREFIX, "lo", parse_address("2001:db8::"), prefixlen=64),
            "black-hole-prefix/lo/2001:db8::-64",
        ),
        (
            Subject(FindingKind.WIDE_PREFIX, "lo", parse_address("0.0.0.0"), prefixlen=0),
            "wide-prefix/lo/0.0.0.0-0",
        ),
        (Subject(FindingKind.MISSING_VIP, address=VIP), "missing-vip/192.0.2.10"),
        (Subject(FindingKind.HOLDER_DOWN, "lo"), "holder-down/lo"),
        (
            Subject(FindingKind.VIEWS_DISAGREE, "lo", VIP, WWW),
            "views-disagree/lo/192.0.2.10/www.example.com",
        ),
    ],
)
def test_keys(subject: Subject, key: str) -> None:
    assert subject.key == key


def test_every_part_tells_keys_apart() -> None:
    one = Subject(FindingKind.ORPHAN_VIP, "lo", VIP, WWW, parse_port("80/tcp"))
    others = [
        one._replace(kind=FindingKind.BACKLOGGED_VIP),
        one._replace(interface="dummy0"),
        one._replace(address=VIP6),
        one._replace(domain="shop.example.com"),
        one._replace(port=parse_port("80/udp")),
        one._replace(port=parse_port("81/tcp")),
        one._replace(prefixlen=24),
        one._replace(prefixlen=25),
    ]
    assert len({one.key, *(other.key for other in others)}) == len(others) + 1


@pytest.mark.parametrize(
    ("kind", "severity"),
    [
        (FindingKind.ORPHAN_VIP, Severity.CRITICAL),
        (FindingKind.MISSING_VIP, Severity.CRITICAL),
        (FindingKind.BACKLOGGED_VIP, Severity.WARNING),
        (FindingKind.WIDE_PREFIX, Severity.WARNING),
        (FindingKind.BLACK_HOLE_PREFIX, Severity.WARNING),
        (FindingKind.HOLDER_DOWN, Severity.WARNING),
        (FindingKind.VIEWS_DISAGREE, Severity.WARNING),
        (FindingKind.REFUSED_VIP, Severity.WARNING),
        (FindingKind.IDLE_VIP, Severity.INFO),
    ],
)
def test_severities(kind: FindingKind, severity: Severity) -> None:
    assert Finding(Subject(kind), "what is wrong").severity is severity


def test_every_kind_has_a_severity() -> None:
    assert all(isinstance(kind.severity, Severity) for kind in FindingKind)


def test_severities_are_ordered() -> None:
    assert sorted(Severity, key=lambda severity: severity.rank) == ["info", "warning", "critical"]
