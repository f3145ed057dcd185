"""The demo's resolver as lowatch sees it: a dnstap stream of what it answers (https://dnstap.info)."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address
from pathlib import Path

from lowatch.wire.frame_streams import DNSTAP, Control, control_frame

_CLIENT_RESPONSE, _INET, _UDP, _MESSAGE = 6, 1, 1, 1


class DnstapSender:
    """Sends by a stream that lowatch has accepted."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    def answered(self, response: bytes, client: str) -> None:
        """response: as it was sent to the client, an IPv4 address."""
        frame = client_response(response, client)
        self._writer.write(len(frame).to_bytes(4, "big") + frame)

    def close(self) -> None:
        self._writer.close()


async def connected(path: Path) -> DnstapSender:
    """A sender to the socket at `path`, once the stream is accepted. Raises OSError."""
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(control_frame(Control.READY, DNSTAP))
    accepted = control_frame(Control.ACCEPT, DNSTAP)
    if await reader.readexactly(len(accepted)) != accepted:
        writer.close()
        raise ConnectionRefusedError("the dnstap stream was not accepted")
    writer.write(control_frame(Control.START, DNSTAP))
    return DnstapSender(writer)


def client_response(response: bytes, client: str) -> bytes:
    """A dnstap message (dnstap.proto): a resolver's response to an IPv4 client."""
    message = (
        _number(1, _CLIENT_RESPONSE)
        + _number(2, _INET)
        + _number(3, _UDP)
        + _octets(4, ip_address(client).packed)
        + _octets(14, response)
    )
    return _octets(14, message) + _number(15, _MESSAGE)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _octets(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _varint(number: int) -> bytes:
    octets = bytearray()
    while number > 0x7F:
        octets.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*octets, number])
