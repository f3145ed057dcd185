"""Simulates a zone, and nameservers that are slow, silent, failing or lying."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import cache
from random import Random
from typing import NamedTuple

from lowatch.config.settings import Nameserver
from lowatch.core.addresses import Address, is_v4
from lowatch.resolve.upstream.channel import Pace, Question, ReplySink
from lowatch.resolve.upstream.health import Health
from lowatch.wire.dns import Reply, ReplyKind, RRType, failure, srv_record

from .faults import Faults
from .loop import VirtualLoop
from .places import FAR, SERVICE, TARGET

SERVERS = (Nameserver("100.64.53.1"), Nameserver("100.64.53.2"))
_NEGATIVE_TTL = 300


class Record(NamedTuple):
    """The records of a name. rotates: whether each reply has only one address of a family.

    services: ports and targets of an SRV name.
    """

    addresses: tuple[Address, ...] = ()
    ttl: int = 60
    rotates: bool = False
    services: tuple[tuple[int, str], ...] = ()


class Zone:
    """records: by name; other names do not exist. changed: called after each change."""

    def __init__(self, records: dict[str, Record]) -> None:
        self.records = records
        self.changed: Callable[[], None] = lambda: None
        self._turn = 0

    def put(self, name: str, record: Record | None) -> None:
        if record is None:
            self.records.pop(name, None)
        else:
            self.records[name] = record
        self.changed()

    def reply(self, name: str, rrtype: RRType) -> Reply:
        record = self.records.get(name)
        if record is None:
            return Reply(ReplyKind.NXDOMAIN, "NXDOMAIN", ttl=_NEGATIVE_TTL)
        if rrtype is RRType.SRV:
            found = [srv_record(port, target) for port, target in record.services]
        else:
            found = [one for one in record.addresses if is_v4(one) is (rrtype is RRType.A)]
        if record.rotates and len(found) > 1:
            self._turn += 1
            found = [found[self._turn % len(found)]]
        if not found:
            return Reply(ReplyKind.NODATA, "NOERROR", ttl=_NEGATIVE_TTL)
        return Reply(ReplyKind.ADDRESSES, "NOERROR", tuple(sorted(found)), ttl=record.ttl)


class Servers:
    """Replies for each server, by its number."""

    def __init__(self, zone: Zone, faults: Faults, random: Random) -> None:
        self.zone = zone
        self._faults = faults
        self._random = random

    def answer(self, number: int, question: bytes) -> tuple[float, Reply | None]:
        """Seconds until the server's reply, and the reply; None if none comes."""
        faults, (name, rrtype) = self._faults, read_question(question)
        delay = 0.001 + 0.02 * self._random.random()
        if not faults.any:
            return delay, self.zone.reply(name, rrtype)
        if faults.has(f"dead {number}"):
            return delay, None
        delay += faults.amount(f"slow {number}") * self._random.random()
        if faults.has(f"SERVFAIL {number}") and self._random.random() < 0.8:
            return delay, failure("SERVFAIL", "the server failed")
        if faults.has(f"denies {number}"):
            return delay, Reply(ReplyKind.NXDOMAIN, "NXDOMAIN", ttl=_NEGATIVE_TTL)
        if faults.has(f"lies {number}") and rrtype is RRType.A:
            return delay, Reply(ReplyKind.ADDRESSES, "NOERROR", FAR[:1], ttl=30)
        return delay, self.zone.reply(name, rrtype)


@cache
def read_question(question: bytes) -> tuple[str, RRType]:
    """The name and the type in a question made by encode_question()."""
    labels, at = [], 0
    while length := question[at]:
        labels.append(question[at + 1 : at + 1 + length].decode())
        at += 1 + length
    return ".".join(labels), RRType(int.from_bytes(question[at + 1 : at + 3], "big"))


class SimulatedChannel:
    """Implements resolve.upstream.channel.Channel without sockets."""

    def __init__(
        self, server: Nameserver, pace: Pace, sink: ReplySink, servers: Servers, loop: VirtualLoop
    ) -> None:
        self.server = server
        self.name = str(server)
        self.health = Health()
        self._number = SERVERS.index(server)
        self._servers = servers
        self._timeout = pace.timeout
        self._sink = sink
        self._loop = loop
        self._waiting: dict[int, tuple[Question, asyncio.TimerHandle]] = {}
        self._asked = 0

    @property
    def load(self) -> int:
        return len(self._waiting)

    def ask(self, question: Question, now: float) -> None:
        if self.health.unanswered:
            self.health.note_asked(now, self._timeout)
        question.sent = now
        self._asked += 1
        delay, reply = self._servers.answer(self._number, question.section)
        if reply is None or delay >= self._timeout:
            delay, reply = self._timeout, None
        handle = self._loop.call_later(delay, self._ended, self._asked, reply)
        self._waiting[self._asked] = question, handle

    def ask_all(self, questions: Sequence[Question], now: float) -> None:
        for question in questions:
            self.ask(question, now)

    def close(self) -> list[Question]:
        for _, handle in self._waiting.values():
            handle.cancel()
        owed = [question for question, _ in self._waiting.values()]
        self._waiting.clear()
        return owed

    def _ended(self, number: int, reply: Reply | None) -> None:
        question, _ = self._waiting.pop(number)
        now = self._loop.time()
        if reply is None:
            reply = failure("TIMEOUT", f"no reply within {self._timeout:g} s")
            self.health.note_silence(now, reply.reason, sent=question.sent)
        else:
            self.health.heard = now
            if self.health.note_reply():
                self._sink.on_recovery()
        self._sink.on_reply(self, question, reply, now)
        self._sink.on_batch_over()


class SimulatedChannels:
    """Implements resolve.upstream.channel.ChannelFactory."""

    def __init__(self, servers: Servers, loop: VirtualLoop) -> None:
        self._servers = servers
        self._loop = loop

    def open(self, server: Nameserver, pace: Pace, sink: ReplySink) -> SimulatedChannel:
        return SimulatedChannel(server, pace, sink, self._servers, self._loop)


def first_records(vips: Sequence[Address]) -> dict[str, Record]:
    """The records at the beginning. Half of the names lead here."""
    www = [f"www{number}.example.com" for number in range(6)]
    return {
        www[0]: Record((vips[0],), 300),
        www[1]: Record((vips[0], vips[1]), 600),
        www[2]: Record((vips[1], vips[3]), 120),
        www[3]: Record((vips[0],), 300),
        www[4]: Record((FAR[0],), 600),
        www[5]: Record((FAR[0], FAR[2]), 600),
        SERVICE: Record((), 600, services=((5222, TARGET),)),
        TARGET: Record((vips[1],), 300),
    }
