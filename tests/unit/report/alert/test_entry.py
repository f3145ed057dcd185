from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowatch.core.clock import Now
from lowatch.core.findings import Finding, FindingKind, Severity, Subject
from lowatch.core.last_served import LastServed
from lowatch.core.lifecycle import (
    FindingState,
    Tracked,
)
from lowatch.core.programs import FailedProgram, Program
from lowatch.report.alert import entry as alert
from tests.unit.report.audit_worlds import HURT, MONOTONIC, NOW, bad_night, orphan, tracked
from tests.unit.report.golden import assert_golden

AT = Now(monotonic=MONOTONIC, wall=NOW)

# A promise to users: all fields, always.
CONTRACT_FIELDS = [
    "MESSAGE",
    "MESSAGE_ID",
    "PRIORITY",
    "SYSLOG_IDENTIFIER",
    "LOWATCH_KIND",
    "LOWATCH_STATE",
    "LOWATCH_SEVERITY",
    "LOWATCH_INTERFACE",
    "LOWATCH_ADDRESS",
    "LOWATCH_PREFIXLEN",  # an addition of ours
    "LOWATCH_DOMAIN",
    "LOWATCH_PORT",
    "LOWATCH_PROTOCOL",
    "LOWATCH_SINCE",
    "LOWATCH_UNTIL",  # an addition of ours
    "LOWATCH_LAST_UNIT",  # an addition of ours
    "LOWATCH_VICTIMS",  # by addition
    "LOWATCH_VICTIM",  # by addition
    "LOWATCH_REASON",
    "LOWATCH_FIX",
]


def resolved(firing: Tracked, gone_for: float = 30.0) -> Tracked:
    return replace(firing, state=FindingState.RESOLVED, present=False, changed=AT.monotonic - gone_for)


@pytest.mark.parametrize("kind", FindingKind)
@pytest.mark.parametrize("state", [FindingState.FIRING, FindingState.RESOLVED])
def test_all_fields_always(kind: FindingKind, state: FindingState) -> None:
    bare = Tracked(Finding(Subject(kind), "something is wrong"), state, NOW, 0.0)
    fields = alert.fields(bare, AT)
    assert list(fields) == CONTRACT_FIELDS
    assert fields["LOWATCH_KIND"] == kind
    assert fields["SYSLOG_IDENTIFIER"] == "lowatch"
    empty = {name for name, value in fields.items() if not value}
    until = {"LOWATCH_UNTIL"} if state is FindingState.FIRING else set()
    assert empty - until == {
        f"LOWATCH_{name}"
        for name in (
            "INTERFACE",
            "ADDRESS",
            "PREFIXLEN",
            "DOMAIN",
            "PORT",
            "PROTOCOL",
            "LAST_UNIT",
            "VICTIMS",
            "VICTIM",
            "FIX",
        )
    }
    assert empty >= until


def test_message_ids_are_distinct_and_never_change() -> None:
    ids = {**alert.MESSAGE_IDS, "resolved": alert.RESOLVED_MESSAGE_ID}
    ids |= {"storm": alert.STORM_MESSAGE_ID}
    assert set(alert.MESSAGE_IDS) == set(FindingKind)
    assert len(set(ids.values())) == len(ids)
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in ids.values())
    assert_golden("alert-message-ids.json", json.dumps(ids, indent=1) + "\n")


@pytest.mark.parametrize(
    ("severity", "priority"),
    [(Severity.CRITICAL, "3"), (Severity.WARNING, "4"), (Severity.INFO, "6")],
)
def test_priority_follows_severity_and_good_news_is_a_notice(severity: Severity, priority: str) -> None:
    kind = next(kind for kind in FindingKind if kind.severity is severity)
    one = tracked(kind, "something is wrong")
    assert alert.fields(one, AT)["PRIORITY"] == priority
    assert alert.fields(resolved(one), AT)["PRIORITY"] == "5"


