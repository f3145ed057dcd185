from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowatch.core.answers import AnswerStatus
from lowatch.core.audit import Audit
from lowatch.core.findings import FindingKind
from lowatch.core.lifecycle import FindingState, Tracked
from lowatch.core.listeners import Listener
from lowatch.core.snapshot import Problem
from lowatch.core.verdicts import Verdict
from lowatch.report.phrases import place, until_because
from lowatch.report.text.audit import render, render_progress
from lowatch.report.text.screen import NARROWEST
from tests.unit.report.audit_worlds import (
    NGINX,
    NOW,
    accepted,
    answer,
    audit,
    bad_night,
    big,
    clear,
    endpoint,
    incomplete,
    many_names,
    one_orphan,
    orphan,
    tracked,
    unresolved,
)
from tests.unit.report.golden import assert_golden

WORLDS = {
    "clear": clear,
    "one-orphan": one_orphan,
    "bad-night": bad_night,
    "incomplete": incomplete,
    "big": big,
    "unresolved": unresolved,
    "accepted": accepted,
    "many-names": many_names,
}
SGR = re.compile(r"\x1b\[[0-9;]*m")


def plain(world: Audit, width: int = 80) -> str:
    return render(world, colour=False, width=width)


def conclusion(world: Audit) -> str:
    return plain(world, width=1000).splitlines()[0]


@pytest.mark.parametrize("name", WORLDS)
def test_golden(name: str) -> None:
    assert_golden(f"text-{name}.txt", plain(WORLDS[name]()))


def test_golden_in_colour() -> None:
    text = render(bad_night(), colour=True, width=80)
    assert_golden("text-bad-night-colour.txt", text.replace("\x1b", "\\e"))


@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.parametrize("width", [60, 80, 132])
def test_colour_adds_nothing_but_colour(name: str, width: int) -> None:
    coloured = render(WORLDS[name](), colour=True, width=width)
    assert "\x1b" in coloured
    assert SGR.sub("", coloured) == plain(WORLDS[name](), width)


@pytest.mark.parametrize("name", WORLDS)
def test_eighty_columns_are_enough_but_for_commands(name: str) -> None:
    long = [line for line in plain(WORLDS[name]()).splitlines() if len(line) > 80]
    assert all("ip address" in line for line in long)


class TestConclusion:
    def test_all_clear(self) -> None:
        assert (
            conclusion(clear()) == "All clear: 12 domains checked, 3 resolve to this host and are served."
        )

    def test_none_resolves_here(self) -> None:
        world = audit(statuses={AnswerStatus.RESOLVED: 1})
        assert conclusion(world) == "All clear: 1 domain checked, none resolves to this host."

    def test_no_names(self) -> None:
        world = audit(held=clear().held)
        assert conclusion(world) == (
            "Nothing wrong found, but no domain is configured or given, so none was checked."
        )

    def test_no_names_where_they_are_searched_for(self) -> None:
        world = replace(audit(held=clear().held), searched=True)
        assert conclusion(world) == "All clear: 0 domains checked, none resolves to this host."

    def test_clear_but_for_what_is_acknowledged(self) -> None:
        accepted = tracked(
            FindingKind.IDLE_VIP, "idle", address="192.0.2.1", state=FindingState.ACKNOWLEDGED
        )
        world = replace(clear(), findings=(accepted,))
        assert conclusion(world).startswith("All clear except for 1 acknowledged finding: 12 domains")

    def test_one_finding_is_named(self) -> None:
        world = audit([orphan("www.example.com", "192.0.2.10", "443/tcp")])
        assert conclusion(world) == (
            "1 critical finding: orphan-vip, www.example.com at 192.0.2.10 on lo, 443/tcp."
        )

    def test_several_are_counted_by_kind(self) -> None:
        assert conclusion(bad_night()).startswith(
            "3 critical and 3 warning findings: orphan-vip (2), missing-vip, backlogged-vip, "
            "wide-prefix, views-disagree. The audit is incomplete"
        )

    def test_many_of_one_kind(self) -> None:
        assert conclusion(big()) == "Nothing urgent: 30 info findings, all idle-vip."

    def test_unknown_is_never_clear(self) -> None:
        assert conclusion(incomplete()) == (
            "Incomplete: nothing wrong found, but 1 of 3 domains and 2 of 2 endpoints are unknown."
        )
        assert conclusion(audit(statuses={AnswerStatus.UNKNOWN: 1}, complete=False)) == (
            "Incomplete: nothing wrong found, but 1 of 1 domain is unknown."
        )
        world = audit(problems=[Problem("netlink", "refused")], complete=False)
        assert conclusion(world) == (
            "Incomplete: nothing wrong found, but not everything could be observed."
        )

    def test_what_is_acknowledged_is_not_said_to_be_served(self) -> None:
        assert conclusion(accepted()) == (
            "All clear except for 2 acknowledged findings: 2 domains checked, 2 resolve to this host: "
            "1 orphaned and 1 served."
        )
        assert plain(accepted()).count("orphan (ack)") == 2

    def test_what_is_acknowledged_is_never_passed_over(self) -> None:
        assert conclusion(replace(accepted(), complete=False)).startswith(
            "Incomplete: nothing wrong found besides 2 acknowledged findings, but "
        )
        world = replace(accepted(), statuses={AnswerStatus.RESOLVED: 2, AnswerStatus.NODATA: 2})
        assert conclusion(world) == (
            "Nothing wrong found besides 2 acknowledged findings, "
            "but 2 of 4 domains do not resolve (2 nodata)."
        )

    def test_it_counts_what_stands_below_it(self) -> None:
        """One thing to a person: the names and ports of one address."""
        for world, blocks in ((one_orphan(), 1), (many_names(names=2, addresses=1), 1), (many_names(), 3)):
            noun = "finding" if blocks == 1 else "findings"
            assert conclusion(world).startswith(f"{blocks} critical {noun}")
            assert plain(world).count("CRITICAL  ") == blocks

    def test_many_names_of_few_addresses_are_said(self) -> None:
        assert conclusion(many_names()) == "3 critical findings, all orphan-vip (1,000 domains)."
        assert conclusion(many_names(addresses=1)) == (
            "1 critical finding: orphan-vip, 192.0.2.10 on lo, 80/tcp and 443/tcp, 1,000 domains."
        )

    def test_a_name_that_does_not_resolve_is_not_clear(self) -> None:
        assert conclusion(unresolved()) == (
            "Nothing wrong found, but 2 of 12 domains do not resolve (1 nxdomain, 1 nodata) "
            "and 1 of 12 domains has only a stale answer."
        )
        world = audit(
            statuses={AnswerStatus.RESOLVED: 2, AnswerStatus.NXDOMAIN: 1},
            names=[answer("wwww.example.com", AnswerStatus.NXDOMAIN)],
        )
        assert conclusion(world) == "Nothing wrong found, but wwww.example.com does not resolve (nxdomain)."
        worse = replace(world, findings=one_orphan().findings)
        assert conclusion(worse).endswith("wwww.example.com does not resolve (nxdomain).")

    def test_a_long_report_repeats_it_at_its_end(self) -> None:
        lines = plain(bad_night()).splitlines()
        assert lines[-4:] == lines[:4]
        assert plain(clear()).count("All clear") == 1


