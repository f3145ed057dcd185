"""A web server for a test, and a client that sees every octet."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import NamedTuple, Self

from lowatch.config.settings import Listen
from lowatch.service.http.connection import ClientLimits
from lowatch.service.http.listen import listening
from lowatch.service.http.message import Request, Response, Routes, text
from lowatch.service.http.server import HttpServer

PATIENCE = 5.0
"""Seconds after which a test has failed; nothing is expected to take them."""

QUICK = ClientLimits(head_seconds=0.2, idle_seconds=0.3, write_seconds=0.4)


class Answer(NamedTuple):
    """headers: names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Client:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def to(cls, port: int, *, receive_buffer: int = 0) -> Self:
        """receive_buffer: octets of SO_RCVBUF, so that a server finds it full soon."""
        made = socket.socket()
        made.setblocking(False)
        if receive_buffer:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        await asyncio.get_running_loop().sock_connect(made, ("127.0.0.1", port))
        return cls(*await asyncio.open_connection(sock=made, limit=2**16))

    async def send(self, *parts: str | bytes) -> None:
        data = b"".join(part.encode() if isinstance(part, str) else part for part in parts)
        self.writer.write(data)
        await self.writer.drain()

    async def get(self, path: str, *headers: str, method: str = "GET") -> Answer:
        lines = (f"{method} {path} HTTP/1.1", "Host: lowatch", *headers, "", "")
        await self.send("\r\n".join(lines))
        return await self.answer(has_body=method != "HEAD")

    async def answer(self, *, has_body: bool = True) -> Answer:
        async with asyncio.timeout(PATIENCE):
            head = await self.reader.readuntil(b"\r\n\r\n")
            status_line, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
            version, status, _reason = status_line.split(" ", 2)
            assert version == "HTTP/1.1"
            pairs = [line.split(": ", 1) for line in lines]
            headers = {name.lower(): value for name, value in pairs}
            assert len(headers) == len(pairs)
            length = int(headers["content-length"]) if has_body and int(status) >= 200 else 0
            return Answer(int(status), headers, await self.reader.readexactly(length))

    async def closed(self) -> bytes:
        """What still came before the server closed, with or without a reset."""
        rest = b""
        async with asyncio.timeout(PATIENCE):
            try:
                while chunk := await self.reader.read(2**16):
                    rest += chunk
            except ConnectionResetError:
                return rest
        return rest

    async def closed_gently(self) -> None:
        """Closed, with nothing more to come, and without a reset, which might overtake an answer."""
        async with asyncio.timeout(PATIENCE):
            assert await self.reader.read(2**16) == b""

    async def close(self) -> None:
        self.writer.transport.abort()
        try:
            await self.writer.wait_closed()
        except OSError:
            return


@dataclass
class Served:
    """A server that runs, and the clients a test made of it."""

    server: HttpServer
    port: int
    task: asyncio.Task[None]
    clients: list[Client]

    async def client(self, *, receive_buffer: int = 0) -> Client:
        made = await Client.to(self.port, receive_buffer=receive_buffer)
        self.clients.append(made)
        return made

    async def get(self, path: str, *headers: str, method: str = "GET") -> Answer:
        """With a connection of its own."""
        client = await Client.to(self.port)
        try:
            return await client.get(path, *headers, method=method)
        finally:
            await client.close()


@asynccontextmanager
async def serving(
    routes: Routes, limits: ClientLimits | None = None, *, send_buffer: int = 0
) -> AsyncIterator[Served]:
    """A server on a port of its own. At the end it must close at once; and so do the clients.

    send_buffer: octets of SO_SNDBUF, so that the kernel takes no more of a response than that.
    """
    with listening([Listen("127.0.0.1", 0)]) as listeners:
        if send_buffer:
            listeners[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        async with asyncio.TaskGroup() as tasks:
            server = HttpServer(routes, limits)
            task = tasks.create_task(server.serve(listeners))
            served = Served(server, listeners[0].getsockname()[1], task, [])
            try:
                yield served
            finally:
                task.cancel()
                _, pending = await asyncio.wait([task], timeout=1)
                for client in served.clients:
                    await client.close()
            assert not pending


def hello(_request: Request) -> Response:
    return text(200, "hello")


def healthy(_request: Request) -> Response:
    return text(200, "Healthy")


ROUTES: Routes = {"/hello": {"GET": hello}, "/-/healthy": {"GET": healthy}}
