"""What is watched, what a domain is to serve, and which findings are acknowledged."""

from __future__ import annotations

from typing import ClassVar

import pytest

from lowatch.core.addresses import Port, parse_address, parse_port, parse_prefix
from lowatch.core.findings import FindingKind, Subject
from lowatch.core.name_sources import NameSource
from lowatch.core.policy import (
    DEFAULT_PORTS,
    Acknowledgement,
    Domain,
    DomainSpec,
    DomainTable,
    Policy,
    is_srv_name,
    ports_of,
    spec_of,
)
from tests.unit.core.worlds import VIP, WWW

UNTIL = 2_000.0
ORPHAN = Subject(FindingKind.ORPHAN_VIP, "lo", VIP, WWW, parse_port("443/tcp"))
WIDE = Subject(FindingKind.WIDE_PREFIX, "lo", parse_address("10.0.0.0"), prefixlen=8)
DOWN = Subject(FindingKind.HOLDER_DOWN, "lo")


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


@pytest.mark.parametrize(
    ("name", "is_srv"),
    [
        ("_xmpp._tcp.example.com", True),
        ("_sip._udp.example.com", True),
        ("_xmpp-server._tcp.example.com", True),
        ("_x-1._tcp.example", True),
        ("_ldap._tcp.dc._msdcs.example.com", True),
        ("_dmarc.example.com", False),
        ("_acme-challenge.example.com", False),
        ("_443._tcp.example.com", False),  # TLSA (RFC 6698)
        ("_sip._sctp.example.com", False),
        ("_tcp.example.com", False),
        ("_xmpp._tcp", False),
        ("xmpp._tcp.example.com", False),
        ("_xmpp.tcp.example.com", False),
        ("a._xmpp._tcp.example.com", False),
        ("www.example.com", False),
        ("", False),
    ],
)
def test_srv_names(name: str, is_srv: bool) -> None:
    assert is_srv_name(name) is is_srv
    assert Domain(name).is_srv is is_srv


HTTPS, QUIC = parse_port("443/tcp"), parse_port("443/udp")
PLAIN = DomainSpec()
OWN = DomainSpec((HTTPS, QUIC), any_of=False)


@pytest.mark.parametrize(
    ("name", "own", "spec"),
    [
        (WWW, (), DomainSpec((QUIC,), any_of=True)),
        (WWW, (HTTPS,), DomainSpec((HTTPS,), any_of=False)),
        ("_xmpp._tcp.example.com", (), DomainSpec((), any_of=False)),
    ],
)
def test_what_a_domain_is_to_serve(name: str, own: tuple[Port, ...], spec: DomainSpec) -> None:
    assert spec_of(name, (QUIC,), own) == spec


def test_what_an_acknowledgement_must_match_as_it_is_configured() -> None:
    whole = Acknowledgement(1.0, "known", "orphan-vip", "lo", parse_prefix("192.0.2.10"), "*", HTTPS)
    assert whole.matchers == {
        "kind": "orphan-vip",
        "interface": "lo",
        "address": "192.0.2.10",
        "domain": "*",
        "port": "443/tcp",
    }
    assert Acknowledgement(1.0, "", address=parse_prefix("::/0")).matchers == {"address": "::/0"}


