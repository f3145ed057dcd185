"""The daemon and its confirming connects: what is under way at a reload, and what readiness waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from lowatch.core.listeners import Connect, ConnectOutcome, Endpoint, LateAnswers
from tests.support import virtual_time
from tests.support.virtual_time import run_virtually
from tests.unit.app.scripted import World, holds, policy_of, resolves, serves
from tests.unit.app.test_daemon import HOLD, START, VIP, WWW, Story, told

TAKES = 0.05
"""Seconds until connect() returns."""
SILENCE = 3.4
"""Seconds after which a connect that was dropped has an outcome."""


@pytest.fixture(autouse=True)
def nothing_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(virtual_time, "_DELIVERY", 0.0)


class Met:
    """Implements app.ports.Prober. made: when each connect was made, in seconds since the start."""

    def __init__(self, outcome: ConnectOutcome) -> None:
        self._outcome = outcome
        self.made: list[float] = []

    async def connect(self, endpoints: Sequence[Endpoint], late: LateAnswers) -> list[ConnectOutcome]:
        loop = asyncio.get_running_loop()
        self.made += [loop.time() - START] * len(endpoints)
        await asyncio.sleep(TAKES)
        if self._outcome is Connect.PENDING:
            for one in endpoints:
                loop.call_later(SILENCE, late.connect_answered, one, Connect.TIMED_OUT)
        return [self._outcome] * len(endpoints)


@pytest.mark.parametrize("outcome", [Connect.REFUSED, Connect.PENDING])
def test_after_a_reload_without_probing_no_connect_is_made(outcome: Connect) -> None:
    """Not even again to where one was under way."""
    met = Met(outcome)
    off = policy_of(serves("80"), hold=HOLD, probe=False)
    reloaded = 5.0 + TAKES / 2
    story = told(
        [(5.0, Story.listener_gone), (reloaded, lambda story: story.daemon.replace_policy(off))],
        60.0,
        prober=met,
    )
    assert len(met.made) == 1
    assert story.said == [(reloaded + HOLD, "orphan-vip firing")]


def test_an_audit_that_began_before_such_a_reload_asks_for_none() -> None:
    met = Met(Connect.REFUSED)
    off = policy_of(serves("80"), hold=HOLD, probe=False)

    def happens(story: Story) -> None:
        story.listener_gone()
        asyncio.get_running_loop().call_soon(story.daemon.replace_policy, off)

    story = told([(5.0, happens)], 60.0, prober=met)
    assert [when for when in met.made if when > 5.0 + TAKES] == []
    assert story.said == [(25.0, "orphan-vip firing")]


@pytest.mark.parametrize("outcome", [Connect.REFUSED, Connect.PENDING])
def test_ready_as_soon_as_the_connects_have_been_made(outcome: Connect) -> None:
    """Though the firewall drops one, so that nobody answers it."""

    async def run() -> tuple[bool, bool]:
        world = World(held={holds("192.0.2.10/32")}, answers={WWW: resolves(WWW, VIP)})
        story = Story(world, policy_of(serves("80"), hold=HOLD), prober=Met(outcome))
        async with asyncio.TaskGroup() as group:
            task = group.create_task(story.daemon.run())
            await asyncio.sleep(TAKES / 2)
            before = story.daemon.ready
            await asyncio.sleep(SILENCE / 4)
            task.cancel()
        return before, story.daemon.ready

    assert run_virtually(run()) == (False, True)


@pytest.mark.parametrize("outcome", [Connect.REFUSED, Connect.ACCEPTED])
def test_a_reload_leaves_what_is_known_until_the_next_connect_has_been_made(outcome: Connect) -> None:
    met = Met(outcome)

    async def run() -> set[str]:
        world = World(held={holds("192.0.2.10/32")}, answers={WWW: resolves(WWW, VIP)})
        story = Story(world, policy_of(serves("80"), hold=HOLD), prober=met)
        seen = set()
        async with asyncio.TaskGroup() as group:
            task = group.create_task(story.daemon.run())
            await asyncio.sleep(30.0)
            made = len(met.made)
            story.daemon.replace_policy(policy_of(serves("80"), hold=HOLD))
            for _ in range(100):
                await asyncio.sleep(TAKES / 50)
                assert story.daemon.audit is not None
                seen |= {str(one.verdict) for one in story.daemon.audit.endpoints}
            assert len(met.made) > made
            task.cancel()
        return seen

    assert run_virtually(run()) == {"orphan" if outcome is Connect.REFUSED else "redirected"}


def test_an_orphan_fires_while_lo_is_down_and_all_connects_are_silent() -> None:
    """Nothing else than silence is to be expected then: it confirms the orphan."""

    def lo_down(story: Story) -> None:
        story.listener_gone()
        story.world.lo_up = False
        story.blind(False)

    story = told([(5.0, lo_down)], 60.0, prober=Met(Connect.TIMED_OUT))
    assert sorted(story.said) == [(25.0, "holder-down firing"), (25.0, "orphan-vip firing")]
    assert len(story.audits) < 60
