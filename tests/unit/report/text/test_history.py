"""The history as text and as JSON."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from lowatch.core.clock import Now
from lowatch.report.alert import entry as alert
from lowatch.report.alert.history import FIELDS, WRITTEN, Occurrence, changes, occurrences
from lowatch.report.text.history import change_lines, json_changes, json_lines, last_line, text_lines
from tests.unit.report.alert.journal_entries import (
    HOLD,
    Entry,
    found,
    life,
    resolved,
    stamped,
    written,
)
from tests.unit.report.audit_worlds import NOW, orphan


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


def test_another_network_namespace_is_named() -> None:
    at = Now(NOW + HOLD, NOW + HOLD)
    (there,) = found([stamped(alert.fields(life(1), at, "blue"), at.wall)])
    wide, narrow = (list(text_lines([there], width))[1] for width in (132, 100))
    assert wide.endswith("  n1.example.com at 192.0.2.10 on lo, 443/tcp, network namespace blue")
    assert narrow.endswith("  n1.example.com 192.0.2.10:443 in blue")
    assert json.loads(next(json_changes([there])))["netns"] == "blue"


VALUES = st.text() | st.sampled_from(["firing", "resolved", "2026-11-23T03:12:07Z"])


ANY_ENTRY = st.fixed_dictionaries(
    {}, optional=dict.fromkeys((WRITTEN, *FIELDS), VALUES)
) | st.fixed_dictionaries(
    {
        "MESSAGE_ID": st.sampled_from([alert.STORM_MESSAGE_ID, alert.RESOLVED_MESSAGE_ID]),
        WRITTEN: st.integers(0, 2**63).map(str),
        "LOWATCH_STATE": st.sampled_from(["firing", "resolved"]),
        "LOWATCH_SINCE": st.sampled_from(["2026-11-23T03:12:07Z", "0001-01-01T00:00:00+23:00"]),
        "LOWATCH_KIND": st.text(),
        "LOWATCH_PORT": st.text(),
        "LOWATCH_DOMAIN": st.text(),
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
    each = [one for one in changes(entries) if isinstance(one, Occurrence)]
    for line in (*change_lines(each), *change_lines(each, 80), *json_changes(each)):
        assert all(" " <= character <= "~" for character in line)


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


def test_changes_as_they_come() -> None:
    six = orphan("www.example.com", "2001:db8::10", "53/udp", since=NOW)
    entries = [written(six, NOW + HOLD), written(resolved(six), NOW + 813 + HOLD)]
    ones = [one for one in changes(entries) if isinstance(one, Occurrence)]
    assert list(change_lines(ones)) == [
        "TIME                  STATE           LASTED  SEVERITY  KIND               WHERE",
        (
            "2026-11-23T03:12:07Z  firing               -  critical  orphan-vip         "
            "www.example.com at 2001:db8::10 on lo, 53/udp"
        ),
        (
            "2026-11-23T03:25:40Z  resolved   13 min 33 s  critical  orphan-vip         "
            "www.example.com at 2001:db8::10 on lo, 53/udp"
        ),
    ]
    assert list(change_lines(ones, 80)) == [
        "TIME                     STATE  KIND               WHERE",
        "2026-11-23T03:12Z       firing  orphan-vip         www.example.c...8::10]:53/udp",
        "2026-11-23T03:25Z     resolved  orphan-vip         www.example.c...8::10]:53/udp",
    ]
    assert list(change_lines([])) == []
    fired, ended = map(json.loads, json_changes(ones))
    assert (fired["schema"], fired["state"], fired["until"]) == (1, "firing", None)
    assert (ended["state"], ended["since"], ended["lasted_seconds"]) == ("resolved", fired["since"], 813)
    assert (fired["resolved_at"], ended["fired_at"]) == (None, None)
    whole = json.loads("\n".join(json_lines(found(entries), lambda: True)))["occurrences"]
    assert set(fired) - {"schema"} == set(whole[0])
