"""What is kept of a trace: a pipe stands for trace_pipe. tests/tracing reads the kernel's."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import wraps
from typing import Any

import pytest

from lowatch.core.addresses import format_address, parse_address
from lowatch.core.limits.kernel import TRACED_CONNECTS, TRACED_PER_SECOND
from lowatch.core.programs import Program, TraceState
from lowatch.kernel.processes import NOBODY, Owner
from lowatch.kernel.socket_trace import SocketTrace
from lowatch.wire.closed_client import ClosedClient
from tests.support.aio import run_async
from tests.unit.wire.test_socket_trace import LISTEN, connect

VIP = parse_address("192.0.2.10")
CURL = Program("curl", 4711, "backup.service")


def client(source_port: int = 39428) -> ClosedClient:
    return ClosedClient("tcp", VIP, 0, source_port, b"a cookie", failed=True)


class World:
    """Implements TraceHints, and Processes: thread 12639 is of process 4711."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []
        self.asked: list[int] = []
        self.at = 1221.0

    def listener_comes(self, address: bytes, port: int) -> None:
        self.told.append((format_address(parse_address("::")) if not any(address) else address, port))

    def listeners_lost(self) -> None:
        self.told.append(("lost",))

    def owner(self, thread: int) -> Owner:
        self.asked.append(thread)
        return Owner(4711, "backup.service") if thread == 12639 else NOBODY

    def now(self) -> float:
        return self.at


class Traced:
    def __init__(self, trace: SocketTrace, world: World, end: int) -> None:
        self.trace = trace
        self.world = world
        self.end = end

    def write(self, *lines: bytes) -> None:
        for line in lines:
            os.write(self.end, line)

    async def read(self, *lines: bytes) -> None:
        """Write them, and let the loop read them."""
        self.write(*lines)
        for _ in range(3):
            await asyncio.sleep(0)


def in_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    @wraps(test)
    def run(**arguments: Any) -> None:
        run_async(test(**arguments))

    return run


@asynccontextmanager
async def tracing() -> AsyncIterator[Traced]:
    world: Any = World()
    reading, writing = os.pipe()
    trace = SocketTrace(reading, world, world, world.now)
    trace.follow({VIP})
    try:
        trace.open()
        yield Traced(trace, world, writing)
    finally:
        trace.close()
        os.close(reading)
        os.close(writing)


@in_loop
async def test_a_failed_client_has_a_program_and_a_port() -> None:
    async with tracing() as traced:
        await traced.read(connect())
        found = traced.trace.take(client())
        assert found is not None
        assert (found.program, found.port) == (CURL, 80)
        assert traced.trace.take(client()) is None, "its event comes once"


@in_loop
async def test_what_is_not_read_yet_is_read_when_it_is_asked_for() -> None:
    async with tracing() as traced:
        traced.write(connect())
        found = traced.trace.take(client())
        assert found is not None
        assert found.program == CURL


@in_loop
async def test_others_are_forgotten() -> None:
    async with tracing() as traced:
        traced.trace.follow({parse_address("192.0.2.11")})
        await traced.read(connect())
        traced.trace.follow({VIP})
        assert traced.trace.take(client()) is None
        assert traced.world.asked == []


@in_loop
async def test_of_a_thread_that_was_interrupted_nothing_is_said_but_the_port() -> None:
    async with tracing() as traced:
        await traced.read(connect(b"ksoftirqd/0", flags=b"..s1."))
        found = traced.trace.take(client())
        assert found is not None
        assert (found.program, found.port) == (None, 80)
        assert traced.world.asked == []


@pytest.mark.parametrize("later", [-1.0, 1.5])
@in_loop
async def test_a_thread_is_not_asked_about_late(later: float) -> None:
    """Its ID may be another one's by then; or the clock of the trace is another one."""
    async with tracing() as traced:
        traced.world.at = 1220.798972 + later
        await traced.read(connect())
        found = traced.trace.take(client())
        assert found is not None
        assert found.program == Program("curl", 12639)
        assert traced.world.asked == []


@pytest.mark.parametrize(("name", "is_named"), [(b"<...>", False), (b"", True), (b"curl", True)])
@in_loop
async def test_a_name_may_come_later(name: bytes, is_named: bool) -> None:
    async with tracing() as traced:
        await traced.read(connect(name))
        found = traced.trace.take(client())
        assert found is not None
        assert found.program == CURL._replace(name="" if name == b"<...>" else name.decode())
        assert found.is_named is is_named


@in_loop
async def test_a_name_that_comes_late_is_somebody_elses() -> None:
    async with tracing() as traced:
        await traced.read(connect(b"<...>"))
        traced.world.at += 1.0
        found = traced.trace.take(client())
        assert found is not None
        assert (found.program, found.is_named) == (CURL._replace(name=""), True)


