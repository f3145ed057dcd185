"""backlogged-vip: whose queue is full, and when that cannot be told."""

from __future__ import annotations

import pytest

from lowatch.core.findings import Finding, FindingKind, Severity, Subject, Undecided
from lowatch.core.listeners import Listener
from lowatch.core.policy import Domain
from lowatch.core.rules.backlogged_vip import backlogged_vip
from lowatch.core.snapshot import DomainObservation
from lowatch.core.verdicts import judge_endpoints
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
    split,
    view,
)


def judged(
    www: DomainObservation, of: Domain | None = None, lo_up: bool = True
) -> list[Finding | Undecided]:
    asked = of or domain(WWW, "80")
    return list(backlogged_vip(asked, www, judge_endpoints(asked, www, loopback_up=lo_up)))


@pytest.mark.parametrize(
    ("listener", "owner", "whose"),
    [
        (FULL, "nginx.service", "nginx.service"),
        (FULL._replace(unit=None), "uid 33", "the process"),
    ],
)
def test_whose_queue_is_full(listener: Listener, owner: str, whose: str) -> None:
    finding = only_finding(judged(view(local(VIP, *seen(("80", listener))))))
    assert finding.subject == Subject(FindingKind.BACKLOGGED_VIP, "lo", VIP, WWW, ports("80")[0])
    assert finding.severity is Severity.WARNING
    assert finding.message == (
        f"www.example.com resolves to 192.0.2.10, but the accept queue of {owner} on 80/tcp is "
        "full (129 of 128 connections): new connections time out"
    )
    assert not finding.fix  # a restart drops what else it serves
    assert finding.advice == (f"find out what {whose} is waiting for; restarting it drops its connections")


@pytest.mark.parametrize("served", [NGINX, None, FULL._replace(protocol="udp")])
def test_nothing_to_say(served: Listener | None) -> None:
    assert judged(view(local(VIP, *seen(("80", served))))) == []


def test_not_said_of_what_a_downed_lo_filters() -> None:
    assert judged(view(local(VIP, *seen(("80", FULL)))), lo_up=False) == []


def test_a_served_sibling_does_not_excuse_it() -> None:
    """Clients of the full port time out all the same."""
    finding = only_finding(judged(view(local(VIP, *seen(("80", FULL), ("443", NGINX)))), domain()))
    assert finding.subject.port == ports("80")[0]


def test_unknown_is_undecided() -> None:
    findings, undecided = split(judged(view(local(VIP, *seen(("80", BLIND))))))
    assert findings == []
    assert undecided == [
        Undecided(
            FindingKind.BACKLOGGED_VIP,
            "sock_diag: Operation not permitted",
            WWW,
            address=VIP,
            port=ports("80")[0],
        )
    ]
    www = view(undecided=[(VIP, "netlink: overrun")])
    assert judged(www) == [Undecided(FindingKind.BACKLOGGED_VIP, "netlink: overrun", WWW, address=VIP)]
