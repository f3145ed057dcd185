"""The entry that stands for many findings."""

from __future__ import annotations

import json
import time

from hypothesis import given
from hypothesis import strategies as st

from lowatch.core.clock import Now
from lowatch.core.findings import FindingKind
from lowatch.core.last_served import LastServed
from lowatch.core.lifecycle import (
    FindingState,
    Tracked,
)
from lowatch.report.alert import entry as alert
from lowatch.report.alert.entry import (
    Announcement,
    summary_fields,
)
from lowatch.report.alert.storm import FOLDED_AT_ONCE
from tests.unit.report.audit_worlds import NOW, nth, orphan, tracked
from tests.unit.report.golden import assert_golden

AT = Now(monotonic=5000.0, wall=NOW)


def announced(*alarms: Tracked) -> list[Announcement]:
    return [Announcement(each, AT) for each in alarms]


def test_a_summary_has_all_fields_and_those_that_all_share() -> None:
    many = [orphan(f"n{number}.example.com", "192.0.2.10", "443/tcp") for number in range(5)]
    fields = summary_fields(announced(*many))
    assert list(fields) == [*alert.fields(many[0], AT), "LOWATCH_COUNT", "LOWATCH_FOLDED"]
    assert fields["MESSAGE_ID"] == alert.STORM_MESSAGE_ID
    assert fields["PRIORITY"] == "3"
    assert fields["LOWATCH_KIND"] == "orphan-vip"
    assert fields["LOWATCH_ADDRESS"] == "192.0.2.10"
    assert fields["LOWATCH_PORT"] == "443"
    assert fields["LOWATCH_DOMAIN"] == ""
    ports = [orphan("www.example.com", "192.0.2.10", port) for port in ("80/tcp", "443/tcp")]
    of_ports = summary_fields(announced(*ports))
    assert (of_ports["LOWATCH_PORT"], of_ports["LOWATCH_PROTOCOL"]) == ("", "tcp")
    assert fields["LOWATCH_FIX"] == "ip address del 192.0.2.10/32 dev lo"
    assert fields["LOWATCH_COUNT"] == "5"
    assert fields["MESSAGE"] == (
        "orphan-vip, storm of 5 more findings: n0.example.com at 192.0.2.10 on lo, 443/tcp; "
        "n1.example.com at 192.0.2.10 on lo, 443/tcp; n2.example.com at 192.0.2.10 on lo, 443/tcp; 2 more; "
        "firing since 2026-11-23T03:12:07Z; list them with lowatch history"
    )
    rows = [json.loads(line) for line in fields["LOWATCH_FOLDED"].splitlines()]
    assert [row["domain"] for row in rows] == [f"n{number}.example.com" for number in range(5)]


def test_the_last_unit_is_that_of_all_or_in_each_row() -> None:
    nginx, haproxy = (LastServed(unit, NOW) for unit in ("nginx.service", "haproxy.service"))
    alike = [orphan("www.example.com", f"192.0.2.{n}", "443/tcp", last=nginx) for n in range(2)]
    assert summary_fields(announced(*alike))["LOWATCH_LAST_UNIT"] == "nginx.service"
    fields = summary_fields(
        announced(*alike, orphan("www.example.com", "192.0.2.9", "443/tcp", last=haproxy))
    )
    assert fields["LOWATCH_LAST_UNIT"] == ""
    rows = [json.loads(line) for line in fields["LOWATCH_FOLDED"].splitlines()]
    assert [row["last_unit"] for row in rows] == ["nginx.service", "nginx.service", "haproxy.service"]


def test_many_different_fixes_are_not_listed() -> None:
    many = [orphan("www.example.com", f"192.0.2.{number}", "443/tcp") for number in range(4)]
    assert summary_fields(announced(*many))["LOWATCH_FIX"] == ""
    assert summary_fields(announced(*many[:2]))["LOWATCH_FIX"] == (
        "ip address del 192.0.2.0/32 dev lo; ip address del 192.0.2.1/32 dev lo"
    )


def test_golden() -> None:
    firing = [
        orphan("www.example.com", "192.0.2.10", "443/tcp", since=NOW - 60),
        orphan("shop.example.com", "2001:db8::10", "443/tcp"),
        tracked(FindingKind.MISSING_VIP, "192.0.2.99 is not held", interface=None, address="192.0.2.99"),
    ]
    ended = [
        Tracked(one.finding, FindingState.RESOLVED, one.since, AT.monotonic - 30, present=False)
        for one in firing[:2]
    ]
    entries = [summary_fields(announced(*group)) for group in (firing[:2], firing[2:], ended)]
    assert_golden("alert-storm.json", json.dumps(entries, indent=1) + "\n")


@given(st.lists(st.tuples(st.text(), st.text()), min_size=1, max_size=5))
def test_what_outsiders_chose_breaks_no_line(names: list[tuple[str, str]]) -> None:
    many = [tracked(FindingKind.IDLE_VIP, "m", domain=name, interface=link) for name, link in names]
    fields = summary_fields(announced(*many))
    assert all(" " <= character <= "~" for character in fields["MESSAGE"])
    rows = [json.loads(line) for line in fields["LOWATCH_FOLDED"].split("\n")]
    assert [(row["domain"], row["interface"]) for row in rows] == names


def test_a_full_summary_costs_the_loop_little_and_fits_a_datagram() -> None:
    many = announced(
        *(
            orphan(f"n{n}.some-service.eu-central.example.com", nth("10.0", n), "443/tcp")
            for n in range(FOLDED_AT_ONCE)
        )
    )
    started = time.process_time()
    for _ in range(10):
        fields = summary_fields(many)
    assert (time.process_time() - started) / 10 < 0.05  # 2 ms on an idle host
    assert sum(map(len, fields.values())) < 100_000
