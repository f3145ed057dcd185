"""Netlink sockets for requests and dumps.

The kernel answers a netlink request inside send(): the replies are queued when send() returns, so a request
never blocks. Likewise it continues a dump inside each recv().
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import socket
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from lowatch.core.known import Unknown
from lowatch.core.limits.limit import Limit
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

NETLINK_ROUTE = 0
NETLINK_SOCK_DIAG = 4
SOL_NETLINK = 270
NETLINK_ADD_MEMBERSHIP = 1
NETLINK_GET_STRICT_CHK = 12

_BATCH = 64
"""Requests in one send(): their replies (about 1.3 kB each, as the kernel counts) must fit the default
receive buffer of 208 KiB."""
_USUAL_REPLY = 479
"""Octets that a reply may have, as a rule. With 33 of its own, such a `bytes` comes from Python's allocator
for small objects, not from malloc: a sweep takes 5 % less time, and its replies less memory."""
_LARGEST_REPLY = 8192
_DUMP_SIZE = 1 << 18
_DUMP_ATTEMPTS = 3


class Datagram(NamedTuple):
    """The result of one recv(), and the messages in it."""

    data: bytes
    spans: Sequence[Span]
    interrupted: bool = False
    """Whether a message in it has NLM_F_DUMP_INTR set."""


class Unkept(Sequence[Span]):
    """The messages of a datagram that is kept: found again if they are asked for.

    Of ten thousand addresses they take 2 MiB. What is kept is nearly always only compared.
    """

    __slots__ = ("_count", "_data")

    def __init__(self, data: bytes, count: int) -> None:
        self._data = data
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Span]:
        return iter(spans(self._data))

    def __getitem__(self, index: Any) -> Any:
        return spans(self._data)[index]


def read_datagram(data: bytes) -> Datagram:
    """The datagram with its messages' spans. Raises MalformedMessageError."""
    found = spans(data)
    flags = {span.flags for span in found}
    return Datagram(data, found, any(one & NLM_F_DUMP_INTR for one in flags))


def batches(requests: Sequence[bytes]) -> list[tuple[bytes, int]]:
    """Requests joined for one send() each, with their number. requests[i] must have sequence number i."""
    return [
        (b"".join(requests[first : first + _BATCH]), len(requests[first : first + _BATCH]))
        for first in range(0, len(requests), _BATCH)
    ]


class NetlinkError(Exception):
    """The kernel refused a request, or its answer is unusable. The message is one line, for an Unknown."""


def open_socket(protocol: int) -> socket.socket:
    """A non-blocking netlink socket without multicast groups. Raises NetlinkError."""
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
    """Requests and dumps of one netlink protocol. The socket is opened on first use, and after a failure.

    It never joins a multicast group: events carry the originator's sequence number and could be mistaken
    for replies.
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

        requests: the result of batches(). Raises NetlinkError if a reply is missing or answers another
        request.
        """
        replies = self._exchange(requests, _USUAL_REPLY)
        if any(map(_USUAL_REPLY.__le__, map(len, replies))):  # its end may be lost
            replies = self._exchange(requests, _LARGEST_REPLY)
        if replies and not _answers(replies[-1], len(replies) - 1):
            self.close()  # drop the queue: one reply too many would shift all later ones
            raise NetlinkError("replies came out of step")
        return replies

    def _exchange(self, requests: Sequence[tuple[bytes, int]], size: int) -> list[bytes]:
        """The replies; of each, at most so many octets. Raises NetlinkError if one is missing."""
        replies: list[bytes] = []
        sock = self._open()
        receive = sock.recv
        try:
            for batch, count in requests:
                sock.send(batch)
                replies += [receive(size) for _ in range(count)]
        except OSError as error:
            self.close()
            raise NetlinkError(_explain(error)) from error
        return replies

    def dump(self, request: bytes, at_most: Limit | None = None) -> list[Datagram]:
        """The datagrams of a dump. at_most: the number of messages above which NetlinkError is raised.

        A dump that the kernel marks as interrupted (NLM_F_DUMP_INTR: the table changed meanwhile) is
        repeated a few times. If the last one is interrupted too (Datagram.interrupted), rows may be
        missing, even rows that did not change. Raises NetlinkError.
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
            self._dumps[request] = [
                one._replace(spans=Unkept(one.data, len(one.spans))) for one in datagrams
            ]
            if not any(datagram.interrupted for datagram in datagrams):
                break
        return datagrams

    def _dump_once(self, request: bytes, at_most: Limit | None) -> Iterator[Datagram]:
        """The datagrams of one dump. One that is equal to the previous dump's is not parsed again."""
        sock = self._open()
        sock.send(request)
        count = 0
        before = self._dumps.get(request, ())
        for position in itertools.count():
            data = sock.recv(_DUMP_SIZE)
            if not data:
                raise MalformedMessageError("an empty datagram")
            if position < len(before) and before[position].data == data:
                datagram, ends = before[position], position == len(before) - 1
            else:
                datagram = read_datagram(data)
                ends = _is_last(datagram)
            yield datagram
            if ends:
                return
            count += len(datagram.spans)
            if at_most is not None and count > at_most.value:
                at_most.reached()
                raise NetlinkError(f"more than {at_most.value:,}")

    def _open(self) -> socket.socket:
        if self._socket is None:
            self._socket = open_socket(self._protocol)
            with contextlib.suppress(OSError):  # before Linux 4.20 dumps are longer, because unfiltered
                self._socket.setsockopt(SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1)
        return self._socket


def _answers(reply: bytes, sequence: int) -> bool:
    return len(reply) >= HEADER.size and HEADER.unpack_from(reply)[3] == sequence


def _is_last(datagram: Datagram) -> bool:
    """Whether a dump ends with this datagram. Raises NetlinkError if it ends with an error."""
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
