"""One audit of a hundred thousand names: its progress, and what it says of those without an answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from lowatch.app.auditor import Auditor
from lowatch.app.check import check
from lowatch.app.static_resolver import StaticResolver
from lowatch.core.addresses import parse_address
from lowatch.core.answers import AnswerStatus
from lowatch.core.audit import Audit
from lowatch.core.policy import DomainSpec, DomainTable, Policy
from tests.support.aio import run_async
from tests.unit.app.scripted import Watch, World, at, holds, listens, resolves
from tests.unit.app.story import VIP, WWW

ELSEWHERE = parse_address("198.51.100.7")
NAMES = [f"n{number}.example.com" for number in range(100_000)]


class Checked(NamedTuple):
    """progress: as it was told. compared: whom getaddrinfo was to be asked about, each time."""

    audit: Audit
    progress: list[tuple[int, int]]
    compared: list[list[str]]


def checked(world: World, answers: StaticResolver, names: list[str]) -> Checked:
    policy = Policy(domains=DomainTable(dict.fromkeys(names, DomainSpec())))
    watch, progress = Watch(world, policy), list[tuple[int, int]]()
    compared: list[list[str]] = []
    auditor = Auditor(watch.host, answers, watch.prober, policy, watch.clock, "web-17")

    def show(done: int, total: int) -> None:
        progress.append((done, total))

    class CrossChecker:
        async def cross_check(self, domains: Iterable[str], patience: float) -> None:
            compared.append(list(domains))

    async def run() -> Audit:
        audit, _, _ = await check(auditor, answers, policy, watch.clock, show, CrossChecker())
        return audit

    return Checked(run_async(run(), 30.0), progress, compared)


def test_progress_counts_each_name_once() -> None:
    world = World({holds("192.0.2.10/32")}, serving={at(VIP): listens(at(VIP))})
    answers = StaticResolver([*(resolves(name, ELSEWHERE) for name in NAMES), resolves(WWW, VIP)])
    audit, progress, compared = checked(world, answers, [*NAMES, WWW])
    total = len(NAMES) + 1
    assert progress == [(done, total) for done in range(1, total + 1)]
    assert (audit.complete, audit.problems, audit.findings) == (True, (), ())
    assert {one.domain for one in audit.endpoints} == {WWW}
    assert audit.statuses == {AnswerStatus.RESOLVED: total}
    (asked,) = compared
    assert asked[0] == WWW, "those that lead here come first"
    assert sorted(asked) == sorted([WWW, *NAMES]), "for applications, any other may lead here"


def test_names_without_an_answer_are_reported_in_one_line() -> None:
    """And keep no address from being held for one of them."""
    answers = StaticResolver(resolves(name, a="timed out", aaaa="timed out") for name in NAMES)
    audit, _, compared = checked(World({holds("192.0.2.10/32")}), answers, NAMES)
    assert compared == [[]], "nothing would come of it"
    assert [one.message for one in audit.problems] == [
        "n0.example.com, n1.example.com, n2.example.com and 99,997 more: A: timed out"
    ]
    assert (audit.complete, audit.findings) == (False, ())
    assert audit.statuses == {AnswerStatus.UNKNOWN: len(NAMES)}


def test_no_names() -> None:
    audit, progress, _ = checked(World({holds("192.0.2.10/32")}), StaticResolver([]), [])
    assert (audit.complete, progress) == (True, [])
    assert [one.finding.subject.key for one in audit.findings] == ["idle-vip/lo/192.0.2.10"]
