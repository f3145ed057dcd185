"""A netlink event socket on the loop: multicast messages in, hints out.

Overruns are certain one day. They are counted and reported, and never lose the truth: whoever listens
looks at everything again.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import select
import socket
from collections.abc import Callable, Sequence

from lowatch.core.liveness import Sign
from lowatch.wire.netlink import MalformedMessageError, Span, spans

from .filters import attach
from .request_socket import NETLINK_ADD_MEMBERSHIP, SOL_NETLINK, NetlinkError, open_socket

_log = logging.getLogger(__name__)

_EVENT_SIZE = 1 << 16
_DRAINED_AT_ONCE = 512
"""Datagrams read before the loop gets its turn again; the rest stays readable."""
_REOPEN_AFTER = 1.0
STUCK_AFTER = 10.0
"""Seconds for which events have waited to be read, and no reader came."""
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
        self._overran = False
        self._drains = 0

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
        self._overran = False
        asyncio.get_running_loop().add_reader(sock, self._drain)

    def refilter(self, program: bytes) -> None:
        """Replace the filter; events that only the new one lets through are heard from now on."""
        self._program = program
        if self._socket is None:
            return
        try:
            attach(self._socket, program)
        except OSError as error:  # ENOMEM, see net.core.optmem_max: with a new socket, later
            self._failed(error)

    def close(self) -> None:
        if self._reopening is not None:
            self._reopening.cancel()
            self._reopening = None
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def sign(self, part: str) -> Sign:
        """Whether something waits to be read, by poll(2); a reader at work gets to it within a turn."""
        if self._socket is None:
            return Sign(part, self._reopening is None, self._drains, STUCK_AFTER)
        poller = select.poll()
        poller.register(self._socket, select.POLLIN)
        return Sign(part, bool(poller.poll(0)), self._drains, STUCK_AFTER)

    def _drain(self) -> None:
        self._drains += 1
        for _ in range(_DRAINED_AT_ONCE):
            if self._socket is None:
                return
            try:
                data = self._socket.recv(_EVENT_SIZE)
            except BlockingIOError:
                self._drained()
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    self._failed(error)
                    return
                self._overran = True  # the socket itself carries on
                continue
            try:
                for span in spans(data):
                    self._message(data, span)
            except MalformedMessageError as error:
                self._lost(f"an unreadable event: {error}")

    def _drained(self) -> None:
        """Only now is an overrun over, and a look at everything worth its while.

        Until its queue is empty the kernel drops all further events, and does not say so again
        (NETLINK_S_CONGESTED, net/netlink/af_netlink.c); and what is queued is older than that look.
        """
        if self._overran:
            self._overran = False
            self._lost("the receive buffer overran")

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
        self._lost(reason)
