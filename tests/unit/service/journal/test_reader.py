"""What journalctl is asked for."""

from __future__ import annotations

from lowatch.core.findings import FindingKind
from lowatch.report.alert import entry as alert
from lowatch.report.alert.history import Filter
from lowatch.service.journal.reader import Query, command


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
