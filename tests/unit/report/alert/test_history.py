"""Pairing what fired with its end, from entries as journalctl prints them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowatch.core.clock import (
    Now,
)
from lowatch.core.findings import FindingKind
from lowatch.core.lifecycle import (
    State,
    Tracked,
)
from lowatch.core.limits import HISTORY_OPEN
from lowatch.report.alert import entry as alert
from lowatch.report.alert.history import FIELDS, Filter, Occurrence, Unreadable, occurrences
from lowatch.report.alert.storm import Announced
from lowatch.report.alert.summary import summary_fields
from lowatch.report.text.history import json_lines, last_line, text_lines
from lowatch.service.journal.reader import Query, command
from tests.unit.report.audit_worlds import NOW, orphan, tracked

HOLD = 30.0
Entry = dict[str, Any]


def life(number: int, since: float = NOW) -> Tracked:
    return orphan(f"n{number}.example.com", "192.0.2.10", "443/tcp", since=since)


def written(tracked: Tracked, at: float, **rest: Any) -> Entry:
    """The entry of a finding that fires, or went a hold ago, at that moment."""
    now = Now(at, at)
    one = replace(tracked, changed=at - HOLD, present=tracked.state is State.FIRING)
    return stamped(alert.fields(one, now), at, **rest)


def stamped(fields: Mapping[str, Any], at: float, **rest: Any) -> Entry:
    return {"__REALTIME_TIMESTAMP": str(int(at * 1e6)), "_HOSTNAME": "web-17", **fields, **rest}


def resolved(tracked: Tracked) -> Tracked:
    return replace(tracked, state=State.RESOLVED)


def found(entries: Iterable[Entry], wanted: Filter = Filter()) -> list[Occurrence]:  # noqa: B008  # immutable
    """entries: oldest first."""
    everything = list(occurrences(reversed(list(entries)), wanted))
    assert Unreadable() not in everything
    return [one for one in everything if isinstance(one, Occurrence)]


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
    folded = summary_fields([Announced(one, Now(NOW, NOW)) for one in ones[1:]])
    folded_ends = summary_fields([Announced(one, at) for one in ended[:3]])
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
    folded = stamped(summary_fields([Announced(life(1), Now(NOW, NOW))]), NOW + HOLD)
    assert told(found([folded, once, ended_once])) == [("n1", 100.0)]


def test_two_prefixes_of_one_address_are_two_findings() -> None:
    wide = [
        tracked(FindingKind.WIDE_PREFIX, "too wide", address="192.0.2.10", prefixlen=length)
        for length in (16, 24)
    ]
    own = [written(each, NOW + HOLD) for each in wide]
    folded = stamped(summary_fields([Announced(each, Now(NOW, NOW)) for each in wide]), NOW + HOLD)
    for entries in (own, [folded]):
        ones = found([*entries, written(resolved(wide[0]), NOW + 100 + HOLD)])
        lines = [line.split()[-3:] for line in text_lines(ones)]
        assert lines[1:] == [["192.0.2.10/24", "on", "lo"], ["192.0.2.10/16", "on", "lo"]]
        assert [one.lasted for one in ones] == [None, 100.0]


def test_at_eighty_columns_each_row_is_one_line() -> None:
    """What is too long is cut where a reader misses it least."""
    long = orphan("primary.database.payments.eu-central.example.com", "192.0.2.10", "8443/tcp", since=NOW)
    six = orphan("www.example.com", "2001:db8::10", "53/udp", since=NOW)
    entries = [written(each, NOW + HOLD) for each in (life(1), six, long)]
    ones = found([*entries, written(resolved(life(1)), NOW + 813 + HOLD)])
    assert list(text_lines(ones, 80)) == [
        "SINCE                   LASTED  KIND               WHERE",
        "2026-11-23T03:12Z            -  orphan-vip         prima...e.com 192.0.2.10:8443",
        "2026-11-23T03:12Z            -  orphan-vip         www.example.c...8::10]:53/udp",
        "2026-11-23T03:12Z  13 min 33 s  orphan-vip         n1.example.com 192.0.2.10:443",
    ]
    assert all(len(line) <= 80 for line in text_lines(ones, 80))
    assert "primary.database.payments.eu-central.example.com 192" in list(text_lines(ones, 131))[1]


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


VALUES = st.recursive(
    st.none() | st.text() | st.integers() | st.sampled_from(["firing", "resolved", "2026-11-23T03:12:07Z"]),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)
ANY_ENTRY = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("__REALTIME_TIMESTAMP", *FIELDS), VALUES)
) | st.fixed_dictionaries(
    {
        "MESSAGE_ID": st.sampled_from([alert.STORM_MESSAGE_ID, alert.RESOLVED_MESSAGE_ID]),
        "__REALTIME_TIMESTAMP": st.integers(0, 2**63).map(str),
        "LOWATCH_STATE": st.sampled_from(["firing", "resolved"]),
        "LOWATCH_SINCE": st.sampled_from(["2026-11-23T03:12:07Z", "0001-01-01T00:00:00+23:00"]),
        "LOWATCH_KIND": st.text(),
        "LOWATCH_PORT": st.text(),
        "LOWATCH_DOMAIN": st.text() | st.lists(st.integers(-1, 300)),
        "LOWATCH_FOLDED": st.lists(st.text() | st.just('{"since": "2026-11-23T03:12:07Z"}')).map("\n".join),
    }
)


@given(st.lists(ANY_ENTRY, max_size=5))
def test_whatever_anyone_wrote_is_shown_harmlessly_or_not_at_all(entries: list[Entry]) -> None:
    ones = [one for one in occurrences(entries) if isinstance(one, Occurrence)]
    for line in [*text_lines(ones), last_line(len(ones), 0)]:
        assert all(" " <= character <= "~" for character in line)
    document = json.loads("\n".join(json_lines(ones, lambda: True)))
    assert len(document["occurrences"]) == len(ones)


def test_numbers_without_end_are_no_ports_and_what_is_nested_is_no_name() -> None:
    nines = written(life(1), NOW + HOLD, LOWATCH_PORT="9" * 5000)
    row = json.dumps({"since": alert.rfc3339(NOW), "domain": {"a": []}, "port": 80, "address": None})
    folded = written(life(2), NOW, MESSAGE_ID=alert.STORM_MESSAGE_ID, LOWATCH_FOLDED=row)
    rows = json.loads("\n".join(json_lines(found([nines, folded]), lambda: True)))["occurrences"]
    assert [(row["domain"], row["address"], row["port"]) for row in rows] == [
        (None, None, 80),
        ("n1.example.com", "192.0.2.10", None),
    ]


def test_json_of_nothing() -> None:
    document = json.loads("\n".join(json_lines([], lambda: False)))
    assert document == {"schema": 1, "occurrences": [], "complete": False}


def matched(query: Query, uid: int) -> list[list[str]]:
    """The alternatives of the journal's matches."""
    line = command(query, uid)
    matches = " ".join(one for one in line if not one.startswith("-") and one != "journalctl")
    return [each.split() for each in matches.split(" + ")]


