"""A hundred thousand names that lead elsewhere: no audit has anything to do with any of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest

from lowatch.app.static_resolver import StaticResolver
from lowatch.core.addresses import Address, Prefix, host_length, parse_address
from lowatch.core.answers import Answer
from lowatch.core.policy import DomainSpec, DomainTable, Policy
from tests.unit.app.scripted import Watch, World, at, holds, listens, resolves

VIP, SECOND = parse_address("192.0.2.10"), parse_address("192.0.2.20")
NAMES = [f"n{number}.example.com" for number in range(100_000)]
HERE = ["www.example.com", "shop.example.com"]


class CountedAnswers(StaticResolver):
    """looked_up: how often the answer of some domain was asked for."""

    def __init__(self, answers: Iterable[Answer]) -> None:
        super().__init__(answers)
        self.looked_up: list[str] = []

    def answer(self, domain: str) -> Answer:
        self.looked_up.append(domain)
        return super().answer(domain)


def elsewhere(number: int) -> Address:
    return Address(bytes((10, number >> 16, number >> 8 & 255, number & 255)))


class Far:
    """A host with two VIPs, each with a name; all other names lead to hosts of their own."""

    def __init__(self, names: Sequence[str]) -> None:
        self.answers = CountedAnswers(
            [
                *(resolves(name, elsewhere(number)) for number, name in enumerate(names)),
                resolves(HERE[0], VIP),
                resolves(HERE[1], SECOND),
            ]
        )
        policy = Policy(domains=DomainTable(dict.fromkeys([*names, *HERE], DomainSpec())))
        world = World({holds(one) for one in ("127.0.0.1/8", "192.0.2.10/32", "192.0.2.20/32")})
        for address in (VIP, SECOND):
            world.serving[at(address)] = listens(at(address))
        self.watch = Watch(world, policy, resolver=self.answers)
        _, judgement = self.watch.sweep()
        assert judgement.domains.keys() == set(HERE)
        assert set(self.answers.looked_up) == set(HERE), "the first look"

    def looked_at(self) -> tuple[set[str], set[Address]]:
        """Which names, and of which addresses the host was asked since."""
        names, asked = set(self.answers.looked_up), self.watch.host.asked
        self.answers.looked_up.clear()
        self.watch.host.asked = set()
        return names, {one.address if hasattr(one, "address") else one for one in asked}


@pytest.fixture(scope="module")
def far() -> Far:
    return Far(NAMES)


INSIDE_LOOPBACK = 0x7F
"""Addresses by which the kernel is asked about the wide prefix of lo itself."""


def told_of(asked: set[Address]) -> set[Address]:
    return {address for address in asked if address[0] != INSIDE_LOOPBACK}


def test_a_sweep_asks_about_the_names_that_lead_here(far: Far) -> None:
    """Of the others it asks nobody anything; nor did the first one."""
    far.looked_at()
    _, judgement = far.watch.sweep()
    assert judgement.domains.keys() == set(HERE)
    assert sorted(far.answers.looked_up) == sorted(HERE), "once each"
    assert told_of(far.looked_at()[1]) == {VIP, SECOND}


def test_an_event_asks_about_the_names_that_lead_there(far: Far) -> None:
    far.looked_at()
    far.watch.auditor.mark_prefix(Prefix(VIP, host_length(VIP)))
    far.watch.audit()
    assert far.looked_at()[0] == {HERE[0]}
    far.watch.auditor.mark_socket(SECOND, 80)
    far.watch.audit()
    assert far.looked_at()[0] == {HERE[1]}
    far.watch.auditor.mark_socket(Address(bytes(4)), 80)
    far.watch.audit()
    assert far.looked_at()[0] == set(HERE)


def test_names_whose_answers_change_elsewhere_are_not_looked_at(far: Far) -> None:
    before, _ = far.watch.audit()
    far.looked_at()
    for name in NAMES[:1000]:
        far.watch.auditor.mark_domain(name)
    snapshot, _ = far.watch.audit()
    names, asked = far.looked_at()
    assert (names, told_of(asked)) == (set(), set())
    assert snapshot.domains is before.domains, "no view is shown anew"
    assert snapshot.domains.keys() == set(HERE)


def test_an_address_that_comes_finds_its_name(far: Far) -> None:
    """However far away that was."""
    number = 70_000
    one = holds(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}/32")
    far.watch.world.held.add(one)
    far.watch.host.hear()
    far.watch.auditor.mark_prefix(one.prefix)
    far.looked_at()
    snapshot, _ = far.watch.audit()
    assert far.looked_at()[0] == {NAMES[number]}
    assert NAMES[number] in snapshot.domains
    far.watch.world.held.discard(one)
    snapshot, _ = far.watch.sweep()
    assert NAMES[number] not in snapshot.domains
    far.looked_at()
    far.watch.sweep()
    assert far.looked_at()[0] == set(HERE)


def test_all_are_asked_about_where_the_tables_may_lack_rows() -> None:
    names = NAMES[:600]
    far = Far(names)
    far.looked_at()
    far.watch.world.blind = True
    far.watch.sweep()
    looked_up, asked = far.looked_at()
    assert looked_up == {*names, *HERE}
    assert asked >= {elsewhere(number) for number in range(600)}
    far.watch.world.blind = False
    far.watch.sweep()
    far.looked_at()
    far.watch.sweep()
    assert far.looked_at()[0] == set(HERE), "and forgotten when they are whole again"
