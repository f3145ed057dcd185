"""A socket at journald's place: one that reads, or not, or is not there; and a sink to write to it."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lowatch.core.clock import Now
from lowatch.core.findings import Finding, FindingKind, Subject
from lowatch.core.lifecycle import (
    FindingState,
    Tracked,
)
from lowatch.service.journal.sink import JournalSink
from lowatch.service.journal.socket import JournalSocket

NOW = Now(monotonic=5000.0, wall=1795403527.0)

AT_ONCE = 5.0
"""Seconds that no call may take: far more than it needs on a busy host, and it would block for ever."""


def alarm(number: int) -> Tracked:
    """The number is its domain's, by which a test knows it again."""
    subject = Subject(FindingKind.ORPHAN_VIP, "lo", domain=str(number))
    return Tracked(Finding(subject, f"nothing serves {number}"), FindingState.FIRING, NOW.wall, 0.0)


def decode(datagram: bytes) -> dict[str, str]:
    """The native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL), read as journald reads it."""
    fields = {}
    while datagram:
        line, _, datagram = datagram.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            length = int.from_bytes(datagram[:8], "little")
            value, newline, datagram = (
                datagram[8 : 8 + length],
                datagram[8 + length : 9 + length],
                datagram[9 + length :],
            )
            assert newline == b"\n"
        fields[name.decode()] = value.decode()
    return fields


def numbers(entry: dict[str, str]) -> list[int]:
    """Of the alert that an entry is, or of all those that it stands for."""
    if "LOWATCH_FOLDED" not in entry:
        return [int(entry["LOWATCH_DOMAIN"])]
    return [int(json.loads(line)["domain"]) for line in entry["LOWATCH_FOLDED"].splitlines()]


def received(bound: socket.socket) -> bytes:
    """An entry: the datagram, or what is in the memory file that came with an empty one."""
    data, descriptors, _, _ = socket.recv_fds(bound, 1 << 20, 1)
    for descriptor in descriptors:
        with os.fdopen(descriptor, "rb") as file:
            file.seek(0)
            data += file.read()
    return data


class Journald:
    """A socket at journald's place."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket: socket.socket | None = None
        self.appear()

    def appear(self) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(str(self.path))

    def disappear(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
            self.path.unlink()

    def read(self) -> list[int]:
        """The numbers of the alerts that are there now, those in summaries too."""
        return [number for each in self.entries() for number in numbers(each)]

    def entries(self) -> list[dict[str, str]]:
        assert self._socket is not None
        found = []
        while True:
            try:
                found.append(decode(received(self._socket)))
            except BlockingIOError:
                return found

    async def read_until(self, enough: Callable[[list[int]], bool]) -> list[int]:
        """The numbers that arrive, in order, until they are enough."""
        assert self._socket is not None
        loop, found = asyncio.get_running_loop(), self.read()
        while not enough(found):
            found += numbers(decode(await loop.sock_recv(self._socket, 1 << 20)))
        return found


def journal_sink(path: Path, **options: Any) -> JournalSink:
    """On the running loop, with journald's socket at that path."""
    loop = asyncio.get_running_loop()
    return JournalSink(loop, socket=JournalSocket(loop, str(path)), **options)


class Sink:
    """A JournalSink on the running loop whose every call is timed."""

    def __init__(self, path: Path, **options: Any) -> None:
        self.inner = journal_sink(path, **options)

    def announce(self, *numbers: int) -> None:
        for number in numbers:
            with at_once():
                self.inner.announce(alarm(number), NOW)

    def close(self) -> None:
        with at_once():
            self.inner.flush()
            self.inner.close()


@contextmanager
def at_once() -> Iterator[None]:
    started = time.monotonic()
    yield
    assert time.monotonic() - started < AT_ONCE
