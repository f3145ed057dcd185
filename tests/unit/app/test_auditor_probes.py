"""The confirming connect: when it is made, how long it is believed, and what may come in between."""

from __future__ import annotations

import pytest

from lowatch.core.audit import Audit
from lowatch.core.findings import FindingKind
from tests.unit.app.scripted import (
    World,
    at,
    holds,
    listens,
    policy_of,
    resolves,
    serves,
)
from tests.unit.app.story import SECOND, SHOP, VIP, WWW, Story, world


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ("nobody", "redirected", "redirected"),
        ("redirected", "nobody", "orphan"),
        ("nobody", "served", "served"),
        ("redirected", "served", "served"),
    ],
)
def test_what_a_connect_met_is_believed_for_a_minute(before: str, after: str, verdict: str) -> None:
    story = Story(world())
    scene(story.world, before)
    story.look()
    scene(story.world, after)
    for _ in range(3):
        audit = story.look()
    assert [one.verdict for one in audit.endpoints] == [verdict]


def scene(now: World, who: str) -> None:
    now.redirected = {at(VIP)} if who == "redirected" else set()
    now.serving.pop(at(VIP), None)
    if who == "served":
        now.serving[at(VIP)] = listens(at(VIP))


def test_only_orphans_are_confirmed_and_only_once() -> None:
    """Each completed connect takes a slot of somebody's accept queue."""
    story = Story(world(VIP, SECOND), policy_of(serves("80"), serves("80", SHOP), hold=0.0))
    story.world.answers[SHOP] = resolves(SHOP, VIP)
    story.world.serving[at(SECOND)] = listens(at(SECOND))
    story.look()
    assert story.probed == [at(VIP)]
    story.look()
    assert story.probed == [at(VIP)]


def test_where_probing_is_off_nothing_is_probed() -> None:
    story = Story(world(), policy_of(serves("80"), hold=0.0, probe=False))
    story.look()
    assert story.probed == []
    assert FindingKind.ORPHAN_VIP in {one.finding.subject.kind for one in story.last.tracked.values()}


def with_a_neighbour() -> Story:
    """Beside www another domain, well served: a sweep asks about both at once."""
    story = Story(world(), policy_of(serves("80"), serves("80", SHOP), hold=0.0))
    story.world.held.add(holds("192.0.2.20/32"))
    story.world.answers[SHOP] = resolves(SHOP, SECOND)
    story.world.serving[at(SECOND)] = listens(at(SECOND))
    return story


def verdict(audit: Audit) -> str:
    """Of www."""
    return next(one.verdict for one in audit.endpoints if one.domain == WWW)


@pytest.mark.parametrize("told", [True, False], ids=["an event tells", "the next sweep finds out"])
def test_a_service_that_comes_back_while_it_is_probed(told: bool) -> None:
    """The connect is accepted, and yet no redirection: when it goes again, it is an orphan at once."""
    story = with_a_neighbour()
    story.during = lambda: scene(story.world, "served")
    assert verdict(story.look()) == "served"
    story.during = lambda: None
    scene(story.world, "nobody")
    if told:
        story.auditor.mark_socket(VIP, 80)
        _, judgement = story.audit()
    else:
        _, judgement = story.sweep()
    assert [one.verdict for one in judgement.domains[WWW].endpoints] == ["orphan"]


def test_what_was_seen_between_two_sweeps_that_saw_the_same() -> None:
    """Nobody, then (an event) somebody, then (unheard) nobody again: the sweep's answers did not change."""
    story = with_a_neighbour()
    assert verdict(story.look()) == "orphan"
    scene(story.world, "served")
    story.auditor.mark_domain(WWW)
    _, judgement = story.audit()
    assert [one.verdict for one in judgement.domains[WWW].endpoints] == ["served"]
    scene(story.world, "nobody")
    assert verdict(story.look()) == "orphan"


def test_a_redirection_that_a_service_replaced() -> None:
    """Once a socket was there, what a connect met before it says nothing any more."""
    story = Story(world())
    scene(story.world, "redirected")
    assert [one.verdict for one in story.look().endpoints] == ["redirected"]
    story.clock.monotonic -= 30.0
    scene(story.world, "served")
    assert [one.verdict for one in story.look().endpoints] == ["served"]
    story.clock.monotonic -= 30.0
    scene(story.world, "nobody")
    assert [one.verdict for one in story.look().endpoints] == ["orphan"]
