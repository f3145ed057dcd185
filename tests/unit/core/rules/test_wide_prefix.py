"""wide-prefix: what a prefix swallows, and how to fix it."""

from __future__ import annotations

from typing import Any

import pytest

from lowatch.core.addresses import parse_address
from lowatch.core.findings import Action, Change, Finding, FindingKind, Severity, Subject, Undecided
from lowatch.core.held import Held, LocalPrefix
from lowatch.core.known import Known
from lowatch.core.policy import Policy
from lowatch.core.rules.wide_prefix import wide_prefix
from tests.unit.core.worlds import DEAF, NGINX, VIP, held, local, only_finding, seen, snapshot, view, wide

WITH_24 = held("192.0.2.1", 24)


def judged(*prefixes: LocalPrefix, **rest: Any) -> list[Finding | Undecided]:
    return list(wide_prefix(snapshot(prefixes=Known(prefixes), **rest), Policy()))


def stray(address: str = "192.0.2.77", held_by: Any = None) -> Any:
    """A domain's view with an address that is local by a wider prefix, or held for itself."""
    return view(local(parse_address(address), *seen(("80", NGINX)), held=held_by))


def test_an_address_with_a_wide_prefix() -> None:
    finding = only_finding(judged(wide("192.0.2.0/24", WITH_24)))
    assert finding.subject == Subject(
        FindingKind.WIDE_PREFIX, "lo", parse_address("192.0.2.0"), prefixlen=24
    )
    assert finding.severity is Severity.WARNING
    assert finding.message == (
        "192.0.2.1/24 on lo makes 256 addresses local to this host and shadows no configured domain"
    )
    assert finding.proposed == Change(Action.NARROW, WITH_24)


@pytest.mark.parametrize(
    "prefix",
    [
        wide("10.9.0.0/16"),
        wide("10.9.0.0/16", table=100),
        wide("2001:db8::/48"),
        wide("0.0.0.0/0", interface="dummy0"),
    ],
)
def test_a_local_route(prefix: LocalPrefix) -> None:
    """AnyIP: no address brought it."""
    finding = only_finding(judged(prefix))
    assert finding.message.startswith(f"the local route {prefix.prefix} through {prefix.interface} makes ")
    network, length = prefix.prefix
    expected = Held(network, length, prefix.interface, "route", table=prefix.table)
    assert finding.proposed == Change(Action.REMOVE, expected)


@pytest.mark.parametrize(
    ("prefix", "count"),
    [
        ("192.0.2.8/31", "2 addresses"),
        ("10.0.0.0/8", "16,777,216 addresses"),
        ("0.0.0.0/0", "4,294,967,296 addresses"),
        ("2001:db8::/96", "4,294,967,296 addresses"),
        ("2001:db8::/64", "2^64 addresses"),
        ("2001:db8::/48", "2^80 addresses"),
    ],
)
def test_how_many(prefix: str, count: str) -> None:
    assert f" makes {count} local" in only_finding(judged(wide(prefix))).message


@pytest.mark.parametrize(
    ("size", "count"), [(128, " makes 128 addresses local"), (None, " makes up to 256 addresses local")]
)
def test_how_many_are_left(size: int | None, count: str) -> None:
    """Where routes inside lead others away, or may do so."""
    assert count in only_finding(judged(wide("192.0.2.0/24")._replace(size=size))).message


@pytest.mark.parametrize("prefix", ["127.0.0.0/8", "::1/128"])
def test_loopback_is_excepted(prefix: str) -> None:
    assert judged(wide(prefix)) == []


@pytest.mark.parametrize("prefix", ["127.0.0.0/16", "0.0.0.0/0", "126.0.0.0/7"])
def test_only_that_very_prefix(prefix: str) -> None:
    assert only_finding(judged(wide(prefix)))


@pytest.mark.parametrize(
    ("domains", "said"),
    [
        ({}, " and shadows no configured domain"),
        ({"a.example": stray()}, " and shadows 1 configured domain: a.example"),
        (
            {"b.example": stray(), "a.example": stray("192.0.2.78")},
            " and shadows 2 configured domains: a.example, b.example",
        ),
        (
            {f"{letter}.example": stray() for letter in "edcba"},
            " and shadows 5 configured domains: a.example, b.example, c.example and 2 more",
        ),
        ({"a.example": stray("198.51.100.7")}, " and shadows no configured domain"),
        ({"a.example": stray("192.0.2.10", held(VIP))}, " and shadows no configured domain"),
        ({"a.example": stray("192.0.2.10", held(VIP, 24))}, " and shadows no configured domain"),
    ],
    ids=["none", "one", "two", "five", "elsewhere", "held for itself", "held with its prefix"],
)
def test_shadowed_domains(domains: dict[str, Any], said: str) -> None:
    """Those whose address is local for no other reason than the prefix."""
    finding = only_finding(judged(wide("192.0.2.0/24", WITH_24), domains=domains))
    assert finding.message.endswith(f"local to this host{said}")


def test_nobody_is_said_not_to_be_shadowed_while_an_answer_is_unknown() -> None:
    found = judged(wide("192.0.2.0/24", WITH_24), unresolved={"shop.example.com": ("", "SERVFAIL")})
    assert only_finding(found).message.endswith(" makes 256 addresses local to this host")


def test_each_prefix_by_itself() -> None:
    found = judged(wide("10.0.0.0/8"), wide("10.1.0.0/16"), wide("10.0.0.0/8", interface="dummy0"))
    assert [one.subject.key for one in found if isinstance(one, Finding)] == [
        "wide-prefix/lo/10.0.0.0-8",
        "wide-prefix/lo/10.1.0.0-16",
        "wide-prefix/dummy0/10.0.0.0-8",
    ]


def test_unknown_prefixes_are_undecided() -> None:
    found = list(wide_prefix(snapshot(prefixes=DEAF), Policy()))
    assert found == [Undecided(FindingKind.WIDE_PREFIX, DEAF.reason)]


def test_nobody_is_said_not_to_be_shadowed_where_names_were_left_out() -> None:
    found = wide_prefix(snapshot(prefixes=Known((wide("192.0.2.0/24"),))), Policy(left_out=True))
    assert only_finding(found).message.endswith(" makes 256 addresses local to this host")
