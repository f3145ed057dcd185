"""TLS to one nameserver, with the strict profile of DNS over TLS (RFC 7858, RFC 8310, 5).

The server's certificate must be valid for the configured name, or for its address if no name is
configured, and be signed by an authority the system trusts (or SSL_CERT_FILE, SSL_CERT_DIR). Otherwise
the server is not queried at all.

Importing ssl costs nothing here, because asyncio imports it too. The system's list of authorities costs
20 ms and 2 MB, so it is read at the first handshake.
"""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress

from lowatch.config.settings import Nameserver

WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
"""Raised by a non-blocking socket, with or without TLS, that would have to wait."""


class TlsClient:
    """Wraps sockets in TLS. It keeps the last session to shorten the next handshake (RFC 8446, 2.2)."""

    def __init__(self, server: Nameserver) -> None:
        self._name = server.name or server.host.partition("%")[0]
        self._context: ssl.SSLContext | None = None
        self._session: ssl.SSLSession | None = None

    def wrap(self, sock: socket.socket) -> ssl.SSLSocket:
        """Take over a connected non-blocking socket. Raises OSError, or ValueError for an invalid name."""
        self._name.encode("idna")  # wrap_socket raises this too, but after it has taken the socket
        if self._context is None:
            self._context = _new_context()
        return self._context.wrap_socket(
            sock, server_hostname=self._name, do_handshake_on_connect=False, session=self._session
        )

    def finish(self, sock: ssl.SSLSocket) -> None:
        """Keep the session of an open connection, and send its close_notify, without waiting."""
        self._session = sock.session
        with suppress(OSError, ValueError):
            sock.unwrap()

    def note_failure(self, error: OSError) -> None:
        """The handshake failed."""
        if isinstance(error, ssl.SSLCertVerificationError):
            self._context = self._session = None  # a missing authority may be there next time


def _new_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.hostname_checks_common_name = False  # RFC 9525: names are subjectAltNames only
    context.set_alpn_protocols(["dot"])
    return context


def tls_reason(error: ssl.SSLError) -> str:
    """What went wrong, on one line, in OpenSSL's words but without its decoration."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate verify failed: {error.verify_message.rstrip('.')}"
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return "the server closed the connection"
    return (error.reason or str(error)).replace("_", " ").lower()