def test_message_says_what_where_why_since_when_and_what_to_do() -> None:
    one = tracked(
        FindingKind.ORPHAN_VIP,
        "www.example.com resolves to 192.0.2.10, which is on lo, and nothing listens on 80/tcp.",
        "ip address del 192.0.2.10/32 dev lo",
        "systemctl start nginx.service",
        since=NOW - 60,
    )
    fields = alert.fields(one, AT)
    assert fields["MESSAGE"] == (
        "orphan-vip: www.example.com resolves to 192.0.2.10, which is on lo, and nothing listens on "
        "80/tcp; firing since 2026-11-23T03:11:07Z; fix: "
        "ip address del 192.0.2.10/32 dev lo; systemctl start nginx.service"
    )
    assert fields["LOWATCH_FIX"] == ("ip address del 192.0.2.10/32 dev lo; systemctl start nginx.service")
    assert fields["LOWATCH_REASON"].endswith("nothing listens on 80/tcp")


def test_another_network_namespace_is_named_and_only_then() -> None:
    firing = orphan("www.example.com", "192.0.2.10", "80/tcp")
    late = alert.without_fix(alert.fields(firing, AT, "blue"), firing)
    for fields, start in (
        (alert.fields(firing, AT, "blue"), "orphan-vip, network namespace blue: www.example.com "),
        (late, "orphan-vip, network namespace blue: www.example.com "),
        (alert.fields(resolved(firing), AT, "blue"), "resolved: orphan-vip, network namespace blue, www."),
    ):
        assert list(fields) == [*CONTRACT_FIELDS, "LOWATCH_NETNS"]
        assert fields["LOWATCH_NETNS"] == "blue"
        assert fields["MESSAGE"].startswith(start)


def test_it_says_which_acknowledgement_has_ended() -> None:
    one = orphan("www.example.com", "192.0.2.10", "80/tcp", because="until\nthe move")
    message = alert.fields(one, AT)["MESSAGE"]
    assert "; firing since 2026-11-23T03:12:07Z; no longer acknowledged (it was until " in message
    assert "(it was until 2026-11-30T23:00:00Z: until\\x0athe move); fix: ip address del" in message


def test_advice_comes_before_the_commands() -> None:
    one = tracked(FindingKind.HOLDER_DOWN, "lo is down", "ip link set lo up")
    finding = replace(one.finding, advice="ask the net team; if they are out:")
    message = alert.fields(replace(one, finding=finding), AT)["MESSAGE"]
    assert message.endswith("; fix: ask the net team; if they are out: ip link set lo up")
    finding = replace(finding, fix=(), advice="no command is offered")
    message = alert.fields(replace(one, finding=finding), AT)["MESSAGE"]
    assert message.endswith("; fix: no command is offered")


def test_resolved_says_how_long_it_lasted_not_counting_the_hold() -> None:
    one = resolved(tracked(FindingKind.HOLDER_DOWN, "lo is down", since=NOW - 90), gone_for=30)
    fields = alert.fields(one, AT)
    assert fields["MESSAGE"] == "resolved: holder-down, lo, after 1 min; it was: lo is down"
    assert fields["MESSAGE_ID"] == alert.RESOLVED_MESSAGE_ID
    assert fields["LOWATCH_STATE"] == "resolved"
    assert fields["LOWATCH_UNTIL"] == "2026-11-23T03:11:37Z"


def test_a_duration_is_no_matter_of_the_wall_clock() -> None:
    """It may be set by a day meanwhile; after a restart nothing else is known, so there is no duration."""
    one = tracked(FindingKind.HOLDER_DOWN, "lo is down", since=NOW - 60)
    stepped = resolved(replace(one, since=NOW - 86400))
    assert ", after 30 s; it was" in alert.fields(stepped, AT)["MESSAGE"]
    revived = replace(stepped, began=None)
    assert ", began at 2026-11-22T03:12:07Z; it was" in alert.fields(revived, AT)["MESSAGE"]


