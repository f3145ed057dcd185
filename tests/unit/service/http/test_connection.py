"""One connection, with what its client does by itself."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest

from lowatch.service.http.connection import BadRequestError, ClientLimits, Connection, connect
from lowatch.service.http.message import text
from tests.support.aio import run_async

Act = Callable[[Connection, socket.socket], Awaitable[None]]


def with_connection(act: Act, limits: ClientLimits | None = None) -> None:
    async def run() -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        connection = await connect(ours, limits or ClientLimits())
        try:
            await act(connection, theirs)
        finally:
            connection.abort()
            theirs.close()
            await asyncio.sleep(0)

    run_async(run())


async def said(theirs: socket.socket) -> bytes:
    async with asyncio.timeout(10):
        return await asyncio.get_running_loop().sock_recv(theirs, 65536)


def test_a_request_in_pieces_is_one_request() -> None:
    async def act(connection: Connection, theirs: socket.socket) -> None:
        theirs.send(b"GET /metrics?a=b HTT")
        theirs.send(b"P/1.1\r\nHost: lowatch\r\nX: 1\r\nX: 2\r\n\r\n")
        request = await connection.next_request()
        assert request is not None
        assert (request.method, request.path, request.query) == ("GET", "/metrics", "a=b")
        assert request.host == "lowatch"
        assert request.headers["x"] == "1, 2"

    with_connection(act)


def test_an_answer_lets_the_next_request_come() -> None:
    async def act(connection: Connection, theirs: socket.socket) -> None:
        for path in ("/a", "/b"):
            theirs.send(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            request = await connection.next_request()
            assert request is not None
            await connection.respond(request, text(200, path))
            assert (await said(theirs)).endswith(f"{path}\n".encode())
            assert connection.reuse()

    with_connection(act)


def test_a_client_that_goes_away_has_no_request() -> None:
    async def act(connection: Connection, theirs: socket.socket) -> None:
        theirs.close()
        assert await connection.next_request() is None

    with_connection(act)


@pytest.mark.parametrize(
    ("octets", "status"),
    [
        (b"not http at all\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"x" * 5000, 431),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n" + b"x" * 99, 413),
        (b"GET / HTTP/1.1\r\nHost: x\r\n", 408),
    ],
)
def test_what_is_no_request_has_a_status(octets: bytes, status: int) -> None:
    async def act(connection: Connection, theirs: socket.socket) -> None:
        theirs.send(octets)
        with pytest.raises(BadRequestError) as caught:
            await connection.next_request()
        assert caught.value.status == status

    with_connection(act, ClientLimits(head_bytes=1000, body_bytes=10, head_seconds=0.3))