class TestLearned:
    SPEC = DomainSpec()
    SOURCES: ClassVar = {"a.example": NameSource.ZONE, "b.example": NameSource.ZONE}

    def test_they_are_followed_too(self) -> None:
        policy = Policy(domains={"a.example": Domain("a.example", any_of=False)})
        learned = policy.with_learned({"a.example": self.SPEC, "b.example": self.SPEC}, self.SOURCES)
        assert learned.domains == {
            "a.example": Domain("a.example", any_of=False),
            "b.example": Domain("b.example"),
        }
        assert learned.learned == {"b.example": NameSource.ZONE}

    def test_those_from_elsewhere_stay(self) -> None:
        policy = Policy().with_learned({"a.example": self.SPEC}, self.SOURCES)
        policy = policy.with_learned({"b.example": self.SPEC}, self.SOURCES)
        assert policy.learned == self.SOURCES
        assert policy.with_learned({"b.example": self.SPEC}, self.SOURCES) is policy

    def test_ports_that_clients_have_shown_take_the_place_of_a_guess(self) -> None:
        guess, shown = DomainSpec(guessed=True), DomainSpec((QUIC,), any_of=False)
        policy = Policy().with_learned({"a.example": guess}, self.SOURCES)
        assert not policy.knows_ports("a.example")
        lookups = {"a.example": NameSource.DNSTAP}
        assert policy.with_learned({"a.example": guess}, lookups) is policy
        better = policy.with_learned({"a.example": shown}, lookups)
        assert better.domains == {"a.example": Domain("a.example", (QUIC,), any_of=False)}
        assert better.learned == {"a.example": NameSource.ZONE}, "as before"
        assert better.knows_ports("a.example")
        assert better.with_learned({"a.example": guess}, lookups) is better

    def test_domains_that_are_named_explicitly_take_their_place(self) -> None:
        policy = Policy().with_learned({"a.example": self.SPEC}, self.SOURCES)
        assert policy.narrowed_to({}).learned == {}


class TestDomainTable:
    table = DomainTable({"b.example": PLAIN, "a.example": OWN})
    same: ClassVar = {
        "b.example": Domain("b.example"),
        "a.example": Domain("a.example", (HTTPS, QUIC), any_of=False),
    }

    def test_it_reads_as_a_dict_of_domains(self) -> None:
        assert list(self.table) == list(self.same)
        assert list(self.table.keys()) == list(self.same)
        assert list(self.table.values()) == list(self.same.values())
        assert list(self.table.items()) == list(self.same.items())
        assert len(self.table) == 2
        assert self.table["a.example"] == self.same["a.example"]
        assert self.table.get("a.example") == self.same["a.example"]
        assert self.table.get("c.example") is None
        assert "a.example" in self.table
        assert "c.example" not in self.table
        with pytest.raises(KeyError):
            self.table["c.example"]
        assert self.table.keys() - {"a.example"} == {"b.example"}

    def test_it_equals_what_has_the_same_domains(self) -> None:
        assert self.table == self.same
        assert self.same == self.table
        assert self.table == DomainTable({"a.example": DomainSpec(*OWN), "b.example": PLAIN})
        assert DomainTable() == {}
        assert Policy(domains=self.table) == Policy(domains=self.same)

    def test_it_differs_from_what_has_others(self) -> None:
        assert self.table != DomainTable({"b.example": PLAIN, "a.example": PLAIN})
        assert self.table != DomainTable({"b.example": PLAIN})
        assert self.table != {**self.same, "a.example": Domain("a.example")}
        assert self.table != list(self.same)
        assert Policy(domains=self.table) != Policy(domains={})

    def test_it_is_shown_in_full_only_where_it_is_short(self) -> None:
        assert repr(self.table) == f"DomainTable({self.same!r})"
        assert repr(DomainTable({f"{n}.example": PLAIN for n in range(11)})) == "<DomainTable of 11>"

    def test_the_ports_of_all(self) -> None:
        service = Domain("_xmpp._tcp.example.com", (), any_of=False)
        ports = {*DEFAULT_PORTS, HTTPS, QUIC}
        assert ports_of(self.table) == ports
        assert ports_of({**self.same, service.name: service}) == ports
        assert ports_of({}) == frozenset()


def test_learned_names_are_followed_beside_the_configured_ones() -> None:
    own, spec = Domain("www.example.com", any_of=False), DomainSpec(guessed=True)
    sources = dict.fromkeys(("www.example.com", "shop.example.com"), NameSource.DNSTAP)
    for domains in ({own.name: own}, DomainTable({own.name: DomainSpec(own.ports, any_of=False)})):
        policy = Policy(domains=domains).with_learned(dict.fromkeys(sources, spec), sources)
        assert policy.domains == {
            own.name: own,
            "shop.example.com": Domain("shop.example.com", guessed=True),
        }
        assert policy.learned == {"shop.example.com": NameSource.DNSTAP}
        assert policy.narrowed_to({}).learned == {}
    plain = Policy(domains={own.name: own})
    assert plain.with_learned({own.name: spec}, sources) is plain
