"""The audits' heartbeat: however long one takes, it is at work; and one that hangs is not."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from lowatch.app import confirming_connects, local_domains
from lowatch.core.addresses import Address
from lowatch.core.listeners import Connect, ConnectOutcome, Endpoint, LateAnswers
from lowatch.core.liveness import Liveness, LivenessMonitor
from tests.support import virtual_time
from tests.support.virtual_time import run_virtually
from tests.unit.app import test_daemon
from tests.unit.app.scripted import World, holds, policy_of, resolves, serves
from tests.unit.app.test_daemon import Story

ORPHANS = 100
LOOK_EVERY = 5.0


class SlowProber:
    """Implements app.ports.Prober, behind a firewall that drops. takes: seconds for each connect."""

    def __init__(self, takes: float) -> None:
        self._takes = takes

    async def connect(self, endpoints: Sequence[Endpoint], late: LateAnswers) -> list[ConnectOutcome]:
        await asyncio.sleep(self._takes)
        return [Connect.TIMED_OUT] * len(endpoints)


async def closest(connect_takes: float, seconds: float) -> Liveness:
    """Of all looks at a host of orphans, behind a firewall that drops, the one closest to its limit."""
    names = [f"n{number}.example.com" for number in range(ORPHANS)]
    addresses = [Address(bytes([192, 0, 2, number])) for number in range(ORPHANS)]
    world = World(
        held={holds(f"192.0.2.{number}/32") for number in range(ORPHANS)},
        answers={name: resolves(name, address) for name, address in zip(names, addresses, strict=True)},
    )

    policy = policy_of(*(serves("80", name) for name in names), hold=0.0)
    story = Story(world, policy, prober=SlowProber(connect_takes))
    monitor, loop, looks = LivenessMonitor(), asyncio.get_running_loop(), list[Liveness]()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(story.daemon.run())
        end = loop.time() + seconds
        while loop.time() < end:
            looks += monitor.look(story.daemon.heartbeats(), loop.time())
            await asyncio.sleep(LOOK_EVERY)
        task.cancel()
    return max(looks, key=lambda liveness: liveness.silent - liveness.limit)


@pytest.fixture(autouse=True)
def each_domain_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing from outside to be waited for: time may jump at once. Orphans are polled all the time."""
    monkeypatch.setattr(test_daemon, "TOO_MANY", 50_000)
    monkeypatch.setattr(local_domains, "_CHUNK", 1)
    monkeypatch.setattr(confirming_connects, "_AT_ONCE", 1)
    monkeypatch.setattr(virtual_time, "_DELIVERY", 0.0)


def test_an_audit_of_minutes_is_at_work() -> None:
    assert not run_virtually(closest(connect_takes=2.0, seconds=300)).stuck


def test_one_that_hangs_is_not() -> None:
    assert run_virtually(closest(connect_takes=1e5, seconds=300)).stuck
