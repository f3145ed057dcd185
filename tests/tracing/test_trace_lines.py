"""What the kernel writes to trace_pipe, read by lowatch's parser."""

from __future__ import annotations

import ctypes
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from lowatch.core.addresses import parse_address
from lowatch.wire.socket_trace import Traced, TracedConnect, TracedListener, TraceLost, TraceReader
from tests.support.netns import Netns
from tests.support.tracefs import instance, may_be_ours

VIP, VIP6 = "203.0.113.78", "2001:db8:78::10"
"""The addresses are of these tests alone: others run on the same kernel, perhaps from the same port."""
OURS = frozenset((f"::ffff:{VIP}".encode(), VIP6.encode()))
PR_SET_NAME = 15
PATIENCE = 10.0


class Pipe:
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._reader = TraceReader()
        self.heard: list[Traced] = []

    def until(self, wanted: Callable[[Traced], bool]) -> Traced:
        """The first event that is wanted, of those that came and will come."""
        for event in self.heard:
            if wanted(event):
                return event
        deadline = time.monotonic() + PATIENCE
        while select.select([self._descriptor], [], [], max(0.0, deadline - time.monotonic()))[0]:
            with suppress(BlockingIOError):
                found = list(self._reader.feed(os.read(self._descriptor, 1 << 16), OURS.__contains__))
                self.heard += found
                for event in found:
                    if wanted(event):
                        return event
        raise AssertionError(f"it never came, but {self.heard}")

    def connect_from(self, source_port: int) -> TracedConnect:
        def is_it(event: Traced) -> bool:
            return isinstance(event, TracedConnect) and event.source_port == source_port

        found = self.until(is_it)
        assert isinstance(found, TracedConnect)
        return found


@contextmanager
def reading(trace: Path) -> Iterator[Pipe]:
    descriptor = os.open(trace / "trace_pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        yield Pipe(descriptor)
    finally:
        os.close(descriptor)


@pytest.fixture
def vip(netns: Netns) -> Netns:
    netns.ip(f"addr add {VIP}/32 dev lo")
    netns.ip(f"addr add {VIP6}/128 dev lo nodad")
    return netns


def refused(address: str, port: int, *, timeout: float | None = None) -> int:
    """The source port of a client that was refused."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as client:
        client.settimeout(timeout)
        client.bind(("::" if ":" in address else "0.0.0.0", 0))
        source_port: int = client.getsockname()[1]
        with pytest.raises(ConnectionRefusedError):
            client.connect((address, port))
    time.sleep(0.001)  # for the kernel saves a thread's name as it leaves the processor
    return source_port


@pytest.mark.parametrize("timeout", [None, 10.0])
@pytest.mark.parametrize("address", [VIP, VIP6, f"::ffff:{VIP}"])
def test_a_refused_client_has_a_name_and_a_port(
    vip: Netns, trace: Path, address: str, timeout: float | None
) -> None:
    with reading(trace) as pipe:
        before = time.monotonic()
        found = pipe.connect_from(refused(address, 81, timeout=timeout))
        after = time.monotonic()
    assert found.program == Path("/proc/self/comm").read_text().rstrip("\n")
    assert may_be_ours(found.thread, threading.get_native_id())
    assert (found.address, found.port) == (parse_address(address.removeprefix("::ffff:")), 81)
    assert before - 0.001 <= found.at <= after, "the clock is CLOCK_MONOTONIC"


@pytest.mark.parametrize(("name", "shown"), [(b"a b-1 [0] x:", "a b-1 [0] x:"), (b"a\nb-1 [0]", "b-1 [0]")])
def test_a_name_may_be_anything(vip: Netns, trace: Path, name: bytes, shown: str) -> None:
    ports, threads = [], []

    def client() -> None:
        ctypes.CDLL(None).prctl(PR_SET_NAME, name, 0, 0, 0)
        threads.append(threading.get_native_id())
        ports.append(refused(VIP, 81))

    with reading(trace) as pipe:
        named = threading.Thread(target=client)
        named.start()
        named.join()
        found = pipe.connect_from(ports[0])
    assert found.program == shown
    assert may_be_ours(found.thread, threads[0])


def test_a_client_that_a_timer_ends_has_no_name(vip: Netns, trace: Path) -> None:
    """The kernel gives up in an interrupt: the thread that it has interrupted is not the client."""
    vip.nft("table ip f { chain c { type filter hook input priority 0; tcp dport 82 drop; }; }")
    with reading(trace) as pipe, socket.socket() as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1)
        client.setblocking(False)
        client.bind((VIP, 0))
        with suppress(BlockingIOError):
            client.connect((VIP, 82))
        found = pipe.connect_from(client.getsockname()[1])
    assert (found.program, found.thread) == (None, None)
    assert found.port == 82


@pytest.mark.parametrize(("address", "bound"), [(VIP, VIP), ("0.0.0.0", "0.0.0.0"), ("::", "::")])
def test_a_listener_is_heard(vip: Netns, trace: Path, address: str, bound: str) -> None:
    with (
        reading(trace) as pipe,
        socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as server,
    ):
        server.bind((address, 0))
        server.listen()
        wanted = TracedListener(parse_address(bound), server.getsockname()[1])
        assert pipe.until(lambda event: event == wanted) == wanted


def test_what_the_kernel_has_overwritten_is_said(vip: Netns, tmp_path: Path) -> None:
    at = tmp_path / "tracefs"
    at.mkdir()
    with instance(at, buffer_kb=4) as trace, reading(trace) as pipe:
        for _ in range(500):
            refused(VIP, 81)
        pipe.until(lambda event: isinstance(event, TraceLost))
