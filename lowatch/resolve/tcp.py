"""One query over TCP (RFC 7766), for the answers that do not fit into a datagram."""

from __future__ import annotations

import asyncio
import socket


async def exchange_tcp(family: int, address: tuple[object, ...], query: bytes) -> bytes:
    """Connect, ask once, and return the reply (at most 64 KiB, by its two octets of length).

    Raises OSError; EOFError where the server closes early. The deadline is the caller's.
    """
    loop = asyncio.get_running_loop()
    with socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as sock:
        await loop.sock_connect(sock, address)
        await loop.sock_sendall(sock, len(query).to_bytes(2, "big") + query)
        length = int.from_bytes(await _receive_exactly(sock, 2), "big")
        return await _receive_exactly(sock, length)


async def _receive_exactly(sock: socket.socket, length: int) -> bytes:
    loop = asyncio.get_running_loop()
    received = bytearray()
    while len(received) < length:
        chunk = await loop.sock_recv(sock, length - len(received))
        if not chunk:
            raise EOFError("the server closed the connection before its reply was complete")
        received += chunk
    return bytes(received)
