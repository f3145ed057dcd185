"""What could not be observed, in a line for each cause."""

from __future__ import annotations

from dataclasses import replace

from lowatch.core.answers import AnswerStatus, OtherView, View
from lowatch.core.judgement import Judgement
from lowatch.core.observation_problems import failures, not_compared, stale
from lowatch.core.snapshot import Problem
from tests.unit.core.worlds import BLIND, DEAF, VIP, WWW, answer, rrset, snapshot, view

NOTHING = Judgement({}, (), ())


def test_nothing_is_said_where_everything_was_seen() -> None:
    assert list(failures(snapshot(), NOTHING)) == []


def test_each_table_that_could_not_be_read() -> None:
    found = list(failures(snapshot(held=DEAF, sockets=BLIND), NOTHING))
    assert found == [
        Problem("netlink", "the receive buffer overran"),
        Problem("sock_diag", "Operation not permitted"),
    ]


def test_names_that_fail_alike_share_a_line() -> None:
    unresolved = {f"n{number}.example.com": ("timeout", "timeout") for number in range(5)}
    [problem] = failures(snapshot(unresolved={**unresolved}), NOTHING)
    assert problem.source == "dns"
    assert problem.message.endswith(": A: timeout")
    assert "n0.example.com, n1.example.com, n2.example.com and 2 more" in problem.message


def test_a_stale_answer_says_how_old_it_is() -> None:
    old = replace(answer(VIP), a=rrset(VIP, status=AnswerStatus.STALE, reason="SERVFAIL", stale_since=40.0))
    [problem] = stale(snapshot(domains={WWW: view(of=old)}), now=100.0)
    assert problem == Problem("dns", f"{WWW}: using the answer from 60 seconds ago: SERVFAIL")


def test_a_view_that_could_not_be_compared_leaves_the_audit_complete() -> None:
    other = OtherView(View.DNS, None, "no nameserver")
    by_hosts = replace(answer(VIP), view=View.HOSTS, others=(other,))
    seen = snapshot(domains={WWW: view(of=by_hosts)})
    assert [problem.message for problem in not_compared(seen)] == [f"{WWW}: no nameserver"]
    assert list(failures(seen, NOTHING)) == []
