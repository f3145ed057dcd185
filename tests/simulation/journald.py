"""Simulates journald, which may be away or full, and reads the entries that it takes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import NamedTuple

from lowatch.report.alert.entry import FOLDED
from lowatch.service.journal.socket import SendResult

from .faults import Faults
from .loop import VirtualLoop


class Word(NamedTuple):
    """One entry, or one row of a summary: the state of one finding."""

    kind: str
    interface: str
    address: str
    prefixlen: str
    domain: str
    port: str
    state: str
    since: str


class Journald:
    """listens: False while lowatch does not run. wrote: called with each Word of an entry."""

    def __init__(self, loop: VirtualLoop, faults: Faults) -> None:
        self._loop = loop
        self._faults = faults
        self.listens = False
        self.wrote: Callable[[Word], None] = lambda _: None

    def take(self, datagram: bytes) -> SendResult:
        if not self.listens or self._faults.has("journald away"):
            return SendResult.ABSENT
        if self._faults.has("journald full"):
            return SendResult.FULL
        for word in _words(_decoded(datagram)):
            self.wrote(word)
        return SendResult.SENT

    def await_room(self, writable: Callable[[], None]) -> asyncio.TimerHandle:
        return self._loop.call_at(max(self._faults.until("journald full"), self._loop.time()), writable)


class SimulatedJournalSocket:
    """Implements service.journal.sink.Journal."""

    def __init__(self, journald: Journald) -> None:
        self._journald = journald
        self._waiting: asyncio.TimerHandle | None = None

    def send(self, datagram: bytes) -> SendResult:
        return self._journald.take(datagram)

    def await_room(self, writable: Callable[[], None]) -> None:
        self.await_nothing()
        self._waiting = self._journald.await_room(writable)

    def await_nothing(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def close(self) -> None:
        self.await_nothing()


def _decoded(datagram: bytes) -> dict[str, str]:
    """The fields of journald's native protocol."""
    fields, at = {}, 0
    while at < len(datagram):
        end = datagram.index(b"\n", at)
        name, equals, value = datagram[at:end].partition(b"=")
        at = end + 1
        if not equals:
            length = int.from_bytes(datagram[at : at + 8], "little")
            value = datagram[at + 8 : at + 8 + length]
            at += 8 + length + 1
        fields[name.decode()] = value.decode()
    return fields


def _words(fields: dict[str, str]) -> Iterator[Word]:
    if FOLDED not in fields:
        yield _word(fields)
        return
    for line in fields[FOLDED].splitlines():
        row = {f"LOWATCH_{name.upper()}": str(value) for name, value in json.loads(line).items()}
        yield _word({**fields, **row})


def _word(fields: dict[str, str]) -> Word:
    port = fields["LOWATCH_PORT"] and f"{fields['LOWATCH_PORT']}/{fields['LOWATCH_PROTOCOL']}"
    return Word(
        fields["LOWATCH_KIND"],
        fields["LOWATCH_INTERFACE"],
        fields["LOWATCH_ADDRESS"],
        fields["LOWATCH_PREFIXLEN"],
        fields["LOWATCH_DOMAIN"],
        port,
        fields["LOWATCH_STATE"],
        fields["LOWATCH_SINCE"],
    )
