"""One TCP connection to a nameserver, with TLS if configured, which sends and receives messages."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from typing import Protocol

from lowatch.config.settings import Nameserver
from lowatch.wire.dns import Reply, failure

from .response_reader import READING
from .tls import WOULD_BLOCK, TlsClient, tls_reason
from .udp_sockets import socket_address

_CHUNK = 17 * 1024
"""Bytes per recv(): more than a TLS record (16 KiB). OpenSSL reads one record at a time, so it never holds
back bytes that no selector sees. Not much more: a chunk of messages that dnspython parses takes 25 ms.
"""

_CHUNKS_AT_ONCE = 16  # then the loop serves its other readers

CLOSED = "the server closed the connection before its reply was complete"


class ConnectionOwner(Protocol):
    """Receives a connection's events, never from within its constructor, put() or close()."""

    def on_open(self) -> None:
        """The connection is ready for put()."""

    def on_messages(self, messages: list[bytes]) -> None:
        """These messages arrived."""

    def on_lost(self, why: Reply) -> None:
        """The connection could not be opened, or was lost. why: a failure. Called at most once."""


class StreamConnection:
    """Connects when constructed. It runs in callbacks of the event loop, without a task.

    timeout: seconds for connecting, and again for the TLS handshake.
    """

    def __init__(
        self, server: Nameserver, timeout: float, tls: TlsClient | None, owner: ConnectionOwner
    ) -> None:
        self.is_open = False
        self._timeout = timeout
        self._tls = tls
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._framing = Framing()
        self._outgoing = bytearray()
        self._soon: asyncio.Handle | None = None  # the next flush
        self._deadline = self._loop.call_later(timeout, self._expire, "TCP connection")
        self._socket: socket.socket | None = None
        try:
            self._socket = _connect(server)
        except OSError as error:
            self._soon = self._loop.call_soon(self._lose_by, error)
        else:
            self._loop.add_writer(self._socket, self._on_connected, self._socket)

    def put(self, message: bytes) -> None:
        """Send a message, together with all others that are put in this turn of the loop."""
        self._outgoing += frame(message)
        if self._soon is None:
            self._soon = self._loop.call_soon(self._flush)

    def close(self) -> None:
        """Leave no socket and no timer. Safe to call twice."""
        was_open, self.is_open = self.is_open, False
        self._deadline.cancel()
        if self._soon is not None:
            self._soon.cancel()
        sock, self._socket = self._socket, None
        if sock is None:
            return
        self._loop.remove_reader(sock)
        self._loop.remove_writer(sock)
        if was_open and self._tls is not None and isinstance(sock, ssl.SSLSocket):
            self._tls.finish(sock)
        sock.close()

    # Opening.

    def _on_connected(self, sock: socket.socket) -> None:
        self._loop.remove_writer(sock)
        number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            self._lose_by(OSError(number, os.strerror(number)))
        elif self._tls is None:
            self._begin(sock)
        else:
            self._deadline.cancel()
            self._deadline = self._loop.call_later(self._timeout, self._expire, "TLS handshake")
            self._start_tls(sock, self._tls)

    def _start_tls(self, sock: socket.socket, tls: TlsClient) -> None:
        self._socket = None
        try:
            wrapped = self._socket = tls.wrap(sock)
        except (OSError, ValueError) as error:
            sock.close()
            self._lose_by(error)
        else:
            self._shake_hands(wrapped, tls)

    def _shake_hands(self, sock: ssl.SSLSocket, tls: TlsClient) -> None:
        """Continue the TLS handshake as far as possible without waiting."""
        self._loop.remove_reader(sock)
        self._loop.remove_writer(sock)
        try:
            sock.do_handshake()
        except ssl.SSLWantReadError:
            self._loop.add_reader(sock, self._shake_hands, sock, tls)
        except ssl.SSLWantWriteError:
            self._loop.add_writer(sock, self._shake_hands, sock, tls)
        except OSError as error:
            tls.note_failure(error)
            self._lose_by(error)
        else:
            self._begin(sock)

    def _begin(self, sock: socket.socket) -> None:
        self._deadline.cancel()
        self.is_open = True
        self._loop.add_reader(sock, self._read, sock)
        self._owner.on_open()

    # Messages.

    def _flush(self) -> None:
        sock = self._socket
        assert sock is not None
        try:
            sent = sock.send(self._outgoing)
        except WOULD_BLOCK:
            sent = 0
        except OSError:
            return  # stop sending: _read gets the error too, after all that had arrived
        del self._outgoing[:sent]
        self._soon = None
        if self._outgoing:
            self._loop.add_writer(sock, self._flush)
        else:
            self._loop.remove_writer(sock)

    def _read(self, sock: socket.socket) -> None:
        until = self._loop.time() + READING
        for _ in range(_CHUNKS_AT_ONCE):
            if self._loop.time() > until:
                return
            try:
                octets = sock.recv(_CHUNK)
            except WOULD_BLOCK:
                return
            except OSError as error:
                self._lose_by(error)
                return
            if not octets:
                self._lose(CLOSED)
                return
            messages = self._framing.feed(octets)
            if messages:
                self._owner.on_messages(messages)
            if self._socket is not sock:  # the owner closed the connection because of them
                return
            if self._tls is None and len(octets) < _CHUNK:
                return

    # The end.

    def _expire(self, what: str) -> None:
        self._end(failure("TIMEOUT", f"no {what} within {self._timeout:g} s"))

    def _lose_by(self, error: OSError | ValueError) -> None:
        if isinstance(error, ssl.SSLError):
            self._lose(tls_reason(error))
        else:  # the text of errno is plainer than Python's
            number = error.errno if isinstance(error, OSError) else None
            self._lose(os.strerror(number) if number else str(error))

    def _lose(self, reason: str) -> None:
        self._end(failure("UNREACHABLE", f"over {'TLS' if self._tls else 'TCP'}: {reason}"))

    def _end(self, why: Reply) -> None:
        self.close()
        self._owner.on_lost(why)


def _connect(server: Nameserver) -> socket.socket:
    """A socket that is connecting. It becomes writable once it has connected or failed. Raises OSError."""
    family, address = socket_address(server)
    sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # put() joins messages itself
        sock.connect(address)
    except BlockingIOError:
        pass
    except OSError:
        sock.close()
        raise
    return sock


def frame(message: bytes) -> bytes:
    """A message with its length in front, as sent over a stream (RFC 7766, 8)."""
    return len(message).to_bytes(2, "big") + message


class Framing:
    """Splits a stream into messages. It holds less than one message, that is less than 64 KiB."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def __len__(self) -> int:
        """The octets of a message that has not arrived as a whole."""
        return len(self._rest)

    def feed(self, octets: bytes) -> list[bytes]:
        """The messages that these octets complete, in order."""
        rest = self._rest
        rest += octets
        messages: list[bytes] = []
        pos, available = 0, len(rest)
        while available - pos >= 2:
            end = pos + 2 + (rest[pos] << 8 | rest[pos + 1])
            if end > available:
                break
            messages.append(bytes(rest[pos + 2 : end]))
            pos = end
        del rest[:pos]
        return messages
