"""An HTTP/1.1 server on the running loop, without threads. No client can harm another.

Everything served is in memory, so only the clients take time. Each connection is a task that waits for its
client with deadlines (connection.py). The number of connections is limited (ClientLimits). A new connection
replaces the longest idle one, or else the one whose client has not read its response for the longest time.
Requests in progress, without probes, never use all connections. So neither 500 silent clients nor 128 that
stopped reading keep a scraper out, and no number of scrapers keeps a health probe out.

Each turn of the loop starts one request at most: a page takes a millisecond, and probes wait for one page
only. Long pages are rendered in pieces (content.py).
"""

from __future__ import annotations

import asyncio
import logging
import math
import socket
import time
from collections.abc import Awaitable, Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from .connection import BadRequestError, ClientLimits, Connection, connect
from .content import Encodings, gzipped
from .message import Headers, Request, Response, Routes, find_handler, text

_log = logging.getLogger(__name__)

PROBES = frozenset({"/-/healthy", "/-/ready"})

_ACCEPT_PAUSE = 1.0
"""Seconds without accepting connections, when there is no descriptor or memory for one."""
_ACCEPT_PAUSE_AFTER_EVICTION = 0.02
"""Seconds instead, if another connection was closed to make room."""
_LOG_AGAIN_AFTER = 60.0
"""Seconds without a failure to accept, after which the next one is logged again."""
_STALLED_AFTER = 1.0
"""Seconds without receiving a chunk, after which a client may be disconnected.

Clients that read are faster.
"""
_MIN_COMPRESSED = 1024
"""Bytes. A smaller response fits one segment anyway, and is not compressed."""
_RETRY_AFTER = ("Retry-After", "1")


