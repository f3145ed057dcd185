"""Names that were looked up: how long they are followed, how many, and what they should serve."""

from __future__ import annotations

import pytest

from lowatch.core.learned_names import LearnedName, LearnedNames
from lowatch.core.limits.names import LEARNED_NAMES
from lowatch.core.name_sources import NameSource
from lowatch.core.policy import DEFAULT_PORTS, DomainSpec
from lowatch.core.snapshot import DomainObservation, RefusedPort
from lowatch.core.victims import UNKNOWN_PORT
from tests.unit.core.worlds import NGINX, VIP, local, ports, seen, view

DAY, WITHIN = 86_400.0, 600.0
HTTP, ALT = ports("80 8080")
SHOP = "shop.example"
GUESSED = DomainSpec(DEFAULT_PORTS, any_of=True, guessed=True)
DEAD = view(local(VIP, *seen(("80", None), ("443", None))))
SERVED = view(local(VIP, *seen(("80", NGINX), ("443", None))))


@pytest.fixture
def names() -> LearnedNames:
    found = LearnedNames(DAY)
    assert found.looked_up(SHOP, NameSource.DNSTAP, 0.0)
    return found


def observe(names: LearnedNames, observed: DomainObservation, now: float, *refused: str) -> DomainSpec:
    often = [RefusedPort(VIP, "lo", port, None) for text in refused for port in ports(text)]
    names.observe({SHOP: observed}, (), often, now, WITHIN)
    return names.specs(DEFAULT_PORTS)[SHOP]


def test_a_name_is_followed_until_nobody_has_looked_it_up_for_a_day(names: LearnedNames) -> None:
    assert not names.looked_up(SHOP, NameSource.RESOLVED, 10.0), "it is followed already"
    names.forget(DAY)
    assert SHOP in names
    assert names.sources() == {SHOP: NameSource.DNSTAP}, "how it was seen first"
    changes = names.changes
    names.forget(DAY + 10.1)
    assert SHOP not in names
    assert names.changes > changes


def test_what_changes_nothing_counts_as_no_change(names: LearnedNames) -> None:
    observe(names, DEAD, 1.0)
    changes = names.changes
    names.looked_up(SHOP, NameSource.DNSTAP, 2.0)
    names.forget(3.0)
    observe(names, DEAD, 3.0)
    assert names.changes == changes


def test_that_it_is_looked_up_again_is_saved_now_and_then(names: LearnedNames) -> None:
    for now in (10.0, 20.0):
        names.looked_up(SHOP, NameSource.DNSTAP, now)
    assert names.refreshed == 0
    names.looked_up(SHOP, NameSource.DNSTAP, 4000.0)
    assert names.refreshed == 1


def test_without_evidence_the_ports_are_guessed(names: LearnedNames) -> None:
    assert observe(names, DEAD, 1.0) == GUESSED


def test_the_ports_where_clients_are_refused_are_required(names: LearnedNames) -> None:
    assert observe(names, DEAD, 1.0, "8080", "80") == DomainSpec((HTTP, ALT), any_of=False)


def test_clients_of_an_unknown_port_show_nothing(names: LearnedNames) -> None:
    names.observe({SHOP: DEAD}, (), [RefusedPort(VIP, "lo", UNKNOWN_PORT, None)], 1.0, WITHIN)
    assert names.specs(DEFAULT_PORTS)[SHOP] == GUESSED


def test_a_scan_shows_nothing_and_takes_nothing_away(names: LearnedNames) -> None:
    observe(names, DEAD, 1.0, "8080")
    assert observe(names, DEAD, 2.0, "1", "2", "3", "8080").ports == (ALT,)


def test_one_of_the_ports_that_were_served_is_enough(names: LearnedNames) -> None:
    assert observe(names, SERVED, 1.0) == DomainSpec((HTTP,), any_of=True)
    assert observe(names, DEAD, 2.0) == DomainSpec((HTTP,), any_of=True), "that it ended is an orphan"


def test_refused_clients_that_gave_up_show_nothing_any_more(names: LearnedNames) -> None:
    observe(names, DEAD, 1.0, "8080")
    assert observe(names, DEAD, WITHIN) == DomainSpec((ALT,), any_of=False)
    assert observe(names, DEAD, WITHIN + 1.1) == GUESSED


def test_once_nobody_is_refused_any_more_what_served_says_what_should(names: LearnedNames) -> None:
    observe(names, DEAD, 1.0, "8080")
    observe(names, view(local(VIP, *seen(("8080", NGINX)))), 2.0)
    assert observe(names, view(local(VIP, *seen(("8080", None)))), DAY) == DomainSpec((ALT,), any_of=True)


def test_of_the_names_of_an_address_clients_came_by_one_that_was_looked_up(names: LearnedNames) -> None:
    now = WITHIN + 100.0
    assert observe(names, DEAD, now, "8080").guessed, "nobody has looked it up for longer than that"
    names.looked_up(SHOP, NameSource.DNSTAP, now)
    assert observe(names, DEAD, now + 1.0, "8080") == DomainSpec((ALT,), any_of=False)


def test_a_flood_of_names_takes_no_place_of_one_in_use(
    names: LearnedNames, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LEARNED_NAMES, "value", 3)
    monkeypatch.setattr(LEARNED_NAMES, "times", 0)
    for number in range(1_000):
        names.looked_up(f"n{number}.example", NameSource.DNSTAP, 1.0)
    assert len(names) == 3
    assert SHOP in names
    assert LEARNED_NAMES.times == 998
    assert names.looked_up("late.example", NameSource.DNSTAP, 601.0), "instead of the oldest"
    assert SHOP not in names
    assert len(names) == 3


def test_of_what_the_last_run_knew_the_number_is_limited_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LEARNED_NAMES, "value", 2)
    names = LearnedNames(DAY)
    names.restore((f"n{last}.example", LearnedName(NameSource.RESOLVED, float(last))) for last in (3, 1, 2))
    assert [name for name, _ in names] == ["n2.example", "n3.example"]


def test_a_name_that_does_not_lead_here_is_forgotten_soon(names: LearnedNames) -> None:
    """A resolver lied, or gave another answer than lowatch gets."""
    for now in (0.0, 600.0):
        names.observe({}, (), (), now, WITHIN)
        assert SHOP in names
    names.observe({}, (), (), 600.1, WITHIN)
    assert SHOP not in names


def test_a_name_that_cannot_be_resolved_is_kept(names: LearnedNames) -> None:
    for now in (0.0, 600.0, 1_000.0):
        names.observe({}, {SHOP: ("SERVFAIL", "")}, (), now, WITHIN)
    assert SHOP in names
    names.observe({SHOP: DEAD}, (), (), 3_000.0, WITHIN)
    names.observe({}, (), (), 3_600.0, WITHIN)
    assert SHOP in names
