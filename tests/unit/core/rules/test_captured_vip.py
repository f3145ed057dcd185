"""captured-vip: who serves in place of the unit that a domain names."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lowatch.core.findings import Finding, FindingKind, Severity, Subject, Undecided
from lowatch.core.known import Unknown
from lowatch.core.listeners import Connect, Listener
from lowatch.core.policy import Domain
from lowatch.core.rules.captured_vip import captured_vip
from lowatch.core.snapshot import DomainObservation
from lowatch.core.verdicts import Verdict, judge_endpoints
from tests.unit.core.worlds import (
    BLIND,
    FULL,
    NGINX,
    VIP,
    VIP6,
    WWW,
    domain,
    local,
    only_finding,
    ports,
    seen,
    view,
)

APACHE = NGINX._replace(unit="apache2.service")


def served_by(*listeners: Listener | None) -> DomainObservation:
    return view(local(VIP, *seen(*zip(("80", "443"), listeners, strict=False))))


def of(unit: str, port_list: str = "80") -> Domain:
    return replace(domain(WWW, port_list), unit=unit)


def judged(asked: Domain, www: DomainObservation, lo_up: bool = True) -> list[Verdict]:
    return [one.verdict for one in judge_endpoints(asked, www, loopback_up=lo_up)]


def found(asked: Domain, www: DomainObservation) -> list[Finding | Undecided]:
    return list(captured_vip(asked, www, judge_endpoints(asked, www, loopback_up=True)))


@pytest.mark.parametrize(
    ("listener", "where"),
    [
        (APACHE, "a listener on all addresses"),
        (APACHE._replace(address=VIP), "a listener on 192.0.2.10"),
    ],
)
def test_another_unit_serves(listener: Listener, where: str) -> None:
    finding = only_finding(found(of("nginx.service"), served_by(listener)))
    assert finding.subject == Subject(FindingKind.CAPTURED_VIP, "lo", VIP, WWW, ports("80")[0])
    assert finding.severity is Severity.WARNING
    assert finding.message == (
        f"www.example.com resolves to 192.0.2.10, but apache2.service, by {where} (inode 7), serves 80/tcp "
        "there, not nginx.service"
    )
    assert finding.fix == ()
    assert finding.advice == (
        "find out why nginx.service does not listen on 192.0.2.10, and keep apache2.service off that "
        "address"
    )


@pytest.mark.parametrize(
    ("unit", "serving", "verdict"),
    [
        ("nginx.service", "nginx.service", Verdict.SERVED),
        ("nginx.service", "apache2.service", Verdict.CAPTURED),
        ("nginx.service", None, Verdict.SERVED),
        ("nginx.service", "init.scope", Verdict.SERVED),
        ("nginx.service", "nginx.socket", Verdict.SERVED),
        ("nginx.service", "other.socket", Verdict.SERVED),
        ("haproxy@web.service", "haproxy.service", Verdict.CAPTURED),
        ("", "apache2.service", Verdict.SERVED),
    ],
)
def test_whose_socket_it_is(unit: str, serving: str | None, verdict: Verdict) -> None:
    assert judged(of(unit), served_by(NGINX._replace(unit=serving))) == [verdict]


def test_what_cannot_be_reached_is_no_capture() -> None:
    full = FULL._replace(unit="apache2.service")
    assert judged(of("nginx.service"), served_by(full)) == [Verdict.BACKLOGGED]
    assert judged(of("nginx.service"), served_by(APACHE), lo_up=False) == [Verdict.FILTERED]
    assert judged(of("nginx.service"), served_by(None)) == [Verdict.ORPHAN]


def test_a_captured_port_of_an_any_of_set_answers() -> None:
    asked = of("nginx.service", "80 443")
    assert judged(asked, served_by(APACHE, None)) == [Verdict.CAPTURED, Verdict.UNUSED]
    assert judged(asked, served_by(APACHE, NGINX)) == [Verdict.CAPTURED, Verdict.SERVED]


SSHD = NGINX._replace(unit="ssh.service", inode=8)
"""On all addresses."""


class TestByTheWay:
    """No unit is named. Who answers on all addresses serves one port, and another port shows the rest."""

    def found(
        self, other: Listener | Unknown | None, connect: Connect | None = None
    ) -> list[Finding | Undecided]:
        """By sshd on 22, and that on 443 of the same address."""
        asked = domain(WWW, "22 443", any_of=False)
        return found(asked, view(local(VIP, *seen(("22", SSHD), ("443", other, connect)))))

    @pytest.mark.parametrize(
        ("other", "connect", "evidence"),
        [
            (None, Connect.ACCEPTED, "443/tcp is redirected"),
            (None, Connect.REFUSED, "nothing listens on 443/tcp"),
            (
                NGINX._replace(address=VIP),
                None,
                "nginx.service serves 443/tcp by a listener on that address",
            ),
        ],
    )
    def test_another_port_shows_it(
        self, other: Listener | None, connect: Connect | None, evidence: str
    ) -> None:
        finding = only_finding(self.found(other, connect))
        assert finding.subject == Subject(FindingKind.CAPTURED_VIP, "lo", VIP, WWW, ports("22")[0])
        assert finding.severity is Severity.INFO
        assert finding.message == (
            "www.example.com resolves to 192.0.2.10, where ssh.service, by a listener on all addresses "
            f"(inode 8), serves 22/tcp and nothing else of that name, but {evidence}: clients may get the "
            "wrong service"
        )
        assert finding.advice == (
            "if ssh.service is meant there, acknowledge this; if not, keep it off 192.0.2.10"
        )

    @pytest.mark.parametrize(
        "other",
        [SSHD, NGINX, NGINX._replace(unit=None, address=VIP)],
        ids=["the same", "on all too", "whose"],
    )
    def test_no_evidence(self, other: Listener) -> None:
        assert self.found(other) == []

    def test_another_address_is_no_evidence(self) -> None:
        asked = domain(WWW, "22", any_of=False)
        https = local(VIP6, *seen(("22", None, Connect.REFUSED)))
        assert found(asked, view(local(VIP, *seen(("22", SSHD))), https)) == []
        asked = domain(WWW, "22 443", any_of=False)
        other = local(VIP6, *seen(("22", None, Connect.REFUSED), ("443", None, Connect.REFUSED)))
        assert found(asked, view(local(VIP, *seen(("22", SSHD), ("443", NGINX))), other)) == []

    def test_one_of_several_ports_is_enough(self) -> None:
        www = view(local(VIP, *seen(("80", NGINX), ("443", None, Connect.REFUSED))))
        assert found(of("", "80 443"), www) == []

    def test_what_is_unknown_may_be_the_evidence(self) -> None:
        (undecided,) = self.found(BLIND)
        assert isinstance(undecided, Undecided)
        assert (undecided.address, undecided.port, undecided.domain) == (VIP, None, WWW)


def test_nothing_to_say() -> None:
    assert found(of(""), served_by(APACHE)) == []
    assert found(of("nginx.service"), served_by(NGINX)) == []


def test_unknown_is_undecided() -> None:
    www = view(local(VIP, *seen(("80", BLIND))))
    (undecided,) = found(of("nginx.service"), www)
    assert isinstance(undecided, Undecided)
    assert (undecided.kind, undecided.address) == (FindingKind.CAPTURED_VIP, VIP)
    assert found(of(""), www) == []
