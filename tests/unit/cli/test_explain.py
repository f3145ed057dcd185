from __future__ import annotations

from dataclasses import replace

import pytest

from lowatch.app.victims import RefusedAt
from lowatch.config.targets import AddressTarget, DomainTarget
from lowatch.core.addresses import Port, parse_address
from lowatch.core.answers import Answer
from lowatch.core.clock import Now
from lowatch.core.explanation import Explanation
from lowatch.core.last_served import LastServed
from lowatch.core.listeners import Endpoint
from lowatch.core.next_questions import NextQuestion, Pace
from lowatch.core.served_state import ServedState
from lowatch.core.victims import Refused
from tests.unit.cli.conftest import CommandLine, FakeStartError, meanwhile
from tests.unit.report.audit_worlds import one_orphan
from tests.unit.service.control_clients import Controlled
from tests.unit.service.given_pages import GivenSchedules, GivenServed


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("www.example.com", DomainTarget("www.example.com")),
        ("www.example.com:53/udp", DomainTarget("www.example.com", Port(53, "udp"))),
        ("192.0.2.10", AddressTarget(parse_address("192.0.2.10"))),
        ("[2001:db8::10]:443", AddressTarget(parse_address("2001:db8::10"), Port(443, "tcp"))),
    ],
)
def test_targets(lowatch: CommandLine, text: str, target: DomainTarget | AddressTarget) -> None:
    code, stdout, stderr = lowatch("explain", text)
    assert (code, stderr, lowatch.wiring.target) == (0, "", target)
    assert stdout.startswith("www.example.com\nweb-17, ")


@pytest.mark.parametrize("text", ["", "192.0.2.0/24", "https://www.example.com", "www.example.com:0"])
def test_a_bad_target(lowatch: CommandLine, text: str) -> None:
    code, stdout, stderr = lowatch("explain", text)
    assert (code, stdout, lowatch.wiring.target) == (2, "", None)
    assert stderr.startswith("lowatch: ")
    assert stderr.count("\n") == 1


def test_one_target_at_a_time(lowatch: CommandLine) -> None:
    assert lowatch("explain").code == 2
    assert lowatch("explain", "a.example", "b.example").code == 2


def test_colour_on_a_terminal(lowatch: CommandLine) -> None:
    assert "\x1b[1m" in lowatch("explain", "a.example", stdout_is_terminal=True).stdout


def test_it_cannot_start(lowatch: CommandLine) -> None:
    lowatch.wiring.raises = FakeStartError("no netlink here")
    assert lowatch("explain", "a.example") == (1, "", "lowatch: no netlink here\n")


LAST = LastServed("nginx.service", 1795403527.25)
AT = Endpoint(parse_address("192.0.2.10"), Port(80, "tcp"))
UNKNOWN = "before  unknown: "


def with_an_orphan(lowatch: CommandLine) -> None:
    found = Explanation("www.example.com", "web-17", 1795403600.0, 9.0, findings=one_orphan().findings)
    lowatch.wiring.explanation = found


def test_the_daemon_is_asked_who_served_last(lowatch: CommandLine, controlled: Controlled) -> None:
    with_an_orphan(lowatch)
    controlled.pages = replace(controlled.pages, served=GivenServed(ServedState(0.0, {}, {AT: LAST})))
    stdout = meanwhile(controlled.served(), lambda: lowatch("explain", "a.example")).stdout
    assert lowatch.wiring.remembered == {AT: LAST}
    assert "unknown" not in stdout


def test_the_daemon_is_asked_which_local_clients_failed(
    lowatch: CommandLine, controlled: Controlled
) -> None:
    with_an_orphan(lowatch)
    served = GivenServed(ServedState(0.0, {}, {AT: LAST}))
    served.refused = [RefusedAt("lo", AT, Refused(41, Now(1.0, 1795403000.0), Now(2.0, 1795403597.0)))]
    controlled.pages = replace(controlled.pages, served=served)
    stdout = meanwhile(controlled.served(), lambda: lowatch("explain", "a.example")).stdout
    said = "hurt has failed local clients 41 times since 2026-11-23T03:03:20Z, last 3 s ago"
    assert said in " ".join(stdout.split())


def test_the_daemon_is_asked_when_it_asks_for_the_name_next(
    lowatch: CommandLine, controlled: Controlled
) -> None:
    lowatch.wiring.explanation = Explanation("a.example", "web-17", 1.0, 9.0, answer=Answer("a.example"))
    asked = GivenSchedules({"a.example": (NextQuestion("A", 2541.0, Pace.FAR),)})
    pages = replace(controlled.pages, served=GivenServed(ServedState(0.0, {}, {})), schedules=asked)
    controlled.pages = pages
    stdout = meanwhile(controlled.served(), lambda: lowatch("explain", "a.example:8443")).stdout
    assert "asked next A in 42 min 21 s (it never led to this host" in " ".join(stdout.split())
    for target in ("b.example", "192.0.2.10"):
        stdout = meanwhile(controlled.served(), lambda it=target: lowatch("explain", it)).stdout  # type: ignore[misc]
        assert "asked next" not in stdout


def test_why_it_is_unknown_who_served_last(lowatch: CommandLine, controlled: Controlled) -> None:
    with_an_orphan(lowatch)
    _, stdout, stderr = lowatch("explain", "a.example")
    assert f"{UNKNOWN}not running: there is no " in " ".join(stdout.split()).replace("before ", "before  ")
    assert stderr == ""
    stdout = meanwhile(controlled.served(), lambda: lowatch("explain", "a.example")).stdout
    assert "unknown: the daemon says: Not ready" in " ".join(stdout.split())
    assert lowatch.wiring.remembered == {}


def test_the_first_daemon_knows_nothing_of_another_network_namespace(
    lowatch: CommandLine, controlled: Controlled
) -> None:
    with_an_orphan(lowatch)
    controlled.pages = replace(controlled.pages, served=GivenServed(ServedState(0.0, {}, {AT: LAST})))
    for netns, why in (
        ("blue", "not running: there is no /run/lowatch@blue/lowatch.sock"),
        ("/proc/1/ns/net", "the daemon does not watch this network namespace"),
    ):
        command = ("explain", "--netns", netns, "a.example")
        stdout = meanwhile(controlled.served(), lambda command=command: lowatch(*command)).stdout
        assert lowatch.wiring.remembered == {}
        assert lowatch.wiring.config is not None
        assert lowatch.wiring.config.netns == netns
        assert f"unknown: {why}" in " ".join(stdout.split())


def test_without_an_orphan_nobody_wants_to_know(lowatch: CommandLine) -> None:
    assert "before" not in lowatch("explain", "a.example").stdout
