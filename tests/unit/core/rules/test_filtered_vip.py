"""filtered-vip: a listener is there, and what keeps local clients from it."""

from __future__ import annotations

import pytest

from lowatch.core.findings import Finding, FindingKind, Severity, Subject, Undecided
from lowatch.core.known import Unknown
from lowatch.core.listeners import Connect
from lowatch.core.rules.filtered_vip import filtered_vip
from lowatch.core.snapshot import DomainObservation
from lowatch.core.verdicts import Verdict, judge_endpoints
from tests.unit.core.worlds import (
    BLIND,
    FULL,
    NGINX,
    VIP,
    WWW,
    domain,
    local,
    only_finding,
    ports,
    seen,
    view,
)

NO_MEANS = Unknown("connect", "Too many open files")


def found(www: DomainObservation, lo_up: bool = True) -> list[Finding | Undecided]:
    of = domain(WWW, "80")
    return list(filtered_vip(of, www, judge_endpoints(of, www, loopback_up=lo_up)))


@pytest.mark.parametrize(
    ("connect", "wrong"),
    [
        (Connect.REFUSED, "connects from this host are refused: something rejects their packets"),
        (Connect.TIMED_OUT, "connects from this host time out: something drops their packets"),
    ],
)
def test_a_packet_filter(connect: Connect, wrong: str) -> None:
    finding = only_finding(found(view(local(VIP, *seen(("80", NGINX, connect))))))
    assert finding.subject == Subject(FindingKind.FILTERED_VIP, "lo", VIP, WWW, ports("80")[0])
    assert finding.severity is Severity.WARNING
    assert finding.message == (
        "www.example.com resolves to 192.0.2.10, where nginx.service (inode 7) listens on 80/tcp, but "
        + wrong
    )
    assert finding.advice == "look at the packet filter (nft list ruleset, iptables-save)"
    assert finding.fix == ()


def test_routing() -> None:
    port = seen(("80", NGINX._replace(unit=None)))[0]._replace(way_back=False)
    finding = only_finding(found(view(local(VIP, port))))
    assert finding.message == (
        "www.example.com resolves to 192.0.2.10, where uid 33 (inode 7) listens on 80/tcp, but its replies "
        "to clients on this host are routed elsewhere"
    )
    assert "192.0.2.10 in all tables" in finding.advice


@pytest.mark.parametrize(
    "port",
    [
        ("80", NGINX),
        ("80", NGINX, Connect.ACCEPTED),
        ("80", NGINX, Connect.PENDING),
        ("80", FULL, Connect.TIMED_OUT),  # the queue is why
        ("80", None, Connect.REFUSED),
    ],
)
def test_none(port: tuple[str, None]) -> None:
    assert found(view(local(VIP, *seen(port)))) == []


def test_while_lo_is_down_holder_down_says_it_once() -> None:
    www = view(local(VIP, *seen(("80", NGINX))))
    assert [one.verdict for one in judge_endpoints(domain(), www, loopback_up=False)] == [Verdict.FILTERED]
    assert found(www, lo_up=False) == []


@pytest.mark.parametrize(
    ("port", "reason"),
    [
        (("80", BLIND), "sock_diag: Operation not permitted"),
        (("80", NGINX, NO_MEANS), "connect: Too many open files"),
    ],
)
def test_unknown_is_neither(port: tuple[str, Unknown], reason: str) -> None:
    (undecided,) = found(view(local(VIP, *seen(port))))
    assert undecided == Undecided(
        FindingKind.FILTERED_VIP, reason, domain=WWW, address=VIP, port=ports("80")[0]
    )


def test_an_answer_that_is_unknown() -> None:
    (undecided,) = found(view(undecided=[(VIP, "netlink: overrun")]))
    assert undecided == Undecided(FindingKind.FILTERED_VIP, "netlink: overrun", domain=WWW, address=VIP)
