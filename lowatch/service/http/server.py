"""An HTTP/1.1 server on the running loop: no thread, and no client that can hurt another.

Everything served is in memory, so the only thing that takes time is the client. Each connection is
a task that waits for it under deadlines (connection.py). Places are few (Limits): a connection
without a request in progress gives its place to a newcomer, the longest idle first; then a request
whose client has stopped reading, the longest first; and requests in progress, probes aside, can never
have all places. So neither 500 silent clients nor 128 that stopped reading keep a scraper out, and
no number of scrapers keeps a health probe out.

One request at a time is begun in a turn of the loop, however many come at once: a page takes a
millisecond, and probes wait for one of them. Long pages are made in pieces (content.py).
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

from .connection import BadRequestError, Connection, Limits, connect
from .content import Encodings, gzipped
from .message import Headers, Request, Response, Routes, find_handler, text

_log = logging.getLogger(__name__)

PROBES = frozenset({"/-/healthy", "/-/ready"})

_ACCEPT_PAUSE = 1.0
"""Seconds to leave a listener alone when there is no descriptor or memory for a connection."""
_ROOM_AFTER = 0.02
"""Seconds instead, where a connection was ended to make room."""
_EPISODE_ENDS = 60.0
"""Seconds without another such failure, after which the next is news again."""
_STALLED_AFTER = 1.0
"""Seconds without taking a chunk, after which a client may lose its place. Whoever reads is quicker."""
_WORTH_COMPRESSING = 1024
"""Bytes. Below, a response fits one segment anyway."""
_RETRY_AFTER = ("Retry-After", "1")


class HttpServer:
    """routes: may be replaced by others at any time (a reload may move the telemetry path).

    probes: paths that are answered however many requests are in progress; keep them small.
    encodings: of long contents, which servers may share. name: what the log calls it.
    """

    def __init__(
        self,
        routes: Routes,
        limits: Limits | None = None,
        *,
        probes: Container[str] = PROBES,
        encodings: Encodings | None = None,
        name: str = "web",
    ) -> None:
        self.routes = routes
        self._name = name
        self._limits = limits or Limits()
        self._probes = probes
        self._encodings = encodings or Encodings()
        self._idle: dict[asyncio.Task[None], None] = {}
        """Conversations with no request in progress, the longest idle first."""
        self._busy: dict[asyncio.Task[None], Connection] = {}
        """Those that have one, with their places."""
        self._unsent = 0
        """Bytes of responses, beside what is shared."""
        self._turn = asyncio.Lock()
        self._pauses: dict[socket.socket, asyncio.TimerHandle] = {}
        self._short_at = -math.inf
        """When a connection could not be accepted for want of means, in monotonic seconds."""

    async def serve(self, listeners: Sequence[socket.socket]) -> None:
        """Serve until cancelled; then every connection is closed at once.

        listeners: non-blocking and listening (http_listen.listening); they stay open.
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
        """One per turn of the loop, so that a storm of connections leaves room for other work."""
        try:
            accepted, _peer = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return  # whoever it was has gone
        except OSError as error:
            self._pause(listener, conversations, error)
            return
        self._pauses.pop(listener, None)
        if len(self._idle) + len(self._busy) >= self._limits.connections:
            self._limits.met.connections.reached()
            self._evict()
        conversation = conversations.create_task(self._converse(accepted))
        self._idle[conversation] = None
        conversation.add_done_callback(self._forget)
        # A task that is cancelled before its first step never sees its socket.
        conversation.add_done_callback(lambda _: accepted.close())

    def _pause(self, listener: socket.socket, conversations: asyncio.TaskGroup, error: OSError) -> None:
        """No descriptor or memory for it: it stays in the backlog, and would wake us for ever."""
        now = time.monotonic()
        if now - self._short_at > _EPISODE_ENDS:
            _log.warning("%s: cannot accept connections: %s, trying again", self._name, error.strerror)
        self._short_at = now
        pause = _ROOM_AFTER if self._evict() or self._end_stalled() else _ACCEPT_PAUSE
        loop = asyncio.get_running_loop()
        loop.remove_reader(listener)
        self._pauses[listener] = loop.call_later(
            pause, loop.add_reader, listener, self._accept, listener, conversations
        )

    def _evict(self) -> bool:
        """End the longest idle conversation, if there is one."""
        longest_idle = next(iter(self._idle), None)
        if longest_idle is None:
            return False
        self._forget(longest_idle)
        longest_idle.cancel()
        return True

    def _forget(self, conversation: asyncio.Task[None]) -> None:
        self._idle.pop(conversation, None)

    def _refusal(self) -> Response | None:
        """Why there is no place for another request; None where there is one."""
        if len(self._busy) >= self._limits.requests:
            met, why = self._limits.met.requests, "Too many requests"
        elif self._unsent + self._encodings.size >= self._limits.unsent_bytes:
            met, why = self._limits.met.unsent_bytes, "Too many responses are not taken"
        else:
            return None
        met.reached()
        return None if self._end_stalled() else text(503, why, _RETRY_AFTER)

    def _end_stalled(self) -> bool:
        """End the request whose client has taken nothing for the longest time, if that is long enough."""
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
        """The conversation that runs this has a request, and keeps its place meanwhile."""
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
                await asyncio.sleep(0)  # a client that pipelines must not keep the loop
        except BadRequestError as error:
            await connection.respond(None, text(error.status))

    async def _answer(self, connection: Connection, request: Request) -> None:
        if request.path in self._probes:
            await connection.respond(request, await self._finished(request, self._begin(request)))
        elif (refusal := self._refusal()) is not None:
            await connection.respond(request, refusal)
        else:
            with self._in_progress(connection):
                response = await self._in_turn(request)
                self._unsent += len(response.body)
                try:
                    await connection.respond(request, response)
                finally:
                    self._unsent -= len(response.body)

    async def _in_turn(self, request: Request) -> Response:
        async with self._turn:
            begun = self._begin(request)
            if isinstance(begun, Response):
                await asyncio.sleep(0)
        return await self._finished(request, begun)

    def _begin(self, request: Request) -> Response | Awaitable[Response]:
        found = find_handler(self.routes, request)
        if isinstance(found, Response):
            return found
        try:
            return found(request)
        except Exception:
            return self._failed(request)

    async def _finished(self, request: Request, begun: Response | Awaitable[Response]) -> Response:
        try:
            return await self._encoded(request, begun if isinstance(begun, Response) else await begun)
        except Exception:
            return self._failed(request)

    def _failed(self, request: Request) -> Response:
        _log.exception("%s: %s %s failed", self._name, request.method, request.path)
        return text(500)

    async def _encoded(self, request: Request, response: Response) -> Response:
        """With its content as chunks, and gzipped for a client that takes it, where that pays."""
        gzip = request.takes_gzip
        if response.content is not None:
            front, end = await self._encodings.encode(response.content, gzip=gzip)
        elif gzip and len(response.body) > _WORTH_COMPRESSING:
            front, end = await gzipped(response.body)
        else:
            return response
        headers = _varying(response.headers, "Accept-Encoding")
        if gzip:
            headers = (*headers, ("Content-Encoding", "gzip"))
        return replace(response, body=end, front=front, content=None, headers=headers)


def _varying(headers: Headers, name: str) -> Headers:
    """With that name among those of Vary."""
    names = [value for header, value in headers if header == "Vary"]
    return (*(pair for pair in headers if pair[0] != "Vary"), ("Vary", ", ".join((*names, name))))
