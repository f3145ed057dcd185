"""What is watched, and which findings are acknowledged."""

from __future__ import annotations

import pytest

from lowatch.core.addresses import parse_address, parse_port, parse_prefix
from lowatch.core.findings import Kind, Subject
from lowatch.core.policy import Acknowledgement, Policy
from tests.unit.core.worlds import VIP, WWW

UNTIL = 2_000.0
ORPHAN = Subject(Kind.ORPHAN_VIP, "lo", VIP, WWW, parse_port("443/tcp"))
WIDE = Subject(Kind.WIDE_PREFIX, "lo", parse_address("10.0.0.0"), prefixlen=8)
DOWN = Subject(Kind.HOLDER_DOWN, "lo")


@pytest.mark.parametrize(
    ("interfaces", "watched", "not_watched"),
    [
        (("lo",), ["lo"], ["lo0", "eth0", "LO", ""]),
        (("lo", "dummy*"), ["lo", "dummy0", "dummy"], ["eth0"]),
        (("kube-[id]*",), ["kube-ipvs0", "kube-dummy-if"], ["kube-proxy"]),
        (("eth?",), ["eth0"], ["eth", "eth10"]),
        ((), [], ["lo"]),
    ],
)
def test_interfaces_are_names_or_globs(
    interfaces: tuple[str, ...], watched: list[str], not_watched: list[str]
) -> None:
    policy = Policy(interfaces)
    assert [name for name in watched + not_watched if policy.watches(name)] == watched


@pytest.mark.parametrize(
    ("given", "orphan", "wide", "down"),
    [
        ({}, True, True, True),
        ({"kind": "orphan-vip"}, True, False, False),
        ({"kind": "source-vip"}, False, False, False),
        ({"interface": "lo"}, True, True, True),
        ({"interface": "dummy*"}, False, False, False),
        ({"interface": "l?"}, True, True, True),
        ({"address": parse_prefix("192.0.2.10")}, True, False, False),
        ({"address": parse_prefix("192.0.2.0/24")}, True, False, False),
        ({"address": parse_prefix("10.0.0.0/8")}, False, True, False),
        ({"address": parse_prefix("::/0")}, False, False, False),
        ({"address": parse_prefix("0.0.0.0/0")}, True, True, False),
        ({"domain": WWW}, True, False, False),
        ({"domain": "*.example.com"}, True, False, False),
        ({"domain": "example.com"}, False, False, False),
        ({"domain": "*"}, True, False, False),
        ({"port": parse_port("443/tcp")}, True, False, False),
        ({"port": parse_port("443/udp")}, False, False, False),
        ({"kind": "orphan-vip", "domain": "*.example.com", "interface": "lo"}, True, False, False),
        ({"kind": "orphan-vip", "domain": "*.example.org", "interface": "lo"}, False, False, False),
    ],
)
def test_every_key_given_must_match(given: dict[str, object], orphan: bool, wide: bool, down: bool) -> None:
    """A key that the finding has no value for matches nothing."""
    one = Acknowledgement(UNTIL, "known", **given)  # type: ignore[arg-type]
    assert [one.matches(each, 1_000.0) for each in (ORPHAN, WIDE, DOWN)] == [orphan, wide, down]


@pytest.mark.parametrize(
    ("wall", "in_force"), [(0.0, True), (1_999.9, True), (2_000.0, False), (2_000.1, False)]
)
def test_until_is_exclusive(wall: float, in_force: bool) -> None:
    assert Acknowledgement(UNTIL, "known").matches(ORPHAN, wall) is in_force


def test_first_in_force_that_matches() -> None:
    """When it expires, another may still hold."""
    other = Acknowledgement(9_000.0, "other domain", domain="other.example.com")
    first, second = Acknowledgement(UNTIL, "first"), Acknowledgement(3_000.0, "second", kind="orphan-vip")
    policy = Policy(acknowledgements=(other, first, second))
    assert policy.acknowledged(ORPHAN, 1_000.0) is first
    assert policy.acknowledged(ORPHAN, 2_000.0) is second
    assert policy.acknowledged(DOWN, 2_000.0) is None
    assert policy.acknowledged(ORPHAN, 3_000.0) is None
