"""The plan of `lowatch clean`: what, why, since when, what would be done, and what is left alone."""

from __future__ import annotations

from dataclasses import replace

from lowatch.core.addresses import parse_address, parse_port
from lowatch.core.changes.candidates import Candidate
from lowatch.core.findings import Action, Finding, FindingKind, Fix, Subject
from lowatch.core.held import Held
from lowatch.core.lifecycle import FindingState, Tracked
from lowatch.core.plan import Rehearsal, Step
from lowatch.core.verdicts import Verdict
from lowatch.report.text.clean import endpoint, render
from tests.unit.report import audit_worlds as worlds

VIP, OTHER = parse_address("192.0.2.10"), parse_address("192.0.2.11")
COMMAND = "ip address add 192.0.2.11/32 dev lo && ip address del 192.0.2.11/24 dev lo"
PLAN = (Step("add", Held(OTHER, 24, "lo")), Step("remove", Held(OTHER, 24, "lo")))


def finding(port: int = 80, message: str = "nothing listens there", advice: str = "") -> Finding:
    subject = Subject(FindingKind.ORPHAN_VIP, "lo", VIP, "www.example.com", parse_port(f"{port}/tcp"))
    return Finding(subject, message, advice=advice)


FIX = Fix(Action.REMOVE, "", (COMMAND,), plan=PLAN)


def shown(*found: Candidate, no_memory: str = "", complete: bool = True) -> list[str]:
    audit = replace(worlds.audit([]), complete=complete)
    return render(audit, found, no_memory, colour=False, width=80).splitlines()


def test_a_plan() -> None:
    fix = FIX._replace(rehearsal=Rehearsal("safe"))
    assert shown(Candidate((finding(),), fix, "", worlds.NOW - 240)) == [
        "lowatch clean --apply would fix 1 of 1 finding.",
        "",
        "orphan-vip  192.0.2.10 on lo",
        "  why     nothing listens there",
        "  since   2026-11-23T03:08:07Z, 4 min ago",
        "  keeps   192.0.2.11 on lo",
        f"  would   {COMMAND}",
        "          rehearsed: ends the finding, takes nothing else away",
    ]


def test_a_plan_that_could_not_be_rehearsed() -> None:
    fix = FIX._replace(rehearsal=Rehearsal("not-possible", "this user may make no network namespace"))
    lines = shown(Candidate((finding(),), fix, ""), Candidate((finding(),), fix, "it is acknowledged"))
    assert lines[0] == "lowatch clean --apply would fix 1 of 2 findings. 1 plan could not be rehearsed."
    assert lines.count("          not rehearsed: this user may make no network namespace") == 2


def test_what_only_a_person_can_decide() -> None:
    """The commands follow the advice that ends with them."""
    commands = ("sysctl -w net.ipv4.conf.all.arp_ignore=1",)
    hush = Fix(Action.HUSH, "", commands)
    one = replace(finding(advice="acknowledge it; otherwise:"), fixes=(hush,))
    assert shown(Candidate((one,), None, "--apply fixes orphan-vip and idle-vip only"))[4:] == [
        "  instead acknowledge it; otherwise:",
        "          sysctl -w net.ipv4.conf.all.arp_ignore=1",
        "  leaves  --apply does not touch it: --apply fixes orphan-vip and idle-vip only",
    ]


def test_what_a_person_can_do_without_further_advice() -> None:
    up = Fix(Action.HUSH, "", ("ip link set lo up",))
    lines = shown(Candidate((replace(finding(), fixes=(up,)),), None, "it is another kind"))
    assert "  instead ip link set lo up" in lines


def test_what_is_left_alone_and_why() -> None:
    left = Candidate(
        (finding(advice="no command is offered: it is served"),), None, "no change is harmless"
    )
    assert shown(left, no_memory="not running") == [
        "lowatch clean --apply would fix 0 of 1 finding.",
        "Since when is not known: not running.",
        "",
        "orphan-vip  192.0.2.10 on lo",
        "  why     nothing listens there",
        "  instead no command is offered: it is served",
        "  leaves  --apply does not touch it: no change is harmless",
    ]


def test_many() -> None:
    eight = tuple(finding(port, f"nothing listens on {port}/tcp") for port in range(1, 9))
    lines = shown(Candidate(eight, FIX, ""), complete=False)
    assert lines[0] == "lowatch clean --apply would fix 8 of 8 findings. 1 plan could not be rehearsed."
    assert lines[1] == "The audit is incomplete: there may be more."
    assert [line for line in lines if line.startswith("  why")] == [
        f"  why     nothing listens on {port}/tcp" for port in (1, 2, 3)
    ]
    assert "          and 5 more reasons" in lines
    alike = shown(Candidate(tuple(map(finding, range(1, 9))), FIX, ""))
    assert [line for line in alike if line.startswith("  why")] == ["  why     nothing listens there"]
    many = shown(*[Candidate((finding(),), FIX, "")] * 60)
    assert many[-1] == "and 10 more: name some by KIND or ADDRESS"


def test_none() -> None:
    assert shown(no_memory="not running") == ["Nothing to fix."]
    one = Tracked(finding(), FindingState.FIRING, 0.0, 0.0)
    lines = render(worlds.audit([one]), (), "", colour=False, width=80).splitlines()
    assert lines == ["Nothing to fix there: 1 finding about something else."]


def test_text_from_outside_is_printable() -> None:
    assert "  why     \\x1b[2J" in shown(Candidate((finding(message="\x1b[2J"),), FIX, ""))


def test_an_endpoint() -> None:
    one = worlds.endpoint("www.example.com", "192.0.2.10", "80/tcp", Verdict.SERVED)
    assert endpoint(one) == "www.example.com at 192.0.2.10, 80/tcp"
