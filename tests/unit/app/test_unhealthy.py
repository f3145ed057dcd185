"""lowatch.app.unhealthy: whose turn it is to be polled."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowatch.app import unhealthy as module
from lowatch.app.unhealthy import LIGHT, Unhealthy
from lowatch.core.addresses import parse_address, parse_port
from lowatch.core.findings import FindingKind, Subject
from lowatch.core.listeners import Endpoint
from tests.unit.app.scripted import Watch, World, at, holds, policy_of, resolves, serves

VIP = parse_address("192.0.2.10")
NAMES = ["a", "b", "c", "d"]


@pytest.fixture(autouse=True)
def few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of each."""
    monkeypatch.setattr(module, "POLLED_AT_ONCE", 4)


def endpoints(count: int) -> list[Endpoint]:
    return [at(VIP, str(1 + number)) for number in range(count)]


counts = st.integers(0, 3) | st.just(LIGHT + 1)


@given(st.lists(st.tuples(st.sampled_from(NAMES), counts)), st.lists(st.sampled_from(NAMES)))
def test_whatever_came_before_each_has_its_turn_and_none_has_two_in_one_poll(
    before: list[tuple[str, int]], meanwhile: list[str]
) -> None:
    """However often some of them are looked at between the polls."""
    unhealthy, known = Unhealthy(), dict[str, int]()
    for name, count in before:
        unhealthy.replace(name, endpoints(count))
        known[name] = count
    expected = {name for name, count in known.items() if count}
    assert bool(unhealthy) is bool(expected)
    polled = set[str]()
    for _ in range(2 * len(NAMES)):  # who has come to have few endpoints waits for a turn of either sort
        turn = unhealthy.next()
        assert max(Counter(turn).values(), default=0) <= 1
        polled.update(turn)
        for name in meanwhile:
            unhealthy.replace(name, ())
            unhealthy.replace(name, endpoints(known.get(name, 0)))
    assert polled == expected


def test_only_what_is_another_is_a_change() -> None:
    unhealthy = Unhealthy()
    unhealthy.replace("a", ())
    assert unhealthy.changes == 0
    unhealthy.replace("a", endpoints(2))
    unhealthy.replace("a", endpoints(2))
    assert (unhealthy.changes, unhealthy.of("a")) == (1, tuple(endpoints(2)))
    unhealthy.replace("a", ())
    assert (unhealthy.changes, unhealthy.of("a"), unhealthy.next()) == (2, (), [])


def test_a_domain_that_is_looked_at_again_and_again_takes_nobodys_turn() -> None:
    names = {80 + number: f"{name}.example.com" for number, name in enumerate(NAMES)}
    world = World({holds("192.0.2.10/32")}, answers={name: resolves(name, VIP) for name in names.values()})
    watch = Watch(world, policy_of(*(serves(f"{port}", name) for port, name in names.items())))
    for _ in range(50):
        watch.sweep()
        watch.auditor.mark_domain(names[80])
        watch.audit()
    changes = watch.auditor.unhealthy_changes
    polled = []
    for _ in range(2):
        watch.host.asked = set()
        watch.auditor.poll()
        polled += [names[endpoint.port.number] for endpoint in watch.host.asked]
    assert sorted(polled) == list(names.values())
    assert watch.auditor.unhealthy_changes == changes == len(names)


def test_a_name_remembered_in_an_outage_is_no_news_with_each_look() -> None:
    """Else it is polled for every 30 ms, for as long as the outage lasts."""
    name = "www.example.com"
    world = World({holds("192.0.2.10/32")}, answers={name: resolves(name, a="SERVFAIL", aaaa="SERVFAIL")})
    watch = Watch(world, policy_of(serves("80")))
    watch.auditor.remember_orphans([Subject(FindingKind.ORPHAN_VIP, "lo", VIP, name, parse_port("80"))])
    for _ in range(5):
        watch.sweep()
    assert watch.auditor.unhealthy_changes == 1