class HttpServer:
    """Serves routes on any number of listening sockets.

    routes: looked up for each request, since a reload may change the telemetry path.
    probes: paths that are answered even while all requests are in use; their responses must be small.
    encodings: of long contents; servers may share them. name: for log messages.
    """

    def __init__(
        self,
        routes: Routes,
        limits: ClientLimits | None = None,
        *,
        probes: Container[str] = PROBES,
        encodings: Encodings | None = None,
        name: str = "web",
    ) -> None:
        self._routes = routes
        self._name = name
        self._limits = limits or ClientLimits()
        self._probes = probes
        self._encodings = encodings or Encodings()
        self._idle: dict[asyncio.Task[None], None] = {}
        """Connections without a request in progress, the longest idle first."""
        self._busy: dict[asyncio.Task[None], Connection] = {}
        """Connections with a request in progress."""
        self._unsent = 0
        """Bytes of responses that are not shared."""
        self._turn = asyncio.Lock()
        self._pauses: dict[socket.socket, asyncio.TimerHandle] = {}
        self._failed_at = -math.inf
        """The monotonic seconds when a connection last could not be accepted."""

    async def serve(self, listeners: Sequence[socket.socket]) -> None:
        """Serve until cancelled; then all connections are closed at once.

        listeners: listening and non-blocking (see listen.py); they stay open.
        """
        async with asyncio.TaskGroup() as conversations:
            with self._accepting(listeners, conversations):
                await asyncio.get_running_loop().create_future()

    @contextmanager
    def _accepting(
        self, listeners: Sequence[socket.socket], conversations: asyncio.TaskGroup
    ) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for listener in listeners:
            loop.add_reader(listener, self._accept, listener, conversations)
        try:
            yield
        finally:
            for listener in listeners:
                loop.remove_reader(listener)
            for pause in self._pauses.values():
                pause.cancel()

    def _accept(self, listener: socket.socket, conversations: asyncio.TaskGroup) -> None:
        """Accept one connection per turn of the loop, so that many at once do not block other work."""
        try:
            accepted, _peer = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return  # the client has disconnected already
        except OSError as error:
            self._pause(listener, conversations, error)
            return
        self._pauses.pop(listener, None)
        if len(self._idle) + len(self._busy) >= self._limits.connections:
            self._limits.counted.connections.reached()
            self._evict()
        conversation = conversations.create_task(self._converse(accepted))
        self._idle[conversation] = None
        conversation.add_done_callback(self._forget)
        # A task that is cancelled before its first step never sees its socket.
        conversation.add_done_callback(lambda _: accepted.close())

    def _pause(self, listener: socket.socket, conversations: asyncio.TaskGroup, error: OSError) -> None:
        """Stop accepting for a moment: the connection in the backlog would wake the loop endlessly."""
        now = time.monotonic()
        if now - self._failed_at > _LOG_AGAIN_AFTER:
            _log.warning("%s: cannot accept connections: %s, trying again", self._name, error.strerror)
        self._failed_at = now
        evicted = self._evict() or self._end_stalled()
        pause = _ACCEPT_PAUSE_AFTER_EVICTION if evicted else _ACCEPT_PAUSE
        loop = asyncio.get_running_loop()
        loop.remove_reader(listener)
        self._pauses[listener] = loop.call_later(
            pause, loop.add_reader, listener, self._accept, listener, conversations
        )

    def _evict(self) -> bool:
        """Close the longest idle connection. Returns False if there is none."""
        longest_idle = next(iter(self._idle), None)
        if longest_idle is None:
            return False
        self._forget(longest_idle)
        longest_idle.cancel()
        return True

    def _forget(self, conversation: asyncio.Task[None]) -> None:
        self._idle.pop(conversation, None)

    def _refusal(self) -> Response | None:
        """A 503 response if another request exceeds a limit; None if it does not."""
        if len(self._busy) >= self._limits.requests:
            limit, why = self._limits.counted.requests, "Too many requests"
        elif self._unsent + self._encodings.size >= self._limits.unsent_bytes:
            limit, why = self._limits.counted.unsent_bytes, "Too many unread responses"
        else:
            return None
        limit.reached()
        return None if self._end_stalled() else text(503, why, _RETRY_AFTER)

    def _end_stalled(self) -> bool:
        """Close the connection whose client has not read for the longest time.

        Returns False if all read.
        """
        if not self._busy:
            return False
        conversation, connection = min(self._busy.items(), key=lambda each: each[1].waits_since)
        if time.monotonic() - connection.waits_since < _STALLED_AFTER:
            return False
        del self._busy[conversation]
        conversation.cancel()
        return True

    @contextmanager
    def _in_progress(self, connection: Connection) -> Iterator[None]:
        """While this context lasts, the current task's connection has a request in progress."""
        conversation = asyncio.current_task()
        assert conversation is not None
        del self._idle[conversation]
        self._busy[conversation] = connection
        try:
            yield
        finally:
            self._busy.pop(conversation, None)
            self._idle[conversation] = None

    async def _converse(self, accepted: socket.socket) -> None:
        connection = await connect(accepted, self._limits)
        try:
            await self._answer_all(connection)
            await connection.close()
        except OSError as error:  # a TimeoutError is one
            _log.debug("%s: a client went away or was too slow: %r", self._name, error)
        except Exception:
            _log.exception("%s: a connection failed, closing it", self._name)
        finally:
            connection.abort()

    async def _answer_all(self, connection: Connection) -> None:
        try:
            while (request := await connection.next_request()) is not None:
                await self._answer(connection, request)
                if not connection.reuse():
                    return
                await asyncio.sleep(0)  # a client that pipelines must not block the loop
        except BadRequestError as error:
            await connection.respond(None, text(error.status))

    async def _answer(self, connection: Connection, request: Request) -> None:
        if request.path in self._probes:
            await connection.respond(request, await self._finished(request, self._begin(request)))
        elif (refusal := self._refusal()) is not None:
            await connection.respond(request, refusal)
        else:
            with self._in_progress(connection):
                async with self._turn:
                    begun = self._begin(request)
                    if isinstance(begun, Response):
                        await asyncio.sleep(0)
                response = await self._finished(request, begun)
                self._unsent += len(response.body)
                try:
                    await connection.respond(request, response)
                finally:
                    self._unsent -= len(response.body)

    def _begin(self, request: Request) -> Response | Awaitable[Response]:
        found = find_handler(self._routes, request)
        if isinstance(found, Response):
            return found
        try:
            return found(request)
        except Exception:
            return self._failed(request)

    async def _finished(self, request: Request, begun: Response | Awaitable[Response]) -> Response:
        """The response with its content encoded as chunks, and gzipped if the client accepts that."""
        gzip = request.takes_gzip
        try:
            response = begun if isinstance(begun, Response) else await begun
            if response.content is not None:
                front, end = await self._encodings.encode(response.content, gzip=gzip)
            elif gzip and len(response.body) > _MIN_COMPRESSED:
                front, end = await gzipped(response.body)
            else:
                return response
        except Exception:
            return self._failed(request)
        headers = _varying(response.headers, "Accept-Encoding")
        if gzip:
            headers = (*headers, ("Content-Encoding", "gzip"))
        return replace(response, body=end, front=front, content=None, headers=headers)

    def _failed(self, request: Request) -> Response:
        _log.exception("%s: %s %s failed", self._name, request.method, request.path)
        return text(500)


def _varying(headers: Headers, name: str) -> Headers:
    """The headers with a name added to Vary."""
    names = [value for header, value in headers if header == "Vary"]
    return (*(pair for pair in headers if pair[0] != "Vary"), ("Vary", ", ".join((*names, name))))
