"""An event loop whose clock jumps: hours of TTLs and back-offs in milliseconds, over real sockets.

Where nothing is readable it goes straight to the next timer. Both ends of every conversation must
live on the loop.
"""

from __future__ import annotations

import asyncio
import selectors
import socket
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest

from lowatch.core.clock import Now

from .aio import settled

T = TypeVar("T")

# Loopback usually delivers before send() returns. Under load the kernel may put it off a little.
_DELIVERY = 0.003
_SENDING = ("accept", "close", "connect", "connect_ex", "send", "sendall", "sendmsg", "sendto", "shutdown")
"""Methods of a socket after which something may arrive at another one."""
_RECEIVING = ("recv", "recv_into", "recvfrom", "recvmsg")


class _JumpingSelector(selectors.EpollSelector):
    """Waits for what may still arrive, and then jumps. Threads may write to the loop at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self._datagrams = 0
        """How many were sent and not received."""
        self._others_sent = True

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if self._datagrams or self._others_sent or threading.active_count() > 1:
            ready = super().select(_DELIVERY)
            if ready:
                return ready
            self._datagrams, self._others_sent = 0, False
        if timeout is None:
            raise AssertionError("nothing is due, ever, and nothing can arrive")
        self.now += timeout
        return []

    def counting(self, method: Callable[..., Any], datagrams: int) -> Callable[..., Any]:
        """A method of socket.socket, with its effect on what may arrive. datagrams: 1 sent, -1 received."""

        def counted(sock: socket.socket, *arguments: Any) -> Any:
            result = method(sock, *arguments)
            if sock.type == socket.SOCK_DGRAM:
                self._datagrams = max(0, self._datagrams + datagrams)
            elif datagrams > 0:
                self._others_sent = True
            return result

        return counted


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.selector = _JumpingSelector()
        super().__init__(self.selector)

    def time(self) -> float:
        return self.selector.now


class LoopClock:
    """A Clock that tells the running loop's time, virtual or not. suspended: seconds, in all."""

    suspended = 0.0

    def now(self) -> Now:
        monotonic = asyncio.get_running_loop().time()
        return Now(monotonic, wall=0.0, uptime=monotonic + self.suspended)


def run_virtually(coroutine: Coroutine[Any, Any, T], timeout: float = 1e6) -> T:
    """As run_async; `timeout` is in virtual seconds, and the clock starts at 1000."""
    loop = VirtualLoop()
    with pytest.MonkeyPatch.context() as patch, asyncio.Runner(loop_factory=lambda: loop) as runner:
        for names, datagrams in ((_SENDING, 1), (_RECEIVING, -1)):
            for name in names:
                counted = loop.selector.counting(getattr(socket.socket, name), datagrams)
                patch.setattr(socket.socket, name, counted)
        return runner.run(settled(coroutine, timeout))
