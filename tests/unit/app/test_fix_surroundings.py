"""Fixes follow what is true now, and what they depend on is asked for only where there is one to offer."""

from __future__ import annotations

import pytest

from lowatch.core.findings import FindingKind
from tests.unit.app.scripted import ScriptedHost, at, holds, listens, policy_of, resolves, serves
from tests.unit.app.story import SECOND, SHOP, VIP, WWW, Story, world

REMOVAL = ("ip address del 192.0.2.10/32 dev lo",)


def fixes(story: Story, kind: FindingKind = FindingKind.ORPHAN_VIP) -> list[tuple[str, ...]]:
    found = story.look().findings
    return [one.finding.fix for one in found if one.finding.subject.kind is kind]


def test_a_fix_goes_when_somebody_else_comes_to_be_served_there() -> None:
    story = Story(world(), policy_of(serves("80"), serves("8080", SHOP), hold=0.0))
    story.world.answers[SHOP] = resolves(SHOP, SECOND)
    assert fixes(story) == [REMOVAL]
    story.world.answers[SHOP] = resolves(SHOP, VIP)
    story.world.serving[at(VIP, "8080")] = listens(at(VIP, "8080"))
    assert fixes(story) == [()]
    story.world.answers[SHOP] = resolves(SHOP, a="SERVFAIL")
    assert fixes(story) == [()]
    story.world.answers[SHOP] = resolves(SHOP, SECOND)
    assert fixes(story) == [REMOVAL]


def test_a_socket_that_is_bound_there_counts_from_the_next_look_at_the_host() -> None:
    story = Story(world())
    assert fixes(story) == [REMOVAL]
    story.world.bound = frozenset({VIP})
    assert fixes(story) == [()]


def test_an_expected_address_that_would_make_an_orphan_is_not_offered() -> None:
    story = Story(world(), policy_of(serves("80"), hold=0.0, expect=(SECOND,)))
    story.world.serving[at(VIP)] = listens(at(VIP))
    assert fixes(story, FindingKind.MISSING_VIP) == [("ip address add 192.0.2.20/32 dev lo",)]
    story.world.answers[WWW] = resolves(WWW, VIP, SECOND)
    assert fixes(story, FindingKind.MISSING_VIP) == [()]


def test_nothing_is_asked_where_nothing_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    ask = ScriptedHost.surroundings
    monkeypatch.setattr(ScriptedHost, "surroundings", lambda self: asked.append(1) or ask(self))
    story = Story(world())
    story.world.serving[at(VIP)] = listens(at(VIP))
    story.look()
    assert not asked
    story.world.held.add(holds("192.0.2.77/32"))
    story.world.serving.clear()
    assert fixes(story) == [REMOVAL]
    assert len(asked) == 1


def test_sockets_are_listed_once_for_fixes_and_idle_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    ask = ScriptedHost.sockets
    monkeypatch.setattr(ScriptedHost, "sockets", lambda self: asked.append(1) or ask(self))
    story = Story(world())
    story.world.held.add(holds("192.0.2.77/32"))
    assert fixes(story, FindingKind.IDLE_VIP) == [("ip address del 192.0.2.77/32 dev lo",)]
    assert len(asked) == 1
    story.world.bound = frozenset({VIP})
    assert fixes(story) == [()]
    assert len(asked) == 2
