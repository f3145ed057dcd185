"""Asks whether a listener answers local clients, without the application's notice.

The client's kernel is told not to acknowledge at once (TCP_QUICKACK 0), and to reset when the socket is
closed (SO_LINGER 0). So a SYN is answered by a SYN-ACK, and that by a reset: the handshake is never
completed, nothing enters the accept queue, and the application sees nothing.

Sources: tcp_rcv_synsent_state_process() (the ACK is delayed in pingpong mode, by TCP_DELACK_MAX, 200 ms),
tcp_disconnect(), tcp_check_req() (a reset drops the request); tests/kernel_behaviour/test_half_open.py.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence
from struct import pack

from lowatch.core.listeners import Connect, ConnectOutcome, Endpoint, LateAnswers

from .probe import MOMENT, Attempt, Prober, failure

_RESET_AT_ONCE = pack("@ii", 1, 0)  # struct linger


class HalfOpen(Attempt):
    """A connect to a TCP listener that stops at its answer. Raises OSError if it cannot be started."""

    def _prepare(self) -> None:
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_ONCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)

    def outcome(self) -> ConnectOutcome | None:
        """The outcome; on loopback it is there as soon as connect() returns."""
        if self._error in (0, errno.EINPROGRESS):
            self._error = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if self._error:
            return failure(self._error)
        try:
            self._socket.getpeername()
        except OSError:  # ENOTCONN: there is no answer yet
            self._error = errno.EINPROGRESS
            return None
        return Connect.ACCEPTED


class HalfOpenProber:
    """Implements app.ports.Prober for TCP listeners, within the limits of a Prober."""

    def __init__(self, prober: Prober) -> None:
        self._of = prober

    async def connect(self, endpoints: Sequence[Endpoint], late: LateAnswers) -> list[ConnectOutcome]:
        return await self._of.meet(endpoints, MOMENT, late, HalfOpen)
