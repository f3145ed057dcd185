"""TLS towards one nameserver, by the strict profile of DNS over TLS (RFC 7858, RFC 8310, 5).

Its certificate must bear the configured name, or its address where none is configured, and be signed
by an authority the system trusts (or SSL_CERT_FILE, SSL_CERT_DIR). Else it is not asked at all.

asyncio has imported ssl anyway. What costs 20 ms and 2 MB is the system's list of authorities, read at
the first handshake.
"""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress

from lowatch.config.settings import Nameserver

WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
"""What a non-blocking socket, TLS or not, raises where it has to wait."""


class TlsClient:
    """Wraps sockets; keeps the last session, so that the next handshake is a short one (RFC 8446, 2.2)."""

    def __init__(self, server: Nameserver) -> None:
        self._name = server.name or server.host.partition("%")[0]
        self._context: ssl.SSLContext | None = None
        self._session: ssl.SSLSession | None = None

    def wrap(self, sock: socket.socket) -> ssl.SSLSocket:
        """A connected non-blocking socket, taken over. Raises OSError; ValueError for an odd name."""
        self._name.encode("idna")  # as wrap_socket does, but too late to hand back the socket
        if self._context is None:
            self._context = _new_context()
        return self._context.wrap_socket(
            sock, server_hostname=self._name, do_handshake_on_connect=False, session=self._session
        )

    def finish(self, sock: ssl.SSLSocket) -> None:
        """Of a connection that was open: keep its session, and say that it ends, without waiting."""
        self._session = sock.session
        with suppress(OSError, ValueError):
            sock.unwrap()

    def note_failure(self, error: OSError) -> None:
        """The handshake failed."""
        if isinstance(error, ssl.SSLCertVerificationError):
            self._context = self._session = None  # the authority that is missing may be there next time


def _new_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.hostname_checks_common_name = False  # RFC 9525: names are subjectAltNames only
    context.set_alpn_protocols(["dot"])
    return context


def tls_reason(error: ssl.SSLError) -> str:
    """What went wrong, on one line, in OpenSSL's words without its decoration."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate verify failed: {error.verify_message.rstrip('.')}"
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return "the server closed the connection"
    return (error.reason or str(error)).replace("_", " ").lower()
