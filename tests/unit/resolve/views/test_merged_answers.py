"""lowatch.resolve.views.merged_answers: what one name's change costs the others."""

from __future__ import annotations

import pytest

from lowatch.core.addresses import Port, parse_address
from lowatch.core.answers import AnswerStatus, RRset
from lowatch.resolve.records.srv import Target
from lowatch.resolve.views.merge import Rules
from lowatch.resolve.views.merged_answers import MergedAnswers
from tests.unit.resolve.given_dns import GivenDns

SERVICE, ONE, TWO = "_web._tcp.example.com", "one.example.com", "two.example.com"
NODATA = RRset(AnswerStatus.NODATA)


def target(name: str, address: str) -> Target:
    return Target(name, Port(80, "tcp"), RRset(AnswerStatus.RESOLVED, (parse_address(address),)), NODATA)


def test_a_targets_answer_is_read_without_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service may have 128 targets, all of which change: to read all for each, of each, took minutes."""
    dns = GivenDns()
    dns.give_srv(SERVICE, target(ONE, "192.0.2.10"), target(TWO, "192.0.2.11"))
    answers = MergedAnswers(dns, Rules())
    answers.follow([SERVICE])

    def all_of_them(_domain: str) -> None:
        pytest.fail("all targets were read")

    assert answers.dns_changed(SERVICE) == {ONE, TWO}
    monkeypatch.setattr(dns, "targets", all_of_them)
    monkeypatch.setattr(dns, "target_names", lambda _domain: [ONE, TWO])
    monkeypatch.setattr(dns, "target", dns.answer)
    assert answers.dns_changed(SERVICE) == set()
    assert answers.predicted(ONE).domain == ONE
