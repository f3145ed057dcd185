"""A datagram socket to journald that never blocks, and journald's native protocol.

The protocol (https://systemd.io/JOURNAL_NATIVE_PROTOCOL) is implemented here over a non-blocking socket,
and not through systemd.journal.send, because that function
- blocks while it holds the GIL if journald does not read. Polling another socket first does not help:
  another process may take the last place in journald's queue between poll() and send();
- reports nothing if journald is absent, so that the alert could not be shown elsewhere;
- cannot be pointed at a test's socket.

journald does not report to senders that it could not write an entry to its disk.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import socket
from array import array
from collections.abc import Callable, Mapping
from enum import Enum, auto

JOURNAL_SOCKET = "/run/systemd/journal/socket"

_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL


class SendResult(Enum):
    SENT = auto()
    FULL = auto()
    """journald is there, but its queue is full."""
    ABSENT = auto()
    IMPOSSIBLE = auto()
    """The entry is too large for a datagram, and no memory file could be created for it."""


class JournalSocket:
    """Connects when that is first needed, and again after a restart of journald."""

    def __init__(self, loop: asyncio.AbstractEventLoop, path: str = JOURNAL_SOCKET) -> None:
        self._loop = loop
        self._path = path
        self._socket: socket.socket | None = None

    def send(self, datagram: bytes) -> SendResult:
        """Send over the current socket, or else over a new one: journald may have been restarted."""
        for _attempt in range(2):
            try:
                self._send(datagram)
            except BlockingIOError:
                return SendResult.FULL
            except _MemoryFileError:
                return SendResult.IMPOSSIBLE
            except OSError:
                self.close()
            else:
                return SendResult.SENT
        return SendResult.ABSENT

    def await_room(self, writable: Callable[[], None]) -> None:
        """unix_dgram_poll(): writable again when journald has read some, or when it died."""
        if self._socket is not None:
            self._loop.add_writer(self._socket, writable)

    def await_nothing(self) -> None:
        if self._socket is not None:
            self._loop.remove_writer(self._socket)

    def close(self) -> None:
        if self._socket is not None:
            self._loop.remove_writer(self._socket)
            self._socket.close()
            self._socket = None

    def _send(self, datagram: bytes) -> None:
        """Raises BlockingIOError, _MemoryFileError, or OSError if journald is absent."""
        connected = self._connected()
        try:
            connected.send(datagram, socket.MSG_NOSIGNAL)
        except OSError as error:
            if error.errno != errno.EMSGSIZE:
                raise
        else:
            return
        descriptor = _memory_file(datagram)
        try:
            passed = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", [descriptor]))
            connected.sendmsg([], [passed], socket.MSG_NOSIGNAL)
        finally:
            os.close(descriptor)

    def _connected(self) -> socket.socket:
        """The socket to journald. Connecting a datagram socket does not block. Raises OSError."""
        if self._socket is None:
            fresh = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
            try:
                fresh.connect(self._path)
            except OSError:
                fresh.close()
                raise
            self._socket = fresh
        return self._socket


class _MemoryFileError(Exception):
    pass


def _memory_file(content: bytes) -> int:
    """A sealed memory file, as the protocol requires for large entries. Raises _MemoryFileError."""
    try:
        descriptor = os.memfd_create("lowatch-alert", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    except OSError:
        raise _MemoryFileError from None
    try:
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(content)
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
    except OSError:
        os.close(descriptor)
        raise _MemoryFileError from None
    return descriptor


def encode(fields: Mapping[str, str]) -> bytes:
    """A datagram of the native protocol: KEY=value, or KEY, length, value where it has newlines."""
    return b"".join(_encode_field(name.encode("ascii"), value) for name, value in fields.items())


def _encode_field(name: bytes, value: str) -> bytes:
    data = value.encode("utf-8", "backslashreplace")
    if b"\n" in data:
        return b"%b\n%b%b\n" % (name, len(data).to_bytes(8, "little"), data)
    return b"%b=%b\n" % (name, data)
