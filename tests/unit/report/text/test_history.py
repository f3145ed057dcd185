"""The history as text and as JSON."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from lowatch.report.alert import entry as alert
from lowatch.report.alert.history import FIELDS, Occurrence, occurrences
from lowatch.report.text.history import json_lines, last_line, text_lines
from tests.unit.report.alert.journal_entries import HOLD, Entry, found, life, resolved, written
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
