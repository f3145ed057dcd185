"""DNS over TLS to unbound, and to servers whom nobody should trust: never a question in plain text."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from lowatch.config.settings import Nameserver, Transport
from lowatch.resolve.upstream import stream_channel, stream_connection
from lowatch.resolve.upstream.tls import TlsClient
from tests.support.aio import run_async
from tests.support.certificates import Authority, Certificate
from tests.support.dns_server import Knot
from tests.support.streams import ADDRESS, asking, names
from tests.support.unbound import Unbound

NAME = "dns.example.com"
READY, READY_ADDRESS = "ready.test", "192.0.2.1"
ZONES = {
    "test": "\n".join(f"n{n} A {ADDRESS}" for n in range(500))
    + "\n".join(["", *(f"big A 10.0.{n // 256}.{n % 256}" for n in range(3000))])
}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def certificate(authority: Authority) -> Certificate:
    return authority.sign(NAME)


@pytest.fixture(autouse=True)
def trusted(monkeypatch: pytest.MonkeyPatch, authority: Authority) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.chain))
    monkeypatch.setenv("SSL_CERT_DIR", "/nowhere")


@pytest.fixture
def wrapped(monkeypatch: pytest.MonkeyPatch) -> list[ssl.SSLSocket]:
    """The socket of every connection that a channel opens."""
    sockets = list[ssl.SSLSocket]()
    real = TlsClient.wrap

    def wrap(client: TlsClient, sock: socket.socket) -> ssl.SSLSocket:
        sockets.append(real(client, sock))
        return sockets[-1]

    monkeypatch.setattr(TlsClient, "wrap", wrap)
    return sockets


def reason_of(server: Nameserver, **options: float) -> str:
    async def scenario() -> str:
        async with asking(server, **options) as asked:
            first, second = await asked.ask(READY, "n0.test")
            assert first == second
            assert asked.channel.health.given_up == first.startswith("over TLS: ")
            return first

    return run_async(scenario())


def test_all_questions_go_over_one_connection(
    certificate: Certificate, wrapped: list[ssl.SSLSocket]
) -> None:
    async def scenario(server: Nameserver) -> None:
        async with asking(server) as asked:
            assert asked.channel.name == f"tls://127.0.0.1:{server.port}#{NAME}"
            await asked.ask(READY)
            for _ in range(2):
                assert await asked.ask(*names(500)) == [ADDRESS] * 500
            (only,) = wrapped
            assert only.version() in ("TLSv1.2", "TLSv1.3")

    with Knot(ZONES) as knot, Unbound(knot.nameserver, certificate) as unbound:
        run_async(scenario(unbound.nameserver))


@pytest.mark.parametrize("chunks_at_once", [1, 16])
def test_an_answer_of_many_records_of_tls(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch, chunks_at_once: int
) -> None:
    """None is kept back, decrypted, while the socket has nothing more to read."""
    monkeypatch.setattr(stream_connection, "_CHUNKS_AT_ONCE", chunks_at_once)

    async def scenario(server: Nameserver) -> None:
        async with asking(server) as asked:
            for _ in range(3):
                texts = await asked.ask("big.test", "n0.test", "big.test", "n1.test", "big.test")
                assert [len(text.split()) for text in texts] == [3000, 1, 3000, 1, 3000]

    with Knot(ZONES) as knot, Unbound(knot.nameserver, certificate) as unbound:
        run_async(scenario(unbound.nameserver))


def test_an_address_can_be_certified_too(authority: Authority) -> None:
    async def scenario(server: Nameserver) -> None:
        assert server.name == ""
        async with asking(server) as asked:
            assert await asked.ask(READY) == [READY_ADDRESS]

    with Unbound(None, authority.sign("127.0.0.1")) as unbound:
        run_async(scenario(unbound.nameserver))


def test_the_next_handshake_is_a_short_one(
    certificate: Certificate, wrapped: list[ssl.SSLSocket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_channel, "IDLE", 0.01)

    async def scenario(server: Nameserver) -> None:
        async with asking(server) as asked:
            await asked.ask(READY)
            assert not wrapped[-1].session_reused
            async with asyncio.timeout(20):
                while wrapped[-1].fileno() >= 0:  # until it is closed, because it is idle
                    await asyncio.sleep(0.01)
            await asked.ask(READY)
            assert wrapped[-1].session_reused

    with Unbound(None, certificate) as unbound:
        run_async(scenario(unbound.nameserver))


def test_a_restart_of_the_server_costs_nothing(certificate: Certificate) -> None:
    """Its keys for sessions are new then, and the old session is no good."""

    async def scenario(unbound: Unbound) -> None:
        async with asking(unbound.nameserver) as asked:
            for _ in range(3):
                assert await asked.ask(READY) == [READY_ADDRESS]
                unbound.kill()
                unbound.start()
            assert {rcode for rcode, _ in asked.observed} == {"NOERROR"}

    with Unbound(None, certificate) as unbound:
        run_async(scenario(unbound))


# Servers not to be trusted.


def test_another_name(certificate: Certificate) -> None:
    with Unbound(None, certificate) as unbound:
        assert reason_of(unbound.nameserver._replace(name="dns.example.net")) == (
            "over TLS: certificate verify failed: "
            "Hostname mismatch, certificate is not valid for 'dns.example.net'"
        )
        assert reason_of(unbound.nameserver._replace(name="")) == (
            "over TLS: certificate verify failed: "
            "IP address mismatch, certificate is not valid for '127.0.0.1'"
        )


def test_an_expired_certificate(authority: Authority) -> None:
    with Unbound(None, authority.sign(NAME, days=-1)) as unbound:
        assert reason_of(unbound.nameserver) == (
            "over TLS: certificate verify failed: certificate has expired"
        )


def test_an_authority_that_is_not_trusted_until_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, authority: Authority, certificate: Certificate
) -> None:
    """Once the system trusts it, no restart is needed."""
    monkeypatch.setenv("SSL_CERT_FILE", str(Authority(tmp_path, "another").chain))

    async def scenario(server: Nameserver) -> None:
        async with asking(server) as asked:
            assert await asked.ask(READY) == [
                "over TLS: certificate verify failed: unable to get local issuer certificate"
            ]
            monkeypatch.setenv("SSL_CERT_FILE", str(authority.chain))
            assert await asked.ask(READY) == [READY_ADDRESS]

    with Unbound(None, certificate) as unbound:
        run_async(scenario(unbound.nameserver))


def test_a_name_only_in_the_subject_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = Authority(tmp_path, NAME)
    monkeypatch.setenv("SSL_CERT_FILE", str(alone.chain))
    with Unbound(None, alone.as_certificate()) as unbound:
        assert reason_of(unbound.nameserver._replace(name=NAME)) == (
            f"over TLS: certificate verify failed: Hostname mismatch, certificate is not valid for '{NAME}'"
        )


@pytest.mark.parametrize("name", ["." + NAME, "x" * 64 + ".example.com", "a..b"])
def test_a_name_that_cannot_be_one(certificate: Certificate, name: str) -> None:
    with Unbound(None, certificate) as unbound:
        assert reason_of(unbound.nameserver._replace(name=name)).startswith("over TLS: ")


def test_plain_dns_servers() -> None:
    """To them a ClientHello is the start of a long message."""
    with Knot(ZONES) as knot, Unbound(None) as unbound:
        for plain in knot.nameserver, unbound.plain:
            server = plain._replace(transport=Transport.TLS, name=NAME)
            assert reason_of(server, timeout=0.2) == "no TLS handshake within 0.2 s"


class Stranger(asyncio.Protocol):
    """Does something else than a handshake when the first octets arrive. heard: all of them."""

    def __init__(self, behave: Callable[[asyncio.Transport], object]) -> None:
        self._behave = behave
        self.heard = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self.heard += data
        self._behave(self._transport)


STRANGERS: dict[str, tuple[Callable[[asyncio.Transport], object], str]] = {
    "speaks HTTP": (
        lambda transport: transport.write(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        "over TLS: wrong version number",
    ),
    "closes": (
        lambda transport: transport.close(),
        "over TLS: the server closed the connection",
    ),
    "stalls": (lambda transport: None, "no TLS handshake within 0.2 s"),
    "sends an alert": (
        lambda transport: transport.write(bytes.fromhex("15030300020246")),  # fatal, protocol_version
        "over TLS: tlsv1 alert protocol version",
    ),
}


@pytest.mark.parametrize("case", STRANGERS)
def test_strangers_hear_no_question(case: str) -> None:
    behave, reason = STRANGERS[case]
    strangers: list[Stranger] = []

    def meet() -> Stranger:
        strangers.append(Stranger(behave))
        return strangers[-1]

    async def scenario() -> None:
        async with await asyncio.get_running_loop().create_server(meet, "127.0.0.1", 0) as listening:
            port = listening.sockets[0].getsockname()[1]
            async with asking(Nameserver("127.0.0.1", port, Transport.TLS, NAME), timeout=0.2) as asked:
                assert await asked.ask(*names(3)) == [reason] * 3
            (stranger,) = strangers
            assert stranger.heard[:2] == b"\x16\x03"  # a handshake record
            assert b"\4test" not in stranger.heard

    run_async(scenario())


def test_closing_during_the_handshake() -> None:
    async def scenario() -> None:
        started = asyncio.Event()
        loop = asyncio.get_running_loop()
        stranger = Stranger(lambda transport: started.set())
        async with await loop.create_server(lambda: stranger, "127.0.0.1", 0) as listening:
            port = listening.sockets[0].getsockname()[1]
            async with asking(Nameserver("127.0.0.1", port, Transport.TLS, NAME)) as asked:
                questions = asked.put("n0.test")
                await started.wait()
                assert asked.channel.close() == questions
            await asyncio.sleep(0.01)
            assert asked.ended == []

    run_async(scenario())
