"""Channels without sockets that answer at once: hours of queries for hundreds of names in a second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from lowatch.config.settings import DnsSettings, Nameserver
from lowatch.core.addresses import NO_LOCAL_PREFIXES, LocalPrefixes, parse_address
from lowatch.core.held import Held
from lowatch.core.known import Known
from lowatch.resolve.engine import Engine
from lowatch.resolve.upstream.channel import Pace, ReplySink
from lowatch.wire.dns import Reply, ReplyKind
from tests.support.changed_domains import ChangedDomains
from tests.support.virtual_time import LoopClock
from tests.unit.resolve.scripted_channels import ScriptedChannel

SERVER = Nameserver("192.0.2.53")
NODATA = Reply(ReplyKind.NODATA, "NOERROR", ttl=60)


def addresses(*texts: str, ttl: int = 60) -> Reply:
    return Reply(ReplyKind.ADDRESSES, "NOERROR", tuple(sorted(map(parse_address, texts))), ttl=ttl)


ELSEWHERE = addresses("198.51.100.1")


def held(*texts: str) -> Known[tuple[Held, ...]]:
    return Known(
        tuple(Held(parse_address(one), 128 if ":" in one else 32, "lo") for one in ("127.0.0.1", *texts))
    )


class Asked(NamedTuple):
    """at: seconds since the engine was started. rrtype: 1 for A, 28 for AAAA, 33 for SRV."""

    at: float
    name: str
    rrtype: int


class Answers:
    """A ChannelFactory. asked: every question, in order.

    replies: by name (but AAAA), or by name and type; None: no reply. All others are ELSEWHERE or NODATA.
    """

    def __init__(self) -> None:
        self.replies: dict[str | tuple[str, int], Reply | None] = {}
        self.asked: list[Asked] = []
        self.began = asyncio.get_running_loop().time()

    def open(self, server: Nameserver, pace: Pace, sink: ReplySink) -> ScriptedChannel:
        return _AnsweringChannel(server, pace, sink, self)

    def reply_to(self, name: str, rrtype: int) -> Reply | None:
        other = ELSEWHERE if rrtype == 1 else NODATA
        if (name, rrtype) in self.replies:
            return self.replies[name, rrtype]
        return self.replies.get(name, other) if rrtype != 28 else other

    def times(self, name: str, rrtype: int = 1) -> list[float]:
        return [one.at for one in self.asked if (one.name, one.rrtype) == (name, rrtype)]

    def since(self, at: float) -> Sequence[Asked]:
        return [one for one in self.asked if one.at >= at]


class _AnsweringChannel(ScriptedChannel):
    def __init__(self, server: Nameserver, pace: Pace, sink: ReplySink, answers: Answers) -> None:
        super().__init__(server, pace, sink)
        self._answers = answers

    def ask_all(self, questions: Sequence[Any], now: float) -> None:
        loop = asyncio.get_running_loop()
        for question in questions:
            name, rrtype = _read(question.section)
            self._answers.asked.append(Asked(now - self._answers.began, name, rrtype))
            reply = self._answers.reply_to(name, rrtype)
            if reply is not None:
                loop.call_soon(self._sink.on_reply, self, question, reply, loop.time())
        loop.call_soon(self._sink.on_batch_over)


def _read(section: bytes) -> tuple[str, int]:
    labels, at = [], 0
    while section[at]:
        labels.append(section[at + 1 : at + 1 + section[at]].decode())
        at += 1 + section[at]
    return ".".join(labels), int.from_bytes(section[at + 1 : at + 3], "big")


class Guarded(NamedTuple):
    """An engine that runs as a daemon's does, and what it was told and has asked."""

    engine: Engine
    answers: Answers
    clock: LoopClock
    changed: ChangedDomains

    async def until(self, at: float) -> None:
        """Wait until so many seconds after the start."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self.answers.began + at - loop.time())


@asynccontextmanager
async def guarded(
    domains: Iterable[str],
    replies: Mapping[str | tuple[str, int], Reply | None] | None = None,
    *,
    local: LocalPrefixes = NO_LOCAL_PREFIXES,
    seed: int = 1,
    guarded: bool = True,
    **settings: float,
) -> AsyncIterator[Guarded]:
    answers, clock, changed = Answers(), LoopClock(), ChangedDomains()
    answers.replies.update(replies or {})
    engine = Engine(
        domains,
        DnsSettings((SERVER,), **settings),  # type: ignore[arg-type]
        clock,
        None,
        Path("/nowhere"),
        local=local,
        guarded=guarded,
        channels=answers,
        random=Random(seed),
    )
    engine.follow_held(held())
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(engine.run(changed))
        try:
            await engine.settled()
            yield Guarded(engine, answers, clock, changed)
        finally:
            task.cancel()
