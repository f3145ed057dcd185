"""What the journal is asked for, and what is made of its entries. Real journals: test_history_read.py."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from lowatch.core.findings import FindingKind
from lowatch.core.limits.alerts import HISTORY_LINE_BYTES
from lowatch.report.alert import entry as alert
from lowatch.report.alert.history import Filter
from lowatch.service.journal.reader import Entry, HistoryError, Journal, Query, add_matches


class Matches:
    """Takes the matches as the library's reader does. alternatives: those between two disjunctions."""

    def __init__(self) -> None:
        self.alternatives: list[list[str]] = [[]]

    def add_match(self, match: bytes) -> None:
        self.alternatives[-1].append(match.decode())

    def add_disjunction(self) -> None:
        self.alternatives.append([])


def matched(query: Query, uid: int) -> list[list[str]]:
    matches = Matches()
    add_matches(matches, query, uid)
    *alternatives, last = matches.alternatives
    assert last == []
    return alternatives


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


class Scripted:
    """A reader that gives, or raises, one after the other: what a damaged journal does."""

    def __init__(self, *results: dict[str, Any] | Exception) -> None:
        self.results = list(results)

    def seek_tail(self) -> None:
        pass

    def get_next(self, skip: int) -> dict[str, Any]:
        assert skip == -1
        result = self.results.pop(0) if self.results else {}
        if isinstance(result, Exception):
            raise result
        return result


def read(*results: dict[str, Any] | Exception) -> list[Entry]:
    return list(Journal(Scripted(*results), Query(), ()).newest_first())


def entry(**fields: bytes | list[bytes]) -> dict[str, Any]:
    return {"__REALTIME_TIMESTAMP": "1000000", **fields}


def test_those_of_a_network_namespace_are_found_by_the_index_too() -> None:
    for one in matched(Query(Filter(netns="blue"), unit="lowatch@blue.service"), 0):
        assert "LOWATCH_NETNS=blue" in one


def test_a_field_is_text_whatever_it_is() -> None:
    odd = entry(
        LOWATCH_DOMAIN=b"not\xffutf-8", LOWATCH_ADDRESS=[b"192.0.2.10", b"again"], MESSAGE=b"not read"
    )
    assert read(odd) == [
        {
            "__REALTIME_TIMESTAMP": "1000000",
            "LOWATCH_DOMAIN": "not\\xffutf-8",
            "LOWATCH_ADDRESS": "192.0.2.10",
        }
    ]


def test_a_field_beyond_the_limit_makes_its_entry_unreadable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HISTORY_LINE_BYTES, "value", 100)
    times = HISTORY_LINE_BYTES.times
    good = entry(LOWATCH_DOMAIN=b"x" * 99)
    assert [bool(each) for each in read(entry(LOWATCH_DOMAIN=b"x" * 100), good)] == [False, True]
    assert HISTORY_LINE_BYTES.times == times + 1


def test_what_is_damaged_is_an_unreadable_entry_and_reading_goes_on() -> None:
    damaged = UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")
    nameless = OSError("journal gave us a field without '='")
    assert [bool(each) for each in read(damaged, entry(), nameless, entry())] == [False, True, False, True]


def test_what_fails_ends_it() -> None:
    with pytest.raises(HistoryError, match=r"^cannot read the journal: Input/output error$"):
        read(OSError(5, "Input/output error"), entry())


def test_the_daemon_imports_neither_the_reader_nor_the_library() -> None:
    code = (
        "import sys; import lowatch.cli.run, lowatch.wiring.daemon;"
        " print(sorted({'systemd', 'lowatch.service.journal.reader'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"
