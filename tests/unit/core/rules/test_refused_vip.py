"""refused-vip: what is said of clients that came by no known name."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from lowatch.core.addresses import Address, Port, parse_address, parse_port
from lowatch.core.findings import Finding, FindingKind, Subject, Undecided
from lowatch.core.known import Unknown
from lowatch.core.listeners import Listener
from lowatch.core.name_sources import NameSource
from lowatch.core.policy import Domain, DomainSpec, Policy
from lowatch.core.rules.refused_vip import refused_vip
from lowatch.core.snapshot import DomainObservation, RefusedPort
from tests.unit.core.worlds import NGINX, WWW, local, seen, snapshot, view

VIP, OTHER = parse_address("192.0.2.10"), parse_address("2001:db8::10")
GUESS = DomainSpec(guessed=True)
UNKNOWN_PORT = Port(0, "tcp")


def refused(
    *ports: str, address: Address = VIP, listener: Listener | Unknown | None = None
) -> list[RefusedPort]:
    """A port of "?" is unknown."""
    numbers = [UNKNOWN_PORT if text == "?" else parse_port(text) for text in ports]
    return [RefusedPort(address, "lo", port, listener) for port in numbers]


def found(
    some: Sequence[RefusedPort], domain: DomainObservation | None = None
) -> list[Finding | Undecided]:
    world = snapshot(refused=tuple(some), domains={} if domain is None else {WWW: domain})
    return list(refused_vip(world, Policy()))


def subjects(found: Sequence[Finding | Undecided]) -> list[Subject]:
    assert all(isinstance(one, Finding) for one in found)
    return [one.subject for one in found if isinstance(one, Finding)]


def subject(port: str | None, address: Address = VIP) -> Subject:
    return Subject(FindingKind.REFUSED_VIP, "lo", address, port=None if port is None else parse_port(port))


def test_each_port_that_nothing_serves() -> None:
    several = found([*refused("8080", "25/tcp"), *refused("443", address=OTHER)])
    assert subjects(several) == [subject("25"), subject("8080"), subject("443", OTHER)]
    first = several[0]
    assert isinstance(first, Finding)
    assert first.message == (
        "local clients of 192.0.2.10, which is on lo, are refused on 25/tcp: nothing listens there, "
        "and no known domain should be served there"
    )
    assert first.fix == (), "what would help, only a person knows"


def test_a_port_that_the_kernel_does_not_tell() -> None:
    several = found(refused("?", "25"))
    assert subjects(several) == [subject("25"), subject(None)]
    last = several[-1]
    assert isinstance(last, Finding)
    assert "are refused on a port that the kernel does not tell: " in last.message


def test_a_scanner_is_one_finding() -> None:
    (one,) = found(refused(*map(str, range(100, 140)), "?"))
    assert isinstance(one, Finding)
    assert one.subject == subject(None)
    assert "are refused on 40 ports, from 100/tcp to 139/tcp: " in one.message


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1"])
def test_on_loopback_it_is_daily_life(address: str) -> None:
    assert found(refused("80", "?", address=parse_address(address))) == []


def test_what_is_served_meanwhile_is_over() -> None:
    assert found(refused("80", listener=NGINX)) == []


def test_where_a_domain_leads_its_own_findings_say_it() -> None:
    orphaned = view(local(VIP, *seen(("80", None), ("443", NGINX))))
    assert found(refused("80", "443", "?"), orphaned) == []
    assert subjects(found(refused("80", "8080"), orphaned)) == [subject("8080")]
    served = view(local(VIP, *seen(("80", NGINX))))
    assert subjects(found(refused("?"), served)) == [subject(None)], "it was another port"
    assert subjects(found(refused("80", address=OTHER), orphaned)) == [subject("80", OTHER)]


def test_a_listener_that_cannot_be_asked_leaves_the_address_undecided() -> None:
    deaf = Unknown("sock_diag", "no handler")
    assert found(refused("80", listener=deaf)) == [
        Undecided(FindingKind.REFUSED_VIP, "no handler", address=VIP)
    ]


def test_nothing_refused_nothing_found() -> None:
    assert found([]) == []


def test_what_is_only_guessed_hides_nobody_who_is_refused() -> None:
    """Of a name that was looked up the default ports are expected, and its finding is information."""
    world = snapshot(
        refused=tuple(refused("?", "80")), domains={WWW: view(local(VIP, *seen(("80", None))))}
    )
    learned = {WWW: NameSource.DNSTAP}
    guessed = Policy(domains={WWW: Domain(WWW, guessed=True)}, learned=learned)
    known, unknown = refused_vip(world, guessed)
    assert subjects([known, unknown]) == [subject("80"), subject(None)]
    assert isinstance(known, Finding)
    assert known.message == (
        "local clients of 192.0.2.10, which is on lo, are refused on 80/tcp: nothing listens there, and "
        "www.example.com leads there, but nothing shows yet which port it should serve"
    )
    shown = Policy(domains={WWW: Domain(WWW, any_of=False)}, learned=learned)
    assert subjects(list(refused_vip(world, shown))) == []


@pytest.mark.parametrize(
    ("names", "who"), [(2, "a0.example and another name"), (3, "a0.example and 2 other names")]
)
def test_all_names_that_are_only_guessed_to_be_served_are_told(names: int, who: str) -> None:
    sources = {f"a{number}.example": NameSource.ZONE for number in range(names)}
    here = view(local(VIP, *seen(("80", None))))
    world = snapshot(refused=tuple(refused("25")), domains=dict.fromkeys(sources, here))
    [finding] = refused_vip(world, Policy().with_learned(dict.fromkeys(sources, GUESS), sources))
    assert isinstance(finding, Finding)
    assert f"{who} lead there, but nothing shows yet which port they should serve" in finding.message
