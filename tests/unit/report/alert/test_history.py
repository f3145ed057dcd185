"""Pairing what fired with its end, from entries as the journal has them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from lowatch.core.clock import Now
from lowatch.core.findings import FindingKind
from lowatch.core.last_served import LastServed
from lowatch.core.limits.alerts import HISTORY_OPEN
from lowatch.report.alert.entry import (
    Announcement,
    fields,
    summary_fields,
)
from lowatch.report.alert.history import Filter, Occurrence, Unreadable, changes
from lowatch.report.text.history import text_lines
from tests.unit.report.alert.journal_entries import HOLD, found, life, resolved, stamped, written
from tests.unit.report.audit_worlds import HURT, NOW, orphan, tracked


def told(ones: Iterable[Occurrence]) -> list[tuple[str, float | None]]:
    return [(one.domain.split(".")[0], one.lasted) for one in ones]


def test_an_end_belongs_to_its_beginning() -> None:
    first, again = life(1), life(1, NOW + 500)
    entries = [
        written(first, NOW + HOLD),
        written(life(2), NOW + HOLD),
        written(resolved(first), NOW + 100 + HOLD),
        written(again, NOW + 500 + HOLD),
        written(resolved(again), NOW + 507 + HOLD),
    ]
    assert told(found(entries)) == [("n1", 7.0), ("n2", None), ("n1", 100.0)]
    newest = found(entries)[0]
    assert newest.since == int(NOW) + 500
    assert (newest.fired, newest.resolved) == (NOW + 500 + HOLD, NOW + 507 + HOLD)


def test_what_fired_before_all_entries_comes_last_and_its_beginning_is_known() -> None:
    entries = [
        written(resolved(life(1, NOW - 1000)), NOW + HOLD),
        written(life(2), NOW + HOLD),
    ]
    assert told(found(entries)) == [("n2", None), ("n1", 1000.0)]
    assert found(entries)[1].fired is None


def test_the_last_unit_is_read_from_an_entry_and_from_a_summary() -> None:
    last = LastServed("nginx.service", NOW)
    one = orphan("www.example.com", "192.0.2.10", "443/tcp", last=last)
    folded = stamped(summary_fields([Announcement(one, Now(NOW, NOW))]), NOW)
    for entry in (written(one, NOW + HOLD), written(resolved(one), NOW + HOLD), folded):
        assert [each.last_unit for each in found([entry])] == ["nginx.service"]
    assert [each.last_unit for each in found([written(life(1), NOW)])] == [""]


def test_the_number_of_victims_is_that_of_the_last_entry() -> None:
    one = orphan("www.example.com", "192.0.2.10", "443/tcp", hurt=HURT)
    folded = stamped(summary_fields([Announcement(one, Now(NOW, NOW))]), NOW)
    for entry in (written(one, NOW + HOLD), folded):
        assert [each.victims for each in found([entry])] == ["41"]
    more = replace(one, hurt=HURT._replace(refused=replace(HURT.refused, count=50)))
    both = [written(one, NOW + HOLD), written(resolved(more), NOW + 2 * HOLD)]
    assert [each.victims for each in found(both)] == ["50"]


def test_network_namespaces_are_told_apart() -> None:
    one, at = life(1), Now(NOW + HOLD, NOW + HOLD)
    there = stamped(fields(one, at, "blue"), at.wall)
    folded = stamped(summary_fields([Announcement(one, at)], "red"), at.wall)
    entries = [written(one, at.wall), there, folded, written(resolved(one), NOW + 60 + HOLD)]
    read = {each.netns: each.lasted for each in found(entries)}
    assert read == {"": 60.0, "blue": None, "red": None}
    assert [each.netns for each in found(entries, Filter(netns="blue"))] == ["blue"]
    assert [each.netns for each in found(entries, Filter(netns="red"))] == ["red"]


def test_hosts_are_told_apart() -> None:
    entries = [
        written(life(1), NOW + HOLD),
        written(resolved(life(1)), NOW + 60 + HOLD, _HOSTNAME="web-18"),
    ]
    assert [(one.host, one.lasted) for one in found(entries)] == [("web-17", None), ("web-18", 60.0)]


def test_a_storm_and_single_entries_are_paired_whichever_way() -> None:
    ones = [life(number) for number in range(4)]
    ended = [replace(resolved(one), changed=NOW + 100, present=False) for one in ones]
    at = Now(NOW + 100 + HOLD, NOW + 100 + HOLD)
    folded = summary_fields([Announcement(one, Now(NOW, NOW)) for one in ones[1:]])
    folded_ends = summary_fields([Announcement(one, at) for one in ended[:3]])
    entries = [
        written(ones[0], NOW + HOLD),
        stamped(folded, NOW + HOLD),
        stamped(folded_ends, at.wall),
        written(resolved(ones[3]), NOW + 50 + HOLD),
    ]
    assert told(found(entries)) == [("n3", 50.0), ("n2", 100.0), ("n1", 100.0), ("n0", 100.0)]
    assert [one.folded for one in found(entries)] == [True, True, True, False]
    assert found(entries)[0].reason.startswith("n3.example.com resolves")  # its end was no storm's
    assert told(found(entries, Filter(domain="n2.example.com"))) == [("n2", 100.0)]
    assert found(entries, Filter(address="192.0.2.11")) == []


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HISTORY_OPEN, "value", 2)
    entries = [
        *(written(life(number), NOW + HOLD) for number in range(3)),
        *(written(resolved(life(number)), NOW + 10 + HOLD) for number in range(3)),
    ]
    # Of the first the end is shown as soon as it is met; its beginning later, as if it had none.
    assert told(found(entries)) == [("n0", 10.0), ("n2", 10.0), ("n1", 10.0), ("n0", None)]


def test_what_a_crash_let_be_written_twice_happened_once() -> None:
    """Killed before it had saved that it had announced them, it announces them again."""
    once, ended_once = written(life(1), NOW + HOLD), written(resolved(life(1)), NOW + 100 + HOLD)
    assert told(found([once, once])) == [("n1", None)]
    assert told(found([once, once, ended_once])) == [("n1", 100.0)]
    assert told(found([once, ended_once, ended_once])) == [("n1", 100.0)]
    folded = stamped(summary_fields([Announcement(life(1), Now(NOW, NOW))]), NOW + HOLD)
    assert told(found([folded, once, ended_once])) == [("n1", 100.0)]


def test_two_prefixes_of_one_address_are_two_findings() -> None:
    wide = [
        tracked(FindingKind.WIDE_PREFIX, "too wide", address="192.0.2.10", prefixlen=length)
        for length in (16, 24)
    ]
    own = [written(each, NOW + HOLD) for each in wide]
    folded = stamped(summary_fields([Announcement(each, Now(NOW, NOW)) for each in wide]), NOW + HOLD)
    for entries in (own, [folded]):
        ones = found([*entries, written(resolved(wide[0]), NOW + 100 + HOLD)])
        lines = [line.split()[-3:] for line in text_lines(ones)]
        assert lines[1:] == [["192.0.2.10/24", "on", "lo"], ["192.0.2.10/16", "on", "lo"]]
        assert [one.lasted for one in ones] == [None, 100.0]


def test_what_was_written_twice_is_remembered_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HISTORY_OPEN, "value", 2)
    entries = [written(life(number), NOW + HOLD) for number in (1, 2, 3, 3, 2)]
    assert told(found(entries)) == [("n2", None), ("n3", None), ("n1", None)]
    entries = [written(life(number), NOW + HOLD) for number in (1, 2, 3, 1)]
    assert [name for name, _ in told(found(entries))] == ["n1", "n3", "n2", "n1"]


def test_entries_of_before_there_was_an_end_in_them() -> None:
    entry = written(resolved(life(1)), NOW + 100)
    del entry["LOWATCH_UNTIL"]
    assert told(found([entry])) == [("n1", 100.25)]


def test_changes_come_in_the_order_of_their_entries_and_once() -> None:
    ones = [life(number) for number in range(3)]
    folded = stamped(summary_fields([Announcement(one, Now(NOW, NOW)) for one in ones[1:]]), NOW + HOLD)
    end = written(resolved(ones[1]), NOW + 100 + HOLD)
    entries = [written(ones[0], NOW + HOLD), folded, {}, end, end, written(ones[0], NOW + HOLD)]
    found = list(changes(entries))
    assert [
        (one.domain.split(".")[0], one.lasted) if isinstance(one, Occurrence) else None for one in found
    ] == [("n0", None), ("n1", None), ("n2", None), None, ("n1", 100.0)]
    assert found[3] == Unreadable()
    wanted = Filter(domain="n2.example.com")
    assert [one.domain for one in changes(entries, wanted) if isinstance(one, Occurrence)] == [
        "n2.example.com"
    ]
