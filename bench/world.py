"""The host to observe: addresses on lo, and processes that listen on them.

Everything is created in the calling thread's network namespace, and ends with it.
"""

from __future__ import annotations

import errno
import os
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from lowatch.core.addresses import Address, format_address
from lowatch.kernel.request_socket import open_socket
from lowatch.wire.netlink import NLMSG_ERROR, attribute, error_code, only_message, request
from lowatch.wire.rtnetlink import AF_INET, RTM_DELADDR, RTM_NEWADDR

PORT = 80
_FIRST = int.from_bytes(bytes([198, 18, 0, 1]), "big")  # 198.18.0.0/15 is for benchmarks (RFC 2544)
_EACH = 2_500  # listeners in one process: well below any limit on open files
_LO = 1
_IFADDRMSG = struct.Struct("=BBBBI")  # family, prefixlen, flags, scope, ifindex
_IFA_LOCAL = 2
_NLM_F_ACK = 0x4
_NLM_F_CREATE = 0x400


def address(number: int) -> Address:
    return Address((_FIRST + number).to_bytes(4, "big"))


def text(number: int) -> str:
    return format_address(address(number))


class Lo:
    """Addresses of lo, changed by one netlink message, because starting `ip` takes longer."""

    def __init__(self) -> None:
        self._socket = open_socket(0)

    def close(self) -> None:
        self._socket.close()

    def add(self, number: int) -> float:
        """Returns the CLOCK_MONOTONIC seconds when the kernel was done. It may have waited for its lock."""
        return self._change(RTM_NEWADDR, _NLM_F_CREATE, number)

    def delete(self, number: int) -> float:
        """Returns the same as add()."""
        return self._change(RTM_DELADDR, 0, number)

    def fill(self, count: int, first: int = 0) -> None:
        for number in range(first, first + count):
            self.add(number)

    def _change(self, kind: int, flags: int, number: int) -> float:
        body = _IFADDRMSG.pack(AF_INET, 32, 0, 0, _LO) + attribute(_IFA_LOCAL, address(number))
        message = request(kind, flags | _NLM_F_ACK, 0, body)
        self._socket.send(message)
        done = time.monotonic()
        reply = self._socket.recv(4096)
        span = only_message(reply)
        code = error_code(reply, span) if span.type == NLMSG_ERROR else errno.EPROTO
        if code:
            raise OSError(code, f"{text(number)} on lo: {os.strerror(code)}")
        return done


class Listeners:
    """One process that listens on PORT of `count` consecutive addresses. since: when the last began."""

    def __init__(self, number: int, count: int = 1) -> None:
        script = Path(__file__).with_name("listeners.py")
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(script), text(number), str(count), str(PORT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        said = self._process.stdout.readline()
        if not said:
            self.close()
            raise RuntimeError(f"nobody listens on {text(number)}")
        self.since = float(said)

    def kill(self) -> float:
        """Sends SIGKILL. Returns the CLOCK_MONOTONIC seconds just before it."""
        began = time.monotonic()
        self._process.kill()
        return began

    def close(self) -> None:
        """Ends the process and waits for its end."""
        self._process.kill()
        self._process.communicate()


@contextmanager
def listening(count: int, first: int = 0) -> Iterator[None]:
    """Processes listen on each of the first `count` addresses until the block ends."""
    with ExitStack() as stack:
        for begin in range(first, first + count, _EACH):
            processes = Listeners(begin, min(_EACH, first + count - begin))
            stack.callback(processes.close)
        yield
