"""The daemon's status as text."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from lowatch.core.liveness import Liveness
from lowatch.core.programs import TraceState
from lowatch.core.snapshot import Problem
from lowatch.report.status import (
    LISTED,
    DaemonStatus,
    LastReload,
    document,
    render_json,
)
from lowatch.report.text.status import FIRING_SHOWN, render
from tests.unit.report.audit_worlds import (
    NOW,
    audit,
    big,
    incomplete,
    many_names,
    one_orphan,
    orphan,
    unresolved,
)
from tests.unit.report.status_worlds import in_trouble, starting, well

WORLDS = {"well": well, "starting": starting, "in-trouble": in_trouble}


DO_NOT = "do not resolve (1 nxdomain, 1 nodata)"


SGR = re.compile(r"\x1b\[[0-9;]*m")


def plain(status: DaemonStatus, width: int = 80) -> str:
    return render(status, colour=False, width=width)


def conclusion(status: DaemonStatus) -> str:
    return plain(status, width=1000).splitlines()[0]


def part(status: DaemonStatus, label: str) -> str:
    """The line of one part."""
    lines = plain(status, width=1000).splitlines()
    return next(line.removeprefix(label).lstrip() for line in lines if line.startswith(f"{label} "))


@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.parametrize("width", [60, 80, 132])
def test_colour_adds_nothing_but_colour(name: str, width: int) -> None:
    coloured = render(WORLDS[name](), colour=True, width=width)
    assert "\x1b" in coloured
    assert SGR.sub("", coloured) == plain(WORLDS[name](), width)


@pytest.mark.parametrize("name", WORLDS)
def test_eighty_columns_are_enough(name: str) -> None:
    assert max(map(len, plain(WORLDS[name]()).splitlines())) <= 80


class TestConclusion:
    def test_all_is_well(self) -> None:
        assert conclusion(well()) == "lowatch 1.2.3 on web-17 is running: no problems."

    def test_another_network_namespace(self) -> None:
        there = replace(well(), audit=replace(one_orphan(), netns="blue"))
        assert conclusion(there).startswith("lowatch 1.2.3 on web-17 (network namespace blue) is running: ")
        assert (document(there)["netns"], document(well())["netns"]) == ("blue", None)

    def test_what_it_waits_for(self) -> None:
        expected = "lowatch 1.2.3 is starting: 412 of 1,204 names have not been asked yet."
        assert conclusion(starting()) == expected

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"audit": one_orphan()}, "1 critical finding firing"),
            ({"audit": incomplete()}, "the last audit is incomplete"),
            ({"last_reload": LastReload(NOW, "bad")}, "the last reload failed"),
            (
                {"audit": unresolved()},
                f"2 of 12 domains {DO_NOT}; 1 of 12 domains has only a stale answer",
            ),
            ({"audit": audit()}, "no domain is configured: there is nothing to check"),
            ({"audit": many_names()}, "3 critical findings firing"),
            ({"config_problems": ["a", "b"]}, "the configuration has 2 problems"),
            ({"journal_dropped": 1}, "1 alert never reached the journal"),
        ],
    )
    def test_what_is_not_as_it_should_be(self, change: dict[str, Any], said: str) -> None:
        changed = replace(well(), **change)
        assert conclusion(changed) == f"lowatch 1.2.3 on web-17 is running: {said}."

    def test_who_is_stuck(self) -> None:
        stuck = replace(well(), liveness=[Liveness("loop", 0.1, 2.0), Liveness("netlink", 61.0, 60.0)])
        said = "no progress from netlink for 1 min 1 s (limit 1 min)"
        assert conclusion(stuck) == f"lowatch 1.2.3 on web-17 is stuck: {said}."
        assert render(stuck, colour=True, width=200).startswith("\x1b[1;31m")


def test_a_limit_that_is_just_kept() -> None:
    assert not Liveness("loop", 2.0, 2.0).stuck
    assert Liveness("loop", 2.001, 2.0).stuck


class TestParts:
    def test_the_configuration_cannot_move_the_cursor(self) -> None:
        evil = "\x1b[2J\nlowatch is well"
        status = replace(
            in_trouble(),
            interfaces=[evil],
            config_files=[evil],
            config_problems=[evil],
            last_reload=LastReload(NOW, evil),
            waits_for=evil,
            liveness=[Liveness(evil, 1.0, 0.5)],
            audit=audit([orphan(evil, "192.0.2.10", "80/tcp")], problems=[Problem(evil, evil)]),
        )
        assert set(plain(status)) <= {"\n", *map(chr, range(32, 127))}
        assert "lowatch is well" not in plain(status).splitlines()
        render_json(status).decode("ascii")

    def test_a_wall_clock_that_was_set_back(self) -> None:
        status = replace(well(), now=NOW - 10_000)
        assert part(status, "audit") == "2.0 s ago, took 1 ms, complete"
        assert part(status, "reload").startswith("succeeded 1 min 2 s ago")
        assert document(status)["uptime_seconds"] == 0.0

    def test_a_finding_of_a_process_before_this_one_has_no_duration(self) -> None:
        one = orphan("www.example.com", "192.0.2.10", "80/tcp", since=NOW - 600)
        status = replace(well(), audit=audit([one]))
        assert "80/tcp, for 10 min 2 s\n" in plain(status, width=200)
        status = replace(well(), audit=audit([replace(one, began=None)]))
        assert "80/tcp, since 2026-11-23T03:02:07Z\n" in plain(status, width=200)

    def test_the_trace(self) -> None:
        with pytest.raises(StopIteration):
            part(well(), "trace")
        assert document(well())["trace"] is None
        status = replace(well(), trace=TraceState())
        assert part(status, "trace") == "names programs that fail"
        assert document(status)["trace"] == {"failure": None, "lost": 0}
        status = replace(well(), trace=TraceState("it has\nended", 7))
        assert part(status, "trace") == "not read any more: it has\\x0aended, 7 events lost"
        assert document(status)["trace"] == {"failure": "it has\nended", "lost": 7}

    def test_the_journal_is_not_wanted(self) -> None:
        assert part(starting(), "journal") == "disabled, alerts go to stderr"
        assert document(starting())["journal"] == {"enabled": False, "waiting": None, "dropped": 0}

    def test_no_domains_are_configured(self) -> None:
        assert part(replace(well(), audit=audit()), "domains") == "0"

    def test_problems_of_the_configuration_are_reported_once(self) -> None:
        problem = "/etc/lowatch/names.txt: cannot be read"
        world = audit(problems=[Problem("config", problem)], complete=False)
        assert plain(replace(well(), audit=world, config_problems=[problem])).count(problem) == 1


class TestManyFindings:
    def test_the_text_shows_some_and_counts_the_rest(self) -> None:
        text = plain(replace(well(), audit=big(served=1, idle=5000)))
        assert text.count("idle-vip: ") == FIRING_SHOWN
        assert f"  and {5000 - FIRING_SHOWN:,} more: " in text

    def test_none_is_left_out_where_ports_are_reported_together(self) -> None:
        text = plain(replace(well(), audit=one_orphan()), width=132)
        assert "80/tcp and 443/tcp" in text
        assert " more: " not in text

    def test_many_names_at_few_addresses_are_a_line_each(self) -> None:
        text = plain(replace(well(), audit=many_names()), width=1000)
        assert text.count("CRITICAL   orphan-vip: ") == 3
        assert "192.0.2.10 on lo, 80/tcp and 443/tcp (n0.example.com, n102.example.com" in text
        assert " more: " not in text
        assert part(replace(well(), audit=many_names()), "findings") == "critical: 3 firing"

    def test_json_has_the_first_and_the_counts(self) -> None:
        shown = document(replace(well(), audit=big(served=1, idle=5000)))
        assert len(shown["firing"]) == LISTED
        assert shown["findings"]["info"]["firing"] == 5000

    def test_problems_are_cut_as_well(self) -> None:
        problems = [Problem("kernel", f"n{n}: timed out") for n in range(5000)]
        status = replace(well(), audit=audit(problems=problems, complete=False))
        shown = document(status)["audit"]
        assert (len(shown["problems"]), shown["problem_count"]) == (LISTED, 5000)
        assert "  and 4,990 more: see lowatch status --format json." in plain(status)


class TestNames:
    def test_those_that_do_not_resolve_are_shown(self) -> None:
        status = replace(well(), audit=unresolved())
        assert "  nxdomain  wwww.example.com: the name does not exist" in plain(status)
        names = document(status)["names"]
        assert [one["name"] for one in names] == ["api.example.com", "mx.example.com", "wwww.example.com"]
        assert names[0]["age_seconds"] == 843.0

    def test_none_where_all_resolve(self) -> None:
        assert document(well())["names"] == document(starting())["names"] == []
        assert "Unresolved" not in plain(well())
