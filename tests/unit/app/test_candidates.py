"""Which names lead to held addresses, and what is said of those that nobody could tell of."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import NamedTuple

import pytest

from lowatch.app.breaks import with_breaks
from lowatch.app.candidates import Candidates, Places
from lowatch.core.addresses import Address, parse_address
from lowatch.core.limits.names import PTR_ADDRESSES
from lowatch.core.name_sources import CANDIDATES, NameSource
from lowatch.core.reverse_names import reverse_name
from tests.unit.app.given_dns import GivenDns
from tests.unit.core.worlds import VIP, VIP6

HOSTS, HOSTNAME, PTR = CANDIDATES
LINK_LOCAL = parse_address("fe80::1")


class Said(NamedTuple):
    names: Collection[str] | None = ()
    problem: str = ""


class Files:
    def __init__(self) -> None:
        self.hosts, self.own = Said(), Said()

    def seen(self) -> object:
        return self.hosts, self.own

    def in_hosts(self, held: Collection[Address]) -> Said:
        return self.hosts

    def of_host(self, hostname: str) -> Said:
        assert hostname == "web1"
        return self.own


class Scene:
    def __init__(self, *learn: NameSource) -> None:
        self.dns, self.files = GivenDns(), Files()
        upstream = self.dns if {PTR, HOSTNAME}.intersection(learn) else None
        self.candidates = Candidates(Places(learn, self.files, upstream, lambda: "web1"))

    def ask(self, *held: Address) -> None:
        addresses = frozenset(held)
        self.candidates.ask(addresses, self.candidates.read(addresses))

    @property
    def leading(self) -> dict[NameSource, set[str]]:
        found = asyncio.run(with_breaks(self.candidates.leading()))
        return {source: set(names) for source, names in found.items() if names}


def test_what_is_not_switched_on_is_neither_read_nor_asked() -> None:
    scene = Scene(HOSTS)
    scene.files.hosts, scene.files.own = Said({"a.example"}), Said({"b.example"})
    scene.ask(VIP)
    assert scene.leading == {HOSTS: {"a.example"}}
    assert scene.dns.domains == []
    assert set(scene.candidates.answered) == {HOSTS}
    scene = Scene(PTR)
    scene.files.hosts, scene.files.own = Said({"a.example"}), Said({"b.example"})
    scene.ask(VIP)
    assert scene.leading == {}
    assert scene.dns.domains == [reverse_name(VIP)]


def test_reverse_names_of_all_addresses_but_link_local_ones() -> None:
    scene = Scene(PTR, HOSTNAME)
    scene.files.own = Said({"web1.example"})
    scene.ask(VIP6, LINK_LOCAL, VIP)
    assert scene.dns.domains == [reverse_name(VIP), reverse_name(VIP6), "web1.example"]
    scene.dns.names(VIP, a_example="192.0.2.10", b_example="2001:db8::10", c_example="192.0.2.1")
    scene.dns.leads("web1.example", VIP)
    assert scene.leading == {PTR: {"a.example", "b.example"}, HOSTNAME: {"web1.example"}}
    scene.ask(VIP6)
    assert scene.leading == {}, "an address that is gone names nothing"


def test_everything_is_known_once_all_have_answered() -> None:
    scene = Scene(PTR, HOSTS)
    scene.ask(VIP)
    assert set(scene.candidates.answered) == {HOSTS}
    assert scene.candidates.problem == "", "it was asked just now"
    scene.dns.failures[reverse_name(VIP)] = ("PTR: 192.0.2.53: SERVFAIL", "")
    assert set(scene.candidates.answered) == {HOSTS}
    scene.dns.failures.clear()
    scene.dns.names(VIP)
    assert PTR in scene.candidates.answered


def test_what_cannot_be_read_stays_and_is_said() -> None:
    scene = Scene(HOSTS, HOSTNAME)
    scene.files.hosts, scene.files.own = Said({"a.example"}), Said({"web1.example"})
    scene.ask(VIP)
    scene.dns.leads("web1.example", VIP)
    scene.files.hosts, scene.files.own = Said(None, "/etc/hosts: too large"), Said(None, "resolv.conf: no")
    scene.ask(VIP)
    assert scene.leading == {HOSTS: {"a.example"}, HOSTNAME: {"web1.example"}}
    assert scene.candidates.problem == "names.learn: /etc/hosts: too large; names.learn: resolv.conf: no"


def test_failures_are_said_the_first_ones_one_by_one() -> None:
    scene = Scene(PTR)
    held = [parse_address(f"192.0.2.{number}") for number in range(1, 6)]
    scene.ask(*held)
    for address in held:
        scene.dns.failures[reverse_name(address)] = ("PTR: s: SERVFAIL", "")
    assert scene.candidates.problem == (
        "names of this host's addresses: 192.0.2.1: PTR: s: SERVFAIL; 192.0.2.2: PTR: s: SERVFAIL; "
        "192.0.2.3: PTR: s: SERVFAIL; and 2 more"
    )


def test_without_a_nameserver_that_is_said() -> None:
    scene = Scene(PTR)
    scene.dns.problems = ["no nameserver"]
    scene.ask(VIP)
    assert scene.candidates.problem == "names.learn: no nameserver"


def test_beyond_the_limits_it_is_said_what_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PTR_ADDRESSES, "value", 1)
    scene = Scene(PTR)
    scene.ask(VIP, VIP6)
    assert scene.dns.domains == [reverse_name(VIP)]
    scene.dns.over = {reverse_name(VIP): 1_000}
    assert scene.candidates.problem == (
        "1,000 more PTR records of 192.0.2.10 are not looked at; "
        "the PTR records of 1 more addresses are not asked for"
    )
