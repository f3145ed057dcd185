"""Netlink sockets: questions answered at once, and events heard on the loop.

A kernel answers a netlink request inside send(): when send() returns, the replies are queued, so asking
never waits and never hangs. A dump is continued inside each recv() in the same way.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from lowatch.core.known import Unknown
from lowatch.core.limits import Limit
from lowatch.wire.netlink import (
    HEADER,
    NLM_F_DUMP_INTR,
    NLMSG_DONE,
    NLMSG_ERROR,
    MalformedMessageError,
    Span,
    error_code,
    spans,
)

NETLINK_SOCK_DIAG = 4
SOL_NETLINK = 270
NETLINK_ADD_MEMBERSHIP = 1
NETLINK_GET_STRICT_CHK = 12

_BATCH = 64
"""Requests in one send(): their replies (about 1.3 kB each as the kernel counts) must fit the default
receive buffer of 208 KiB."""
_REPLY_SIZE = 8192
_DUMP_SIZE = 1 << 18
_DUMP_ATTEMPTS = 3


class Datagram(NamedTuple):
    """What one recv() brought, and the messages in it."""

    data: bytes
    spans: list[Span]
    interrupted: bool = False
    """Whether the kernel marked a message of it with NLM_F_DUMP_INTR."""


def read_datagram(data: bytes) -> Datagram:
    """Raises MalformedMessageError."""
    found = spans(data)
    return Datagram(data, found, any(span.flags & NLM_F_DUMP_INTR for span in found))


def batches(requests: Sequence[bytes]) -> list[tuple[bytes, int]]:
    """Requests joined for one send() each, and how many. requests[i] must carry the sequence i."""
    return [
        (b"".join(requests[first : first + _BATCH]), len(requests[first : first + _BATCH]))
        for first in range(0, len(requests), _BATCH)
    ]


class NetlinkError(Exception):
    """The kernel refused, or its answer cannot be used. One line, for an Unknown's reason."""


def open_socket(protocol: int) -> socket.socket:
    """A non-blocking netlink socket, bound to no group. Raises NetlinkError where it is refused."""
    try:
        sock = socket.socket(
            socket.AF_NETLINK,
            socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC,
            protocol,
        )
    except OSError as error:
        raise NetlinkError(f"cannot open a netlink socket: {error.strerror}") from error
    try:
        sock.bind((0, 0))
    except OSError as error:
        sock.close()
        raise NetlinkError(f"cannot bind a netlink socket: {error.strerror}") from error
    return sock


class RequestSocket:
    """Asks questions of one netlink protocol. Opened at the first use, and again after a failure.

    Never bound to an event group: events carry the originator's sequence number, and would be taken
    for replies (facts/kernel.md).
    """

    def __init__(self, protocol: int) -> None:
        self._protocol = protocol
        self._socket: socket.socket | None = None
        self._dumps: dict[bytes, list[Datagram]] = {}

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def ask(self, requests: Sequence[tuple[bytes, int]]) -> list[bytes]:
        """One reply (a datagram of one message) for each request, in order.

        requests: as batches() makes them. Raises NetlinkError where a reply is missing, or where the
        replies are not to these requests.
        """
        replies: list[bytes] = []
        sock = self._open()
        receive = sock.recv
        try:
            for batch, count in requests:
                sock.send(batch)
                replies += [receive(_REPLY_SIZE) for _ in range(count)]
        except OSError as error:
            self.close()
            raise NetlinkError(_explain(error)) from error
        if replies and not _answers(replies[-1], len(replies) - 1):
            self.close()  # with all that is still queued: one reply too many, and all that follow are off
            raise NetlinkError("replies came out of step")
        return replies

    def dump(self, request: bytes, at_most: Limit | None = None) -> list[Datagram]:
        """All messages of a dump, as datagrams and the spans in them. at_most: messages, more is an error.

        A dump that the kernel marks as interrupted (NLM_F_DUMP_INTR: the table changed under it) is
        asked again, a bounded number of times; the last one may lack rows that nothing has touched, and
        says so (Datagram.interrupted). Raises NetlinkError.
        """
        for _ in range(_DUMP_ATTEMPTS):
            try:
                datagrams = list(self._dump_once(request, at_most))
            except (OSError, MalformedMessageError) as error:
                self.close()
                raise NetlinkError(_explain(error)) from error
            except NetlinkError:
                self.close()
                raise
            self._dumps[request] = datagrams
            if not any(datagram.interrupted for datagram in datagrams):
                break
        return datagrams

    def _dump_once(self, request: bytes, at_most: Limit | None) -> Iterator[Datagram]:
        """A datagram that is the same as in the last dump is not read again."""
        sock = self._open()
        sock.send(request)
        count = 0
        before = iter(self._dumps.get(request, ()))
        while True:
            data = sock.recv(_DUMP_SIZE)
            if not data:
                raise MalformedMessageError("an empty datagram")
            known = next(before, None)
            datagram = known if known and known.data == data else read_datagram(data)
            yield datagram
            if _is_last(datagram):
                return
            count += len(datagram.spans)
            if at_most is not None and count > at_most.value:
                at_most.reached()
                raise NetlinkError(f"there are more than {at_most.value:,}")

    def _open(self) -> socket.socket:
        if self._socket is None:
            self._socket = open_socket(self._protocol)
            with contextlib.suppress(OSError):  # before Linux 4.20: dumps are not filtered, only longer
                self._socket.setsockopt(SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1)
        return self._socket


def _answers(reply: bytes, sequence: int) -> bool:
    return len(reply) >= HEADER.size and HEADER.unpack_from(reply)[3] == sequence


def _is_last(datagram: Datagram) -> bool:
    """Whether a dump ends with this datagram. Raises NetlinkError where it ends in failure."""
    data, found, _ = datagram
    last = found[-1] if found else None
    if last is None or last.type not in (NLMSG_DONE, NLMSG_ERROR):
        return False
    code = error_code(data, last)
    if code or last.type == NLMSG_ERROR:
        raise NetlinkError(os.strerror(code) if code else "a dump ended without an end")
    return True


def _explain(error: OSError | ValueError) -> str:
    if isinstance(error, BlockingIOError):
        return "the kernel sent no reply"
    if isinstance(error, OSError) and error.errno == errno.ENOBUFS:
        return "replies were lost: the receive buffer overran"
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def unknown(error: NetlinkError, source: str = "netlink") -> Unknown:
    return Unknown(source, str(error))
