"""A netlink event socket on the loop: multicast messages in, hints out.

A busy host overruns the receive buffer sooner or later. An overrun is reported, and the owner of the socket
then looks at everything again, so nothing stays wrong.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import select
import socket
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from lowatch.core.liveness import Heartbeat
from lowatch.wire.netlink import MalformedMessageError, Span, spans

from .filters import attach
from .request_socket import NETLINK_ADD_MEMBERSHIP, SOL_NETLINK, NetlinkError, open_socket

_log = logging.getLogger(__name__)

_MAX_DATAGRAM = 1 << 16
_DATAGRAMS_PER_TURN = 512
"""Datagrams read in one turn of the loop; the socket stays readable for the rest."""
_REOPEN_AFTER = 1.0
"""Seconds until a socket that failed is opened again."""
STUCK_AFTER = 10.0
"""Seconds for which events may wait before their reader counts as stuck."""
_RECEIVE_BUFFER = 4 << 20
"""Bytes. The kernel silently lowers it to net.core.rmem_max, 208 KiB by default."""


class EventListener(Protocol):
    """Receives the events of an EventSocket."""

    def on_message(self, data: bytes, span: Span) -> None:
        """An event: the message at `span` of a datagram."""

    def on_lost(self, reason: str) -> None:
        """Events were missed, or the socket was replaced."""


class EventSocket:
    """Reads a protocol's multicast groups through a BPF filter, and opens itself again after a failure."""

    def __init__(
        self,
        protocol: int,
        groups: Sequence[int],
        program: bytes,
        listener: EventListener,
        split: Callable[[bytes], Iterable[Span]] = spans,
    ) -> None:
        """split: finds the messages of a datagram. Raises MalformedMessageError."""
        self._protocol = protocol
        self._groups = groups
        self._program = program
        self._listener = listener
        self._split = split
        self._socket: socket.socket | None = None
        self._reopening: asyncio.TimerHandle | None = None
        self._overran = False
        self._drains = 0

    def open(self, receive_buffer: int = _RECEIVE_BUFFER) -> None:
        """Subscribe: from now on every change is reported. Raises NetlinkError."""
        self._receive_buffer = receive_buffer
        sock = open_socket(self._protocol)
        try:
            if receive_buffer:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            attach(sock, self._program)
            for group in self._groups:
                sock.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group)
        except OSError as error:
            sock.close()
            raise NetlinkError(f"cannot subscribe to events: {error.strerror}") from error
        self._socket = sock
        self._overran = False
        asyncio.get_running_loop().add_reader(sock, self._drain)

    def replace_filter(self, program: bytes) -> None:
        """Apply another BPF program from now on."""
        self._program = program
        if self._socket is None:
            return
        try:
            attach(self._socket, program)
        except OSError as error:  # ENOMEM because of net.core.optmem_max: a new socket has room
            self._failed(error)

    def close(self) -> None:
        if self._reopening is not None:
            self._reopening.cancel()
            self._reopening = None
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def heartbeat(self, part: str) -> Heartbeat:
        """The reader's progress. It is busy while poll(2) reports events that wait to be read."""
        if self._socket is None:
            return Heartbeat(part, self._reopening is None, self._drains, STUCK_AFTER)
        poller = select.poll()
        poller.register(self._socket, select.POLLIN)
        return Heartbeat(part, bool(poller.poll(0)), self._drains, STUCK_AFTER)

    def _drain(self) -> None:
        self._drains += 1
        for _ in range(_DATAGRAMS_PER_TURN):
            if self._socket is None:
                return
            try:
                data = self._socket.recv(_MAX_DATAGRAM)
            except BlockingIOError:
                self._on_empty()
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    self._failed(error)
                    return
                self._overran = True  # the socket itself still works
                continue
            try:
                for span in self._split(data):
                    self._listener.on_message(data, span)
            except MalformedMessageError as error:
                self._listener.on_lost(f"an unreadable event: {error}")

    def _on_empty(self) -> None:
        """Report an overrun, which is over only now.

        Until the queue is empty the kernel drops all further events without another ENOBUFS
        (NETLINK_S_CONGESTED, net/netlink/af_netlink.c). An earlier look at everything would miss those.
        """
        if self._overran:
            self._overran = False
            self._listener.on_lost("the receive buffer overran")

    def _failed(self, error: OSError) -> None:
        self.close()
        self._reopen(f"the event socket failed: {error.strerror}")

    def _reopen(self, reason: str) -> None:
        self._reopening = None
        try:
            self.open(self._receive_buffer)
        except NetlinkError as error:
            _log.warning("%s; %s, trying again in %g s", reason, error, _REOPEN_AFTER)
            loop = asyncio.get_running_loop()
            self._reopening = loop.call_later(_REOPEN_AFTER, self._reopen, reason)
        self._listener.on_lost(reason)
