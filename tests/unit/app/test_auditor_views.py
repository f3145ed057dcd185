"""Names that /etc/hosts, DNS and getaddrinfo know differently, from audit to audit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lowatch.app.domain_observation import is_own_name
from lowatch.core.addresses import parse_address
from lowatch.core.answers import Answer, AnswerStatus, OtherView, RRset, View
from lowatch.core.lifecycle import FindingState
from tests.unit.app.scripted import World, at, holds, listens, policy_of, resolves, seen_as, serves
from tests.unit.app.story import VIP, WWW, Story

ELSEWHERE = parse_address("198.51.100.7")
DISAGREE = "views-disagree/lo/192.0.2.10/www.example.com"
OVERRIDDEN = seen_as(resolves(WWW, ELSEWHERE), (View.DNS, [VIP]), view=View.HOSTS)
KEPT = Answer(WWW, RRset(AnswerStatus.STALE, (ELSEWHERE,), reason="timed out"), RRset(AnswerStatus.NODATA))
AGREED = seen_as(resolves(WWW, VIP), (View.DNS, [VIP]), view=View.HOSTS)


def story(answer: Answer) -> Story:
    """The address is held, and something is bound to it: whatever names it, it is not idle."""
    world = World({holds("192.0.2.10/32")}, answers={WWW: answer}, bound=frozenset({VIP}))
    world.serving[at(VIP)] = listens(at(VIP))
    told = Story(world)
    told.look()
    return told


def test_dns_leads_here_and_etc_hosts_elsewhere() -> None:
    """Nothing that applications get is local: no endpoint, no series, and yet the finding."""
    told = story(OVERRIDDEN)
    assert told.firing == [DISAGREE]
    audit = told.look()
    assert (audit.endpoints, told.series, audit.complete) == ((), {}, True)
    told.world.answers[WWW] = AGREED
    told.auditor.mark_domain(WWW)
    _, judgement = told.audit()
    assert judgement.findings == ()
    assert [one.view for one in judgement.domains[WWW].endpoints] == [View.HOSTS]


def test_an_address_that_only_dns_gives_is_not_idle() -> None:
    """Whoever asks DNS gets there."""
    told = story(OVERRIDDEN)
    told.world.bound = frozenset()
    told.look()
    told.look()
    assert told.firing == [DISAGREE]


def test_it_comes_and_goes_with_the_address() -> None:
    told = story(OVERRIDDEN)
    told.world.held.clear()
    assert (told.look().complete, told.firing) == (True, [])
    told.world.held.add(holds("192.0.2.10/32"))
    told.host.hear()
    told.auditor.mark_prefix(holds("192.0.2.10/32").prefix)
    _, judgement = told.audit()
    assert [one.subject.key for one in judgement.findings] == [DISAGREE]


@pytest.mark.parametrize(
    "silent",
    [
        replace(OVERRIDDEN, others=(OtherView(View.DNS, None, "timed out"),)),
        replace(OVERRIDDEN, others=(OtherView(View.DNS, (ELSEWHERE,), "timed out"),)),
        resolves(WWW, a="SERVFAIL"),
        seen_as(KEPT, (View.GETADDRINFO, [VIP])),
    ],
    ids=["the other view is unknown", "it is kept from before", "the name is unknown", "it is stale"],
)
def test_what_is_not_known_neither_raises_nor_clears_it(silent: Answer) -> None:
    """Even where nothing that is known leads here any more."""
    assert story(silent).firing == []
    told = story(OVERRIDDEN)
    told.world.answers[WWW] = silent
    for _ in range(3):
        audit = told.look()
        assert (told.firing, told.last.announcements) == ([DISAGREE], ())
    assert audit.problems
    told.world.answers[WWW] = AGREED
    told.look()
    assert [(one.state, told.firing) for one in told.last.announcements] == [(FindingState.RESOLVED, [])]


def test_the_locality_of_what_only_dns_gives_cannot_be_asked() -> None:
    told = story(OVERRIDDEN)
    told.world.no_route.add(VIP)
    audit = told.look()
    assert (told.firing, audit.complete) == ([DISAGREE], False)
    assert [one.message for one in audit.problems] == [f"{WWW}: netlink: the receive buffer overran"]


def test_the_hosts_own_name_may_be_a_loopback_address() -> None:
    """As Debian's installer has it. Any other name that is cut short so is worth a word."""
    loopback = parse_address("127.0.1.1")
    for name, said in (("web-17.example.com", []), (WWW, [f"views-disagree/lo/127.0.1.1/{WWW}"])):
        answer = seen_as(resolves(name, loopback), (View.DNS, [ELSEWHERE]), view=View.HOSTS)
        world = World({holds("127.0.0.1/8")}, answers={name: answer})
        world.serving[at(loopback)] = listens(at(loopback))
        told = Story(world, policy_of(serves("80", name), hold=0.0))
        told.look()
        assert [key for key in told.firing if key.startswith("views")] == said


@pytest.mark.parametrize(
    ("domain", "hostname", "own"),
    [
        ("web-17.example.com", "web-17", True),
        ("web-17", "web-17", True),
        ("web-17.example.com", "WEB-17.example.com", True),
        ("web-17.example.org", "web-17.example.com", False),
        ("web-170.example.com", "web-17", False),
        ("example.com", "web-17.example.com", False),
        ("www.example.com", "", False),
    ],
)
def test_own_names(domain: str, hostname: str, own: bool) -> None:
    assert is_own_name(domain, hostname) is own