def test_the_ports_of_which_one_would_do_are_one_entry() -> None:
    fields = alert.fields(
        resolved(orphan("www.example.com", "192.0.2.10", "80/tcp", siblings=True, since=NOW - 60)), AT
    )
    assert "at 192.0.2.10 on lo, 80/tcp and 443/tcp, after 30 s" in fields["MESSAGE"]
    assert (fields["LOWATCH_PORT"], fields["LOWATCH_PROTOCOL"]) == ("80", "tcp")


def test_golden() -> None:
    entries = [
        alert.fields(each, AT)
        for firing in bad_night().findings
        if firing.state is FindingState.FIRING
        for each in (replace(firing, present=True), resolved(firing))
    ]
    assert_golden("alert-fields.json", json.dumps(entries, indent=1) + "\n")


@given(message=st.text(), name=st.text(), interface=st.text(), command=st.text())
def test_what_outsiders_chose_cannot_break_the_line(
    message: str, name: str, interface: str, command: str
) -> None:
    one = tracked(FindingKind.IDLE_VIP, message, command, domain=name, interface=interface)
    for each in (one, resolved(one)):
        fields = alert.fields(each, AT)
        for field in ("MESSAGE", "LOWATCH_REASON"):
            assert all(" " <= character <= "~" for character in fields[field])
        assert fields["LOWATCH_DOMAIN"] == name


def test_the_unit_that_served_an_orphan_last() -> None:
    one = orphan("www.example.com", "192.0.2.10", "443/tcp", last=LastServed("nginx.service", NOW))
    for state in (one, resolved(one)):
        fields = alert.fields(state, AT)
        assert fields["LOWATCH_LAST_UNIT"] == "nginx.service"
        assert "; served by nginx.service until 2026-11-23T03:12:07Z" in fields["MESSAGE"]
    unknown = orphan("www.example.com", "192.0.2.10", "443/tcp", last=LastServed(None, NOW))
    assert alert.fields(unknown, AT)["LOWATCH_LAST_UNIT"] == ""


def test_local_clients_that_failed_are_in_the_message_and_their_number_in_a_field() -> None:
    one = orphan("www.example.com", "192.0.2.10", "80/tcp", hurt=HURT)
    fields = alert.fields(one, AT)
    said = "requests from this host fail; has failed local clients 41 times since 2026-11-23T02:13:07Z"
    assert f"{said}, last 3 s ago; firing since" in fields["MESSAGE"]
    assert fields["LOWATCH_VICTIMS"] == "41"
    assert "41" not in fields["LOWATCH_REASON"]
    fields = alert.fields(resolved(one), AT)
    assert fields["MESSAGE"].endswith(f"{said}, last 3 s ago")
    assert fields["LOWATCH_VICTIMS"] == "41"


def test_the_program_that_most_of_them_were_is_in_a_field() -> None:
    most = FailedProgram(Program("cu\nrl", 4711, "backup.service"), 38)
    programs = most, FailedProgram(Program("wget", 1), 3)
    hurt = HURT._replace(refused=replace(HURT.refused, programs=programs))
    one = orphan("www.example.com", "192.0.2.10", "80/tcp", hurt=hurt)
    fields = alert.fields(one, AT)
    assert fields["LOWATCH_VICTIM"] == "cu\\x0arl in backup.service"
    said = ": cu\\x0arl in backup.service (38 times, last PID 4711) and wget (3 times, last PID 1); "
    assert said in fields["MESSAGE"]
    storm = alert.summary_fields([alert.Announcement(one, AT)] * 2)
    assert storm["LOWATCH_VICTIM"] == fields["LOWATCH_VICTIM"]
    assert json.loads(storm["LOWATCH_FOLDED"].splitlines()[0])["victim"] == fields["LOWATCH_VICTIM"]
    both = [alert.Announcement(one, AT), alert.Announcement(replace(one, hurt=None), AT)]
    assert alert.summary_fields(both)["LOWATCH_VICTIM"] == ""
    assert alert.fields(replace(one, hurt=HURT), AT)["LOWATCH_VICTIM"] == ""
