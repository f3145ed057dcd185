"""A netlink event socket on the loop: multicast messages in, hints out.

Overruns are certain one day. They are counted and reported, and never lose the truth: whoever listens
looks at everything again.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Callable, Sequence

from lowatch.wire.netlink import MalformedMessageError, Span, spans

from .filters import attach
from .netlink import NETLINK_ADD_MEMBERSHIP, SOL_NETLINK, NetlinkError, open_socket

_log = logging.getLogger(__name__)

_EVENT_SIZE = 1 << 16
_DRAINED_AT_ONCE = 512
"""Datagrams read before the loop gets its turn again; the rest stays readable."""
_REOPEN_AFTER = 1.0
_SO_RCVBUF_WANTED = 4 << 20
"""Silently clamped to net.core.rmem_max: 208 KiB on a stock host."""


class EventSocket:
    """message(data, span): one event. lost(reason): events were missed, or the socket was replaced."""

    def __init__(
        self,
        protocol: int,
        groups: Sequence[int],
        program: bytes,
        message: Callable[[bytes, Span], None],
        lost: Callable[[str], None],
    ) -> None:
        self._protocol = protocol
        self._groups = groups
        self._program = program
        self._message = message
        self._lost = lost
        self._socket: socket.socket | None = None
        self._reopening: asyncio.TimerHandle | None = None

    def open(self, receive_buffer: int = _SO_RCVBUF_WANTED) -> None:
        """Subscribe. From here on no change goes unheard. Raises NetlinkError."""
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
        asyncio.get_running_loop().add_reader(sock, self._drain)

    def refilter(self, program: bytes) -> None:
        """Replace the filter; events that only the new one lets through are heard from now on."""
        self._program = program
        if self._socket is not None:
            attach(self._socket, program)

    def close(self) -> None:
        if self._reopening is not None:
            self._reopening.cancel()
            self._reopening = None
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def _drain(self) -> None:
        for _ in range(_DRAINED_AT_ONCE):
            if self._socket is None:
                return
            try:
                data = self._socket.recv(_EVENT_SIZE)
            except BlockingIOError:
                return
            except OSError as error:
                self._failed(error)
                return
            try:
                for span in spans(data):
                    self._message(data, span)
            except MalformedMessageError as error:
                self._lost(f"an unreadable event: {error}")

    def _failed(self, error: OSError) -> None:
        if error.errno == errno.ENOBUFS:  # the socket itself carries on
            self._lost("the receive buffer overran")
            return
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
        self._lost(reason)
