"""A netlink socket that answers by script: for faults that a kernel cannot be made to produce."""

from __future__ import annotations

import errno
from collections.abc import Sequence

from lowatch.wire.netlink import HEADER, NLM_F_DUMP_INTR, NLMSG_DONE, NLMSG_ERROR

Said = bytes | OSError


def message(kind: int, body: bytes = b"", sequence: int = 0, flags: int = 0) -> bytes:
    return HEADER.pack(HEADER.size + len(body), kind, flags, sequence, 0) + body


def error(code: int, sequence: int = 0) -> bytes:
    return message(NLMSG_ERROR, (-code).to_bytes(4, "little", signed=True) + bytes(16), sequence)


def done(code: int = 0, flags: int = 0) -> bytes:
    return message(NLMSG_DONE, (-code).to_bytes(4, "little", signed=True), flags=flags)


INTERRUPTED_DONE = done(flags=NLM_F_DUMP_INTR)
NO_REPLY = BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
OVERRUN = OSError(errno.ENOBUFS, "No buffer space available")


class ScriptedSocket:
    """says: what each recv() in turn brings or raises; at its end, nothing is there to be read.

    rooms: the octets that each recv() would take.
    """

    def __init__(self, *says: Said) -> None:
        self._says = list(says)
        self.sent: list[bytes] = []
        self.rooms: list[int] = []
        self.closed = False

    def send(self, data: bytes) -> int:
        assert not self.closed
        self.sent.append(data)
        return len(data)

    def recv(self, size: int) -> bytes:
        assert not self.closed
        self.rooms.append(size)
        said = self._says.pop(0) if self._says else NO_REPLY
        if isinstance(said, OSError):
            raise said
        return said

    def setsockopt(self, *_: object) -> None:
        pass

    def close(self) -> None:
        self.closed = True


class Sockets:
    """Stands in for open_socket(): hands the sockets out in turn."""

    def __init__(self, *sockets: ScriptedSocket) -> None:
        self.sockets: Sequence[ScriptedSocket] = sockets
        self.opened = 0

    def open(self, _protocol: int) -> ScriptedSocket:
        self.opened += 1
        return self.sockets[self.opened - 1]
