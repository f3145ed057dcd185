"""An HTTP/1.1 server on the running loop: no thread, and no client that can hurt another.

Everything served is in memory, so the only thing that takes time is the client. Each connection is
a task that waits for it under deadlines (http_connection.py). Places are few (Limits): a connection
without a request in progress gives its place to a newcomer, the longest idle first, and requests in
progress, probes aside, can never have all of them. So 500 silent clients do not keep a scraper out,
and 128 scrapers that stopped reading do not keep a health probe out.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager

from .http_connection import BadRequestError, Connection, Limits, connect
from .http_message import (
    WORTH_COMPRESSING,
    Request,
    Response,
    Routes,
    compressed,
    find_handler,
    text,
)

_log = logging.getLogger(__name__)

PROBES = frozenset({"/-/healthy", "/-/ready"})

_ACCEPT_PAUSE = 1.0
"""Seconds to leave a listener alone when there is no descriptor or memory for a connection."""


class HttpServer:
    """routes: may be replaced by others at any time (a reload may move the telemetry path).

    probes: paths that are answered however many requests are in progress; keep them small.
    name: what the log calls it.
    """

    def __init__(
        self,
        routes: Routes,
        limits: Limits | None = None,
        *,
        probes: Container[str] = PROBES,
        name: str = "web",
    ) -> None:
        self.routes = routes
        self._name = name
        self._limits = limits or Limits()
        self._probes = probes
        self._idle: dict[asyncio.Task[None], None] = {}
        """Conversations with no request in progress, the longest idle first."""
        self._busy = 0
        self._unsent = 0
        self._pauses: dict[socket.socket, asyncio.TimerHandle] = {}

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
        if len(self._idle) + self._busy >= self._limits.connections:
            self._evict()
        conversation = conversations.create_task(self._converse(accepted))
        self._idle[conversation] = None
        conversation.add_done_callback(self._forget)
        # A task that is cancelled before its first step never sees its socket.
        conversation.add_done_callback(lambda _: accepted.close())

    def _pause(self, listener: socket.socket, conversations: asyncio.TaskGroup, error: OSError) -> None:
        """No descriptor or memory for it: it stays in the backlog, and would wake us for ever."""
        if listener not in self._pauses:
            _log.warning("%s: cannot accept connections: %s, trying again", self._name, error.strerror)
        self._evict()
        loop = asyncio.get_running_loop()
        loop.remove_reader(listener)
        self._pauses[listener] = loop.call_later(
            _ACCEPT_PAUSE, loop.add_reader, listener, self._accept, listener, conversations
        )

    def _evict(self) -> None:
        """End the longest idle conversation."""
        longest_idle = next(iter(self._idle), None)
        if longest_idle is not None:
            self._forget(longest_idle)
            longest_idle.cancel()

    def _forget(self, conversation: asyncio.Task[None]) -> None:
        self._idle.pop(conversation, None)

    @contextmanager
    def _in_progress(self) -> Iterator[None]:
        """The conversation that runs this has a request, and keeps its place meanwhile."""
        conversation = asyncio.current_task()
        assert conversation is not None
        del self._idle[conversation]
        self._busy += 1
        try:
            yield
        finally:
            self._busy -= 1
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
            await connection.respond(request, await self._handle(request))
        elif self._busy >= self._limits.requests or self._unsent >= self._limits.unsent_bytes:
            await connection.respond(request, text(503, "Too many requests"))
        else:
            with self._in_progress():
                response = await self._handle(request)
                self._unsent += len(response.body)
                try:
                    await connection.respond(request, response)
                finally:
                    self._unsent -= len(response.body)

    async def _handle(self, request: Request) -> Response:
        found = find_handler(self.routes, request)
        if isinstance(found, Response):
            return found
        try:
            response = found(request)
            if not isinstance(response, Response):
                response = await response
        except Exception:
            _log.exception("%s: %s %s failed", self._name, request.method, request.path)
            return text(500)
        if request.takes_gzip and len(response.body) > WORTH_COMPRESSING:
            return await compressed(response)
        return response
