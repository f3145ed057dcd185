"""Clients inside the world: each makes a connect() to an endpoint or sends a datagram, and has a result."""

from __future__ import annotations

import errno
import os
import select
import socket
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from enum import StrEnum
from typing import NamedTuple
from typing import Protocol as Interface

from .stage import Opened
from .world import Protocol, whom

SHORT = 0.04
"""Seconds. On loopback an answer is there when connect() returns, or never comes."""
LONG = 3.0
"""Seconds to wait for an answer that must come. A busy machine must not look like a disagreement."""


class Met(StrEnum):
    TAKEN = "taken"
    REFUSED = "refused"
    SILENCE = "silence"
    NOT_SENT = "not sent"
    """Routing refused, so nothing arrived anywhere."""


class Target(NamedTuple):
    address: str
    port: int
    protocol: Protocol


class ClientResult(NamedTuple):
    """taker: the test's socket that accepted the client. said: the error, for the report."""

    met: Met
    taker: Opened | None = None
    said: str = ""

    def __str__(self) -> str:
        taker = f" by socket {self.taker.number}, inode {self.taker.inode}" if self.taker else ""
        return f"{self.met}{taker}{f' ({self.said})' if self.said else ''}"


class _Attempt(Interface):
    def outcome(self) -> ClientResult | None:
        """The result; None while there is no answer."""


def meet(
    opened: Sequence[Opened], targets: Iterable[Target], patient: frozenset[Target]
) -> dict[Target, ClientResult]:
    """The result of a client at each target. patient: targets that must answer, however long it takes."""
    with ExitStack() as stack:
        arrivals = stack.enter_context(_Arrivals(opened))
        outcomes: dict[Target, ClientResult] = {}
        silent: dict[Target, _Attempt] = {}
        for target in targets:
            kind = _Connect if target.protocol == "tcp" else _Datagram
            client = stack.enter_context(_client(target))
            attempt = kind(client, target, arrivals)
            outcome = attempt.outcome()
            if outcome is None:
                silent[target] = attempt
            else:
                outcomes[target] = outcome
        outcomes.update(_wait(silent, patient))
        return outcomes


def _wait(
    silent: dict[Target, _Attempt], patient: frozenset[Target]
) -> Iterator[tuple[Target, ClientResult]]:
    """Waits for all silent targets together."""
    started = time.monotonic()
    while silent:
        left = started + (LONG if silent.keys() & patient else SHORT) - time.monotonic()
        for target, attempt in list(silent.items()):
            outcome = attempt.outcome()
            if outcome is not None or left <= 0:
                del silent[target]
                yield target, outcome or ClientResult(Met.SILENCE)
        if silent:
            select.select([], [], [], min(SHORT, max(left, 0)) / 4)


def _client(target: Target) -> socket.socket:
    family = socket.AF_INET6 if ":" in target.address else socket.AF_INET
    kind = socket.SOCK_STREAM if target.protocol == "tcp" else socket.SOCK_DGRAM
    return socket.socket(family, kind | socket.SOCK_NONBLOCK)


class _Connect:
    def __init__(self, client: socket.socket, target: Target, arrivals: _Arrivals) -> None:
        self._client = client
        self._arrivals = arrivals
        self._error = client.connect_ex((target.address, target.port))

    def outcome(self) -> ClientResult | None:
        if self._error == errno.EINPROGRESS:
            if not _ready(self._client, select.POLLOUT):
                return None
            self._error = self._client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if self._error:
            return _failure(self._error)
        return ClientResult(Met.TAKEN, self._arrivals.connection(_name(self._client.getsockname())))


class _Datagram:
    _count = 0

    def __init__(self, client: socket.socket, target: Target, arrivals: _Arrivals) -> None:
        _Datagram._count += 1
        self._text = f"datagram {_Datagram._count}".encode()
        self._client = client
        self._arrivals = arrivals
        self._error = 0
        try:
            client.connect((target.address, target.port))
            client.send(self._text)
        except OSError as error:
            self._error = error.errno or 0

    def outcome(self) -> ClientResult | None:
        if self._error:
            return _failure(self._error)
        error = self._client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:  # the error from the ICMP message
            return _failure(error)
        taker = self._arrivals.datagram(self._text)
        return None if taker is None else ClientResult(Met.TAKEN, taker)


class _Arrivals:
    """Finds which of the test's sockets took a client, by accepting and receiving on all of them."""

    def __init__(self, opened: Sequence[Opened]) -> None:
        # Not on a full listener: accept() would make room in its queue.
        self._listeners = [
            one
            for one in opened
            if one.spec.state in ("listening", "full") and not one.full and one.spec.protocol == "tcp"
        ]
        self._receivers = [one for one in opened if one.spec.protocol == "udp"]
        self._connections: dict[tuple[str, int], Opened] = {}
        self._datagrams: dict[bytes, Opened] = {}
        self._kept = ExitStack()

    def __enter__(self) -> _Arrivals:
        self._accept()
        self._connections.clear()  # these were lowatch's probes, and their ports may be used again
        return self

    def __exit__(self, *exc: object) -> None:
        self._kept.close()

    def connection(self, client: tuple[str, int]) -> Opened | None:
        """The test's socket that accepted the client; None if it was none of them."""
        deadline = time.monotonic() + SHORT
        while client not in self._connections and time.monotonic() < deadline:
            self._accept()
        return self._connections.pop(client, None)

    def _accept(self) -> None:
        for one in self._listeners:
            with suppress(BlockingIOError):
                while True:
                    peer, name = one.socket.accept()
                    self._kept.enter_context(peer)
                    self._connections[_name(name)] = one

    def datagram(self, text: bytes) -> Opened | None:
        for one in self._receivers:
            with suppress(OSError):
                self._datagrams[one.socket.recv(100)] = one
        return self._datagrams.pop(text, None)


def _ready(sock: socket.socket, event: int) -> bool:
    poll = select.poll()
    poll.register(sock, event)
    return bool(poll.poll(0))


def _name(sockname: tuple[str, int]) -> tuple[str, int]:
    return str(whom(sockname[0])), sockname[1]


def _failure(error: int) -> ClientResult:
    if error == errno.ECONNREFUSED:
        return ClientResult(Met.REFUSED)
    met = Met.SILENCE if error == errno.ETIMEDOUT else Met.NOT_SENT
    return ClientResult(met, said=os.strerror(error))
