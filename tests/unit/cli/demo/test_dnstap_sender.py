"""What the demo's DNS server sends, read by lowatch's own reader."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import dns.message
import dns.rrset
import pytest

from lowatch.cli.demo.dnstap_sender import client_response, connected
from lowatch.core.addresses import parse_address
from lowatch.wire.dnstap import parse_dnstap
from lowatch.wire.frame_streams import FrameReader
from tests.support.aio import run_async


def response(addresses: int = 1) -> bytes:
    """More addresses make lengths of more octets."""
    query = dns.message.make_query("shop.example.", "A")
    reply = dns.message.make_response(query)
    rows = [f"192.0.2.{number}" for number in range(1, 1 + addresses)]
    reply.answer.append(dns.rrset.from_text("shop.example.", 60, "IN", "A", *rows))
    return reply.to_wire()


@pytest.mark.parametrize("addresses", [1, 10, 100])
def test_a_response(addresses: int) -> None:
    lookup = parse_dnstap(client_response(response(addresses), "192.0.2.77"))
    assert lookup is not None
    assert (lookup.name, lookup.client) == ("shop.example", parse_address("192.0.2.77"))
    assert len(lookup.addresses) == addresses


def test_a_stream(tmp_path: Path) -> None:
    sent = response()

    async def send() -> list[bytes]:
        reader, frames, done = FrameReader(), list[bytes](), asyncio.Event()

        async def serve(incoming: asyncio.StreamReader, outgoing: asyncio.StreamWriter) -> None:
            while octets := await incoming.read(4096):
                frames.extend(reader.feed(octets))
                outgoing.write(reader.take_answer())
            outgoing.close()
            done.set()

        async with await asyncio.start_unix_server(serve, tmp_path / "dnstap.sock"):
            sender = await connected(tmp_path / "dnstap.sock")
            sender.answered(sent, "127.0.0.1")
            sender.close()
            await done.wait()
        return frames

    assert run_async(send()) == [client_response(sent, "127.0.0.1")]


def test_a_reader_that_does_not_accept(tmp_path: Path) -> None:
    async def send() -> None:
        async def refuse(incoming: asyncio.StreamReader, outgoing: asyncio.StreamWriter) -> None:
            await incoming.read(4096)
            outgoing.write(bytes(64))
            with suppress(OSError):
                await outgoing.drain()
            outgoing.close()

        async with await asyncio.start_unix_server(refuse, tmp_path / "dnstap.sock"):
            await connected(tmp_path / "dnstap.sock")

    with pytest.raises(ConnectionRefusedError, match="not accepted"):
        run_async(send())
