"""idle-vip: which addresses count as left behind, and when nothing can be said of any."""

from __future__ import annotations

from typing import Any

import pytest

from lowatch.core.addresses import parse_port
from lowatch.core.answers import OtherView, View
from lowatch.core.findings import Action, Change, Finding, FindingKind, Severity, Subject, Undecided
from lowatch.core.held import Held
from lowatch.core.known import Known
from lowatch.core.listeners import Sockets
from lowatch.core.policy import Policy
from lowatch.core.rules.idle_vip import idle_vip
from tests.unit.core.worlds import (
    BLIND,
    DEAF,
    VIP,
    VIP6,
    WWW,
    domain,
    held,
    only_finding,
    route,
    snapshot,
    subjects,
)

POLICY = Policy()
SHOP = {"shop.example.com": ("SERVFAIL", "")}


def judged(*holding: Held, policy: Policy = POLICY, **rest: Any) -> list[Finding | Undecided]:
    return list(idle_vip(snapshot(*holding, **rest), policy))


def test_an_address_that_nobody_names_and_nobody_uses() -> None:
    finding = only_finding(judged(held(VIP, created=86_400.0 - 7_200)))
    assert finding.subject == Subject(FindingKind.IDLE_VIP, "lo", VIP)
    assert finding.severity is Severity.INFO
    assert finding.message == (
        "192.0.2.10 has been on lo since 1970-01-12T11:46:40Z, but no configured domain resolves to it and "
        "no socket is bound to it: left behind?"
    )
    assert finding.proposed == Change(Action.REMOVE, held(VIP, created=86_400.0 - 7_200))


def test_since_when_and_not_for_how_long() -> None:
    """A text that is kept, in the journal, would be wrong a moment later."""
    for uptime in (10.0, 500_000.0):
        finding = only_finding(judged(held(VIP, created=8.0), uptime=uptime, at=1_000_000.0 + uptime))
        assert "has been on lo since 1970-01-12T13:46:48Z, but" in finding.message
    finding = only_finding(judged(held(VIP, created=None)))
    assert "has been on lo, but" in finding.message


@pytest.mark.parametrize(
    "one",
    [
        held("127.0.0.1", 8),
        held("127.0.0.53"),
        held("::1"),
        held("fe80::1", 64),
        route("10.9.0.0/16"),
        route("2001:db8:9::/48"),
    ],
    ids=["loopback", "all of it", "loopback v6", "link-local", "AnyIP", "AnyIP v6"],
)
def test_what_is_never_idle(one: Held) -> None:
    """Loopback is every host's, link-local every link's, and AnyIP is wide-prefix's matter."""
    assert judged(one) == []


@pytest.mark.parametrize("prefixlen", [32, 24, 8])
def test_an_address_counts_whatever_its_prefix(prefixlen: int) -> None:
    assert [one.address for one in subjects(judged(held(VIP, prefixlen)))] == [VIP]


def test_a_host_route_counts_too() -> None:
    finding = only_finding(judged(route("192.0.2.10/32")))
    assert finding.subject == Subject(FindingKind.IDLE_VIP, "lo", VIP)
    assert finding.proposed == Change(Action.REMOVE, route("192.0.2.10/32"))


@pytest.mark.parametrize(
    ("policy", "rest"),
    [
        (POLICY, {"referenced": frozenset({VIP})}),
        (POLICY, {"sockets": Known(Sockets(frozenset({VIP})))}),
        (POLICY, {"sockets": Known(Sockets(virtual=frozenset({VIP})))}),
        (Policy(expect=(VIP,)), {}),
    ],
    ids=["a domain resolves to it", "a socket is bound to it", "IPVS serves it", "it is expected"],
)
def test_what_speaks_for_it(policy: Policy, rest: dict[str, Any]) -> None:
    other = held("192.0.2.20")
    found = judged(held(VIP), other, policy=policy, **rest)
    assert [one.address for one in subjects(found)] == [other.address]


@pytest.mark.parametrize(
    ("family", "port", "policy", "idle"),
    [
        ("ipv4", "80/tcp", POLICY, [VIP6]),
        ("ipv6", "443/tcp", POLICY, [VIP]),
        ("ipv4", "22/tcp", POLICY, [VIP, VIP6]),
        ("ipv4", "22/tcp", Policy(domains={"a.example": domain("a.example", "22/tcp")}), [VIP6]),
        ("ipv4", "80/udp", POLICY, [VIP, VIP6]),
        ("ipv4", "5222/tcp", POLICY, [VIP6]),
    ],
)
def test_a_listener_on_all_addresses_serves_an_expected_port_here_too(
    family: str, port: str, policy: Policy, idle: list[bytes]
) -> None:
    """Expected by some name, by default, or by an SRV record. sshd's is bound on every host."""
    wildcards = Sockets(wildcards=frozenset({(family, parse_port(port))}))
    found = judged(
        held(VIP),
        held(VIP6),
        policy=policy,
        sockets=Known(wildcards),
        srv_ports=frozenset({parse_port("5222/tcp")}),
    )
    assert [one.address for one in subjects(found)] == idle


def test_names_from_the_command_line_say_nothing_of_other_addresses() -> None:
    assert judged(held(VIP), policy=POLICY.narrowed_to({})) == []
    assert judged(held(VIP), policy=POLICY.narrowed_to({}), unresolved=SHOP) == []


def test_names_that_could_not_be_read_may_lead_anywhere() -> None:
    policy = Policy(left_out=True)
    assert judged(held(VIP), policy=policy) == [
        Undecided(FindingKind.IDLE_VIP, "some configured domains could not be read")
    ]


@pytest.mark.parametrize(
    ("rest", "reason"),
    [
        ({"held": DEAF}, "the receive buffer overran"),
        ({"sockets": BLIND}, "Operation not permitted"),
        ({"unresolved": SHOP}, "shop.example.com is unknown"),
        ({"unresolved": {**SHOP, "b.example.com": ("", "x")}}, "shop.example.com and 1 more are unknown"),
    ],
)
def test_undecided(rest: dict[str, Any], reason: str) -> None:
    """A domain without an answer might resolve to any address."""
    assert judged(held(VIP), **rest) == [Undecided(FindingKind.IDLE_VIP, reason)]


def test_an_unknown_domain_matters_only_where_something_might_be_idle() -> None:
    assert judged(held("127.0.0.1", 8), unresolved=SHOP) == []
    assert judged(held(VIP), unresolved=SHOP, referenced=frozenset({VIP})) == []


def test_a_name_of_more_addresses_than_are_looked_at_may_lead_to_any() -> None:
    reason = f"{WWW} has more addresses than the limit"
    assert judged(held(VIP), over_limit={WWW: 1}) == [Undecided(FindingKind.IDLE_VIP, reason)]
    assert judged(held(VIP), over_limit={WWW: 1}, referenced=frozenset({VIP})) == []


def test_a_name_of_which_getaddrinfo_says_nothing_may_lead_to_any() -> None:
    unheard = {WWW: OtherView(View.GETADDRINFO, None, "Temporary failure")}
    reason = f"what applications get for {WWW} is unknown"
    assert judged(held(VIP), unsure=unheard) == [Undecided(FindingKind.IDLE_VIP, reason)]
    other = {WWW: OtherView(View.DNS, None, "SERVFAIL")}
    assert judged(held(VIP), unsure=other) == judged(held(VIP))
