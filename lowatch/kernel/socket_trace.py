"""The trace that an administrator has handed over: which programs fail to connect, and what listens.

It shows the sockets of every network namespace, and names none. So a failed connect counts only once the
kernel reports its socket's end (failed_connects.py), which it does for this namespace alone: address and
source port are the same. Everything else is forgotten.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Collection
from socket import AF_INET6, inet_pton
from typing import Protocol

from lowatch.core.addresses import Address, unmapped
from lowatch.core.limits.kernel import TRACED_PER_SECOND
from lowatch.core.programs import Program, TraceState
from lowatch.core.traced_clients import TracedClient, TracedClients
from lowatch.wire.closed_client import ClosedClient
from lowatch.wire.socket_trace import TracedConnect, TracedListener, TraceReader

from .processes import NOBODY, Processes
from .saved_names import files_beside, saved_names

_log = logging.getLogger(__name__)

_READ_SIZE = 8 << 10
"""The kernel gives no more at once: some 30 lines."""
_READS_PER_TURN = 32
"""Reads in one turn of the loop."""
_WAKES_PER_SECOND, _REST = 100, 0.02
"""Each event wakes the loop. After so many in a second it rests for 20 ms after each."""
_ASKED_PER_SECOND = 50
"""Threads whose unit is looked up in a second: 30 us each."""
_FRESH = 1.0
"""Seconds after its connect for which a thread's ID is still its own."""


class TraceHints(Protocol):
    def listener_comes(self, address: Address, port: int) -> None:
        """A socket is about to listen, in some network namespace. A wildcard address is zeros."""

    def listeners_lost(self) -> None:
        """Sockets may have begun to listen that were not reported."""


class SocketTrace:
    """Reads the trace, and keeps the failed connects to held addresses until they are taken."""

    def __init__(
        self,
        descriptor: int,
        hints: TraceHints,
        processes: Processes,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """descriptor: of trace_pipe. It stays open."""
        self._descriptor = descriptor
        self._hints = hints
        self._processes = processes
        self._now = now
        self._names = files_beside(descriptor)
        self._reader = TraceReader()
        self._addresses: Collection[Address] = ()
        self._clients = TracedClients()
        self._own = os.getpid()
        self._second = 0.0
        self._read_in_second = self._asked_in_second = self._wakes_in_second = 0
        self._is_reading = False
        self._resting: asyncio.TimerHandle | None = None
        self._failure = ""
        self._lost = 0
        self._heard = False

    @property
    def state(self) -> TraceState:
        return TraceState(self._failure, self._lost, self._heard)

    def open(self) -> None:
        """Read from now on. Call it inside the loop."""
        self._is_reading = True
        try:
            os.set_blocking(self._descriptor, False)
            self._listen()
        except OSError as error:
            self._end(os.strerror(error.errno or 0))

    def close(self) -> None:
        self._is_reading = False
        if self._resting is not None:
            self._resting.cancel()
            self._resting = None
        asyncio.get_running_loop().remove_reader(self._descriptor)

    def _listen(self) -> None:
        """Raises OSError."""
        self._resting = None
        asyncio.get_running_loop().add_reader(self._descriptor, self._on_readable)

    def _on_readable(self) -> None:
        self._drain()
        self._wakes_in_second += 1
        if self._is_reading and self._wakes_in_second > _WAKES_PER_SECOND:
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._descriptor)
            self._resting = loop.call_later(_REST, self._listen)

    def follow(self, addresses: Collection[Address]) -> None:
        """Keep the clients of these addresses from now on."""
        self._addresses = addresses

    def take(self, client: ClosedClient) -> TracedClient | None:
        """Whose client it was, and its port; None if the trace does not have it. See names().

        The trace is read to its end first: what is known of this source port so far may be a client in
        another network namespace.
        """
        if self._is_reading:
            self._drain()
        traced = self._clients.take(client.address, client.source_port)
        if traced is None or self._is_fresh(traced.at, self._now()):
            return traced
        return traced._replace(is_named=True)  # a name that comes may be of another thread with its ID

    def names(self, threads: Collection[int]) -> dict[int, str]:
        """Those that the kernel has saved by now. It should have, SAVED_AFTER seconds after take()."""
        return saved_names(threads, self._names)

    def _drain(self) -> None:
        for _ in range(_READS_PER_TURN):
            if not self._is_reading:
                return
            try:
                data = os.read(self._descriptor, _READ_SIZE)
            except BlockingIOError:
                return
            except OSError as error:
                self._end(os.strerror(error.errno or 0))
                return
            if not data:
                self._end("it has ended")
                return
            self._take_in(data)

    def _end(self, reason: str) -> None:
        self.close()
        self._failure = reason
        _log.warning("trace: %s: programs that fail to connect are unknown, continuing", reason)
        self._hints.listeners_lost()

    def _take_in(self, data: bytes) -> None:
        now = self._now()
        if not 0 <= now - self._second < 1.0:
            self._second = now
            self._read_in_second = self._asked_in_second = self._wakes_in_second = 0
        is_flood = self._read_in_second >= TRACED_PER_SECOND.value
        if is_flood:
            TRACED_PER_SECOND.reached()
        for event in self._reader.feed(data, None if is_flood else self._is_followed):
            if isinstance(event, TracedConnect):
                self._read_in_second += 1
                if event.thread != self._own:
                    program = self._program(event, now)
                    is_named = event.program is not None
                    client = TracedClient(program, event.port, event.thread, event.at, is_named)
                    self._clients.add(event.address, event.source_port, client)
            elif isinstance(event, TracedListener):
                self._heard = True
                self._hints.listener_comes(event.address, event.port)
            else:
                if not self._lost:
                    _log.warning("trace: the kernel has overwritten events, continuing")
                self._lost += event.number or 1
                self._hints.listeners_lost()

    def _is_followed(self, written: bytes) -> bool:
        try:
            address = inet_pton(AF_INET6, written.decode("ascii"))
        except (OSError, ValueError):
            return False
        return unmapped(Address(address)) in self._addresses

    def _program(self, event: TracedConnect, now: float) -> Program | None:
        """None if an interrupt was at work."""
        if event.thread is None:
            return None
        owner = NOBODY
        if self._is_fresh(event.at, now) and self._asked_in_second < _ASKED_PER_SECOND:
            self._asked_in_second += 1
            owner = self._processes.owner(event.thread)
        return Program(event.program or "", owner.process or event.thread, owner.unit)

    @staticmethod
    def _is_fresh(at: float, now: float) -> bool:
        """Whether a thread that failed then still has its ID."""
        return 0 <= now - at < _FRESH
