"""The session as the sink of its channels, without a socket and on virtual time: the same each time."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random

from lowatch.config.settings import DnsSettings, Nameserver
from lowatch.core.addresses import parse_address
from lowatch.core.answers import AnswerStatus
from lowatch.resolve.engine import Engine
from lowatch.wire.dns import Reply, ReplyKind, failure
from tests.support.changed_domains import ChangedDomains
from tests.support.virtual_time import LoopClock, run_virtually
from tests.unit.resolve.scripted_channels import ScriptedChannel, ScriptedChannels

WWW = "www.example.com"
FOUND = Reply(ReplyKind.ADDRESSES, "NOERROR", (parse_address("192.0.2.10"),), ttl=60)
NODATA = Reply(ReplyKind.NODATA, "NOERROR", ttl=60)


def due_times(seed: int) -> list[float]:
    """When a name is asked for in ten minutes, from the first reply on."""

    async def scenario() -> list[float]:
        loop, times = asyncio.get_running_loop(), list[float]()
        channels, changes = ScriptedChannels(), ChangedDomains()
        settings = DnsSettings(nameservers=(Nameserver("192.0.2.53"),))
        engine = Engine(
            [WWW], settings, LoopClock(), None, Path("/nowhere"), channels=channels, random=Random(seed)
        )
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(engine.run(changes))
            await asyncio.sleep(0.01)
            [channel] = channels.opened
            end = loop.time() + 600
            while loop.time() < end:
                while channel.asked:
                    times.append(loop.time())
                    is_a = channel.asked[0].section[-4:-2] == b"\0\1"
                    channel.reply(FOUND if is_a else NODATA, loop.time())
                await asyncio.sleep(1)
            assert engine.answer(WWW).addresses == FOUND.addresses
            assert changes == [WWW, WWW]  # its A and its AAAA, once each
            running.cancel()
        return times

    return run_virtually(scenario())


def test_a_seed_decides_when_names_are_asked_for_again() -> None:
    times = due_times(1)
    assert times == due_times(1)
    assert times != due_times(2)
    assert len(times) > 15


def test_a_failure_is_an_outcome_and_is_asked_for_again() -> None:
    async def scenario() -> None:
        loop, channels, changes = asyncio.get_running_loop(), ScriptedChannels(), ChangedDomains()
        settings = DnsSettings(nameservers=(Nameserver("192.0.2.53"),))
        engine = Engine([WWW], settings, LoopClock(), None, Path("/nowhere"), channels=channels)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(engine.run(changes))
            await asyncio.sleep(0.01)
            channel: ScriptedChannel = channels.opened[0]
            for _ in range(2):
                channel.reply(failure("SERVFAIL", "SERVFAIL"), loop.time())
            await engine.settled()
            assert engine.answer(WWW).status is AnswerStatus.UNKNOWN
            await asyncio.sleep(3)
            assert channel.load == 2
            assert [beat.busy for beat in engine.heartbeats()] == [True]
            running.cancel()

    run_virtually(scenario())