def test_only_entries_of_the_service_of_root_and_ones_own_are_asked_for() -> None:
    alternatives = matched(Query(unit="lowatch.service"), 1000)
    writers = {one for each in alternatives for one in each if one.startswith("_")}
    assert writers == {"_SYSTEMD_UNIT=lowatch.service", "_UID=0", "_UID=1000"}
    for each in alternatives:
        assert sum(one.startswith("_") for one in each) == 1
        assert any(one.startswith("MESSAGE_ID=") for one in each)
    assert {one for each in matched(Query(unit=""), 0) for one in each} == {
        f"MESSAGE_ID={one}"
        for one in (*alert.MESSAGE_IDS.values(), alert.RESOLVED_MESSAGE_ID, alert.STORM_MESSAGE_ID)
    }


def test_the_journals_index_does_the_filtering_but_for_storms() -> None:
    wanted = Filter(FindingKind.ORPHAN_VIP.value, "www.example.com", "192.0.2.10")
    own, storm = matched(Query(wanted, unit=""), 0)
    both = {"LOWATCH_KIND=orphan-vip"}
    assert {one for one in storm if "MESSAGE_ID" not in one} == both
    assert {one for one in own if "MESSAGE_ID" not in one} == {
        *both,
        "LOWATCH_DOMAIN=www.example.com",
        "LOWATCH_ADDRESS=192.0.2.10",
    }