@in_loop
async def test_two_that_may_be_in_two_network_namespaces_are_nobodys() -> None:
    async with tracing() as traced:
        await traced.read(connect(), connect(b"wget", thread=b"12640"))
        found = traced.trace.take(client())
        assert found is not None
        assert (found.program, found.port) == (None, 0)
        await traced.read(connect(), connect())
        found = traced.trace.take(client())
        assert found is not None
        assert found.program == CURL, "one that tries again is one"


@in_loop
async def test_one_that_is_not_read_yet_is_not_taken_for_another_network_namespaces() -> None:
    async with tracing() as traced:
        await traced.read(connect(b"wget", thread=b"12640"))
        traced.write(connect())
        found = traced.trace.take(client())
        assert found is not None
        assert (found.program, found.port) == (None, 0)


@in_loop
async def test_a_listener_that_comes_is_reported_and_a_loss_too() -> None:
    async with tracing() as traced:
        await traced.read(LISTEN, b"CPU:1 [LOST 7 EVENTS]\n", b"CPU:0 [LOST EVENTS]\n")
        assert traced.world.told == [("::", 80), ("lost",), ("lost",)]
        assert traced.trace.state == TraceState("", 8, heard=True)


@in_loop
async def test_its_end_is_reported_once() -> None:
    world: Any = World()
    reading, writing = os.pipe()
    trace = SocketTrace(reading, world, world, world.now)
    trace.open()
    os.close(writing)
    for _ in range(3):
        await asyncio.sleep(0)
    assert trace.state == TraceState("it has ended")
    assert world.told == [("lost",)]
    assert trace.take(client()) is None
    os.close(reading)


@in_loop
async def test_what_cannot_be_waited_for_is_reported() -> None:
    """A file that is only called trace_pipe."""
    world: Any = World()
    with tempfile.TemporaryFile() as file:
        trace = SocketTrace(file.fileno(), world, world, world.now)
        trace.open()
        assert trace.state == TraceState("Operation not permitted")
        trace.close()


@in_loop
async def test_many_events_do_not_wake_it_each() -> None:
    async with tracing() as traced:
        for _ in range(101):
            await traced.read(LISTEN)
        assert len(traced.world.told) == 101
        await traced.read(LISTEN)
        assert len(traced.world.told) == 101, "it rests"
        assert traced.trace.take(client()) is None
        assert len(traced.world.told) == 102, "but reads what it needs"
        traced.write(LISTEN)
        async with asyncio.timeout(30):
            while len(traced.world.told) < 103:
                await asyncio.sleep(0.001)


def lines(count: int, first: int = 1) -> bytes:
    return b"".join(
        connect().replace(b"sport=39428", b"sport=%d" % port) for port in range(first, first + count)
    )


@in_loop
async def test_units_are_asked_for_at_a_limited_rate() -> None:
    async with tracing() as traced:
        for first in range(1, 1000, 100):
            await traced.read(lines(100, first))
        assert len(traced.world.asked) == 50
        found = traced.trace.take(client(900))
        assert found is not None
        assert found.program == Program("curl", 12639)
        traced.world.at += 1.0
        await traced.read(connect(b"curl", thread=b"12639").replace(b" 1220.7", b" 1221.7"))
        assert len(traced.world.asked) == 51


@in_loop
async def test_a_flood_is_read_in_part_and_a_listener_all_the_same() -> None:
    before = TRACED_PER_SECOND.times
    async with tracing() as traced:
        for first in range(1, 5_000, 100):
            await traced.read(lines(100, first))
        await traced.read(LISTEN)
        assert traced.world.told == [("::", 80)]
        assert traced.trace.take(client(1)) is not None
        assert traced.trace.take(client(4_000)) is None
        assert TRACED_PER_SECOND.times > before


@in_loop
async def test_a_flood_at_another_address_takes_no_place() -> None:
    """Of a container, say: the kernel has one trace for all."""
    async with tracing() as traced:
        for first in range(1, 5_000, 100):
            await traced.read(lines(100, first).replace(b"192.0.2.10", b"192.0.2.99"))
        await traced.read(connect())
        found = traced.trace.take(client())
        assert found is not None
        assert found.program == CURL


@in_loop
async def test_failed_connects_do_not_show_that_listeners_are_reported() -> None:
    async with tracing() as traced:
        await traced.read(connect())
        assert not traced.trace.state.heard


@in_loop
async def test_the_oldest_are_forgotten() -> None:
    before = TRACED_CONNECTS.times
    async with tracing() as traced:
        for first in range(1, TRACED_CONNECTS.value + 100, 100):
            traced.world.at += 1.0
            await traced.read(lines(100, first))
        assert traced.trace.take(client(1)) is None
        assert traced.trace.take(client(TRACED_CONNECTS.value)) is not None
        assert TRACED_CONNECTS.times > before


def test_the_clock_is_that_of_the_trace() -> None:
    """trace_clock is "mono" (packaging/tmpfiles.d/lowatch-trace.conf)."""
    assert time.clock_gettime(time.CLOCK_MONOTONIC) == pytest.approx(time.monotonic(), abs=1.0)
