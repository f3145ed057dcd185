"""TLS towards a nameserver, with a peer of the test's own; tests/netns asks a real one."""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path

import pytest

from lowatch.config.settings import Nameserver, Transport
from lowatch.resolve.upstream.tls import TlsClient, tls_reason
from tests.support.certificates import Authority

NAME = "dns.example.com"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def context(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """The server's; the client trusts its authority."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.chain))
    monkeypatch.setenv("SSL_CERT_DIR", "/nowhere")
    certificate = authority.sign(NAME)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate.chain, certificate.key)
    return server


def resumed(client: TlsClient, server: ssl.SSLContext) -> bool:
    """Whether the handshake resumed a session. Raises what that raises."""
    ours, theirs = socket.socketpair()

    def serve() -> None:
        try:
            with server.wrap_socket(theirs, server_side=True) as accepted:
                accepted.send(b"!")
                accepted.recv(1)
        except OSError:
            theirs.close()

    thread = threading.Thread(target=serve)
    thread.start()
    wrapped = client.wrap(ours)
    wrapped.settimeout(30)
    try:
        wrapped.do_handshake()
        assert wrapped.recv(1) == b"!"  # session tickets come before it
        reused = bool(wrapped.session_reused)
        client.finish(wrapped)
        return reused
    finally:
        wrapped.close()
        thread.join()


def test_the_configured_name_counts_and_the_next_handshake_is_short(context: ssl.SSLContext) -> None:
    client = TlsClient(Nameserver("192.0.2.53", 853, Transport.TLS, NAME))
    assert not resumed(client, context)
    assert resumed(client, context)


def test_another_name_is_refused_with_its_reason(context: ssl.SSLContext) -> None:
    client = TlsClient(Nameserver("192.0.2.53", 853, Transport.TLS, "other.example.com"))
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        resumed(client, context)
    reason = tls_reason(caught.value)
    assert reason.startswith("certificate verify failed: Hostname mismatch")
    assert "\n" not in reason


def test_an_authority_that_is_trusted_later_is_found(
    context: ssl.SSLContext, authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    empty = tmp_path / "none.pem"
    empty.touch()
    monkeypatch.setenv("SSL_CERT_FILE", str(empty))
    client = TlsClient(Nameserver("192.0.2.53", 853, Transport.TLS, NAME))
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        resumed(client, context)
    client.note_failure(caught.value)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.chain))
    resumed(client, context)
