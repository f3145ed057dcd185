"""One connection to a nameserver: TCP, TLS within it where asked for, then messages both ways."""

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
"""More than a record of TLS (16 KiB): so OpenSSL, which reads no further than one, never holds back octets
that no selector sees. Not much more: of messages that dnspython has to read it takes 25 ms.
"""

_CHUNKS_AT_ONCE = 16  # then the loop's other readers have their turn

CLOSED = "the server closed the connection before its reply was complete"


class ConnectionOwner(Protocol):
    """Told what happens to a connection, never from within its constructor, put() or close()."""

    def on_open(self) -> None:
        """Messages may be put."""

    def on_messages(self, messages: list[bytes]) -> None:
        """These messages arrived."""

    def on_lost(self, why: Reply) -> None:
        """It could not be opened, or ended by itself. why: a failure. Called at most once."""


class StreamConnection:
    """Connects at once, by callbacks of the loop alone, without a task.

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
        """Send it, together with all others that are put in this round of the loop."""
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
        """As far as it goes without waiting."""
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
            return  # for good: _read learns of it as well, after all that had arrived before
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
            if self._socket is not sock:  # what they said ended its use
                return
            if self._tls is None and len(octets) < _CHUNK:
                return

    # Its end.

    def _expire(self, what: str) -> None:
        self._end(failure("TIMEOUT", f"no {what} within {self._timeout:g} s"))

    def _lose_by(self, error: OSError | ValueError) -> None:
        if isinstance(error, ssl.SSLError):
            self._lose(tls_reason(error))
        else:  # errno's own text is plainer than what Python makes of it
            number = error.errno if isinstance(error, OSError) else None
            self._lose(os.strerror(number) if number else str(error))

    def _lose(self, reason: str) -> None:
        self._end(failure("UNREACHABLE", f"over {'TLS' if self._tls else 'TCP'}: {reason}"))

    def _end(self, why: Reply) -> None:
        self.close()
        self._owner.on_lost(why)


def _connect(server: Nameserver) -> socket.socket:
    """A socket that is connecting; it is writable when that has ended. Raises OSError."""
    family, address = socket_address(server)
    sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # we join what belongs together
        sock.connect(address)
    except BlockingIOError:
        pass
    except OSError:
        sock.close()
        raise
    return sock


def frame(message: bytes) -> bytes:
    """A message as a stream carries it."""
    return len(message).to_bytes(2, "big") + message


class Framing:
    """Cuts what arrives into messages. Holds less than one message, that is less than 64 KiB."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, octets: bytes) -> list[bytes]:
        """The messages that these octets complete, in their order."""
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