def test_a_network_namespace_is_named_beside_the_host() -> None:
    assert (
        plain(replace(WORLDS["clear"](), netns="blue"))
        .splitlines()[1]
        .startswith("web-17 (network namespace blue), ")
    )


def test_problems_are_reported_once_and_not_without_end() -> None:
    same = [Problem("dns", "192.0.2.53 does not answer")] * 3
    many = [Problem("dns", f"n{n}.example.com: SERVFAIL") for n in range(100)]
    text = plain(audit(problems=[*same, *many], complete=False))
    assert "  dns  192.0.2.53 does not answer (3 times)\n" in text
    assert "  and 91 more: see --format json.\n" in text


# What outsiders chose: any characters, and long words.
hostile = st.text(max_size=60) | st.sampled_from(
    ["\x1b[2J\x1b]0;owned\x07", "a\nCRITICAL fake", "x" * 300, "\x9b31m", "\u202egnp.exe", ""]
)
addresses = st.sampled_from(["192.0.2.1", "2001:db8::1", "10.0.0.0"])
tracked_ones = st.builds(
    tracked,
    st.sampled_from(FindingKind),
    hostile,
    hostile,
    interface=st.none() | hostile,
    address=st.none() | addresses,
    domain=st.none() | hostile,
    port=st.sampled_from([None, "443/tcp", "53/udp"]),
    state=st.sampled_from([FindingState.FIRING, FindingState.PENDING, FindingState.ACKNOWLEDGED]),
    since=st.floats(0, NOW),
    present=st.booleans(),
    because=hostile,
)
endpoints = st.builds(
    endpoint,
    hostile,
    addresses,
    st.sampled_from(["443/tcp", "53/udp"]),
    st.sampled_from(Verdict),
    st.none() | st.builds(Listener, st.just(NGINX.address), st.just(1), st.just(0), hostile),
    hostile,
    hostile,
)
audits = st.builds(
    audit,
    st.lists(tracked_ones, max_size=12),
    st.lists(endpoints, max_size=20),
    st.lists(st.builds(Problem, hostile, hostile), max_size=14),
    complete=st.booleans(),
)


def words(text: str) -> str:
    """Its words with one space between, however the lines were broken."""
    return " ".join(text.split())


def key_facts(one: Tracked) -> list[str]:
    subject = one.finding.subject
    alone = subject.address is None  # else other names may be told with it, and its own be counted
    facts = [subject.kind, place(subject._replace(port=None, domain=subject.domain if alone else None))]
    if subject.port is not None:
        facts.append(str(subject.port))
    if one.state is FindingState.ACKNOWLEDGED:
        facts += [] if one.acknowledgement is None else [until_because(one.acknowledgement)]
    else:
        facts.append(one.finding.severity.upper())
    return [words(fact) for fact in facts]


@settings(max_examples=150, deadline=None)
@given(audits, st.booleans(), st.integers(1, 200))
def test_any_audit_is_rendered_safely_and_in_full(world: Audit, colour: bool, width: int) -> None:
    text = render(world, colour=colour, width=width)
    bare = SGR.sub("", text) if colour else text
    assert all(character == "\n" or " " <= character <= "~" for character in bare)
    assert text.endswith("\n")
    told = words(bare)
    for one in world.findings:
        for fact in key_facts(one):
            assert fact in told


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(list(bad_night().findings)), max_size=8), st.integers(70, 200))
def test_lines_keep_to_the_width(findings: list[Tracked], width: int) -> None:
    world = replace(bad_night(), findings=tuple(findings))
    for line in plain(world, width).splitlines():
        unbroken = max(map(len, line.split()), default=0)
        command = "ip address" in line
        assert len(line) <= width or command or unbroken > NARROWEST


def test_progress_is_one_line_of_one_length() -> None:
    assert render_progress(1234, 10000) == "[##------------------]  1,234 of 10,000 domains"
    assert render_progress(7, 7) == "[####################] 7 of 7 domains"
    assert render_progress(0, 0) == "[####################] 0 of 0 domains"
    assert len({len(render_progress(done, 12345)) for done in range(0, 12346, 5)}) == 1
