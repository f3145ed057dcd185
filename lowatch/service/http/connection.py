"""One client's connection: h11 parses HTTP/1.1, and deadlines limit how long the client may take.

A client that violates the protocol, is too slow or disconnects ends only its own connection.
"""

from __future__ import annotations

import asyncio
import math
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import NamedTuple

import h11

from lowatch.core.limits.http import (
    WEB_BODY_BYTES,
    WEB_CONNECTIONS,
    WEB_HEAD_BYTES,
    WEB_REQUESTS,
    WEB_UNSENT_BYTES,
)
from lowatch.core.limits.limit import Limit

from .content import CHUNK
from .message import Request, Response, http_date

_LINGER_SECONDS = 1.0
_LINGER_CHUNKS = 16
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # struct linger: on, 0 s


class CountedLimits(NamedTuple):
    """The limits of core/limits/ that count how often a server reached its ClientLimits."""

    connections: Limit = WEB_CONNECTIONS
    requests: Limit = WEB_REQUESTS
    unsent_bytes: Limit = WEB_UNSENT_BYTES


_WEB_LIMITS = CountedLimits()


@dataclass(frozen=True, slots=True)
class ClientLimits:
    """What the clients of a server may use.

    connections: open at once. Another one replaces the longest idle.
    requests: in progress at once, without health probes; fewer than `connections`, so that a probe can
        always connect.
    unsent_bytes: of all responses that are being rendered, or that their clients have not received yet.
    head_bytes, body_bytes: of a request. A body is read and ignored.
    head_seconds: from a connection's start to the first byte, and from there to the end of the request.
    idle_seconds: between requests. It exceeds the usual scrape interval, so that scrapers stay connected.
    write_seconds: for the client to receive a whole response.
    """

    connections: int = WEB_CONNECTIONS.value
    requests: int = WEB_REQUESTS.value
    unsent_bytes: int = WEB_UNSENT_BYTES.value
    head_bytes: int = WEB_HEAD_BYTES.value
    body_bytes: int = WEB_BODY_BYTES.value
    head_seconds: float = 5.0
    idle_seconds: float = 120.0
    write_seconds: float = 30.0
    counted: CountedLimits = _WEB_LIMITS


class BadRequestError(Exception):
    """The request is answered with an error status, and then the connection must be closed."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


async def connect(accepted: socket.socket, limits: ClientLimits) -> Connection:
    """The connection of an accepted socket, which it owns from now on."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=CHUNK)
    protocol = asyncio.StreamReaderProtocol(reader)
    transport, _ = await loop.connect_accepted_socket(lambda: protocol, accepted)
    # So that drain() returns only when the kernel has everything, and its deadline applies to the client.
    transport.set_write_buffer_limits(high=0)
    return Connection(reader, asyncio.StreamWriter(transport, protocol, reader, loop), limits)


class Connection:
    """Reads requests one at a time, and writes their responses.

    All coroutines raise OSError if the connection breaks, and TimeoutError (a subclass) if the client is
    too slow.
    """

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limits: ClientLimits
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._limits = limits
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=limits.head_bytes)
        self._timeout = limits.head_seconds
        self.waits_since = math.inf
        """The monotonic seconds since which the client has not received what is being sent."""

    async def next_request(self) -> Request | None:
        """The next complete request; None if the client has ended. Raises BadRequestError."""
        if not self._unread:
            async with asyncio.timeout(self._timeout):
                await self._read()
        try:
            async with asyncio.timeout(self._limits.head_seconds):
                return await self._next_request()
        except TimeoutError:
            raise BadRequestError(408) from None
        except h11.RemoteProtocolError as error:
            if error.error_status_hint == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE:
                WEB_HEAD_BYTES.reached()
            raise BadRequestError(error.error_status_hint) from error

    async def respond(self, request: Request | None, response: Response) -> None:
        """Send a response. request: None for a request that could not be parsed, which is the last one."""
        head = h11.Response(
            status_code=response.status,
            reason=HTTPStatus(response.status).phrase,
            headers=_headers(response, request),
        )
        first, *more = [b""] if request is not None and request.method == "HEAD" else _chunks(response)
        try:
            async with asyncio.timeout(self._limits.write_seconds):
                await self._send(head, h11.Data(data=first))
                for chunk in more:
                    await self._send(h11.Data(data=chunk))
                await self._send(h11.EndOfMessage())
        finally:
            self.waits_since = math.inf

    def reuse(self) -> bool:
        """Prepare for another request. Returns False if the connection must be closed instead."""
        if self._http.states != {h11.CLIENT: h11.DONE, h11.SERVER: h11.DONE}:
            return False
        self._http.start_next_cycle()
        self._timeout = self._limits.idle_seconds
        return True

    async def close(self) -> None:
        """Close the connection so that the client still receives the last response.

        A socket that is closed with unread input resets the connection, and the reset overtakes the
        response. In that case our side is shut down first, and input is read for a moment.
        """
        async with asyncio.timeout(_LINGER_SECONDS):
            if self._unread or self._http.their_state in (h11.ERROR, h11.SEND_BODY):
                self._writer.write_eof()
                for _ in range(_LINGER_CHUNKS):
                    if not await self._reader.read(CHUNK):
                        break
            self._writer.close()
            await self._writer.wait_closed()

    def abort(self) -> None:
        """Close the connection at once. After close() it does nothing."""
        transport = self._writer.transport
        if transport.get_write_buffer_size():
            # An incomplete response. Without a reset the kernel would keep it for minutes for a client
            # that does not read.
            transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE
            )
        transport.abort()

    @property
    def _unread(self) -> bool:
        """Whether there is input that no event has consumed, because the client pipelines."""
        data, _closed = self._http.trailing_data
        return bool(data)

    async def _read(self) -> None:
        self._http.receive_data(await self._reader.read(CHUNK))

    async def _send(self, *events: h11.Response | h11.Data | h11.EndOfMessage) -> None:
        self.waits_since = time.monotonic()
        self._writer.write(b"".join(self._http.send(event) or b"" for event in events))
        await self._writer.drain()

    async def _next_request(self) -> Request | None:
        request = None
        ignored = 0
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                self._invite_body()
                await self._read()
            elif isinstance(event, h11.Request):
                request = _parse_request(event)
            elif isinstance(event, h11.Data):
                ignored += len(event.data)
                if ignored > self._limits.body_bytes:
                    WEB_BODY_BYTES.reached()
                    raise BadRequestError(413)
            elif isinstance(event, h11.EndOfMessage):
                return request
            else:  # h11.ConnectionClosed, before a request
                return None

    def _invite_body(self) -> None:
        """Send 100 Continue to a client that waits for it before it sends a body (RFC 9110, 10.1.1)."""
        if self._http.they_are_waiting_for_100_continue:
            go_on = h11.InformationalResponse(status_code=100, headers=[])
            self._writer.write(self._http.send(go_on) or b"")


def _parse_request(event: h11.Request) -> Request:
    """The request.

    Its target is a path or a URL, whose host then replaces the Host header (RFC 9112, 3.2).
    """
    target = event.target.decode("ascii", "replace")
    _scheme, is_absolute, rest = target.partition("://")
    host = None
    if is_absolute and not target.startswith("/"):
        host, _, rest = rest.partition("/")
        target = "/" + rest
    path, _, query = target.partition("?")
    headers: dict[str, str] = {}
    for raw_name, raw_value in event.headers:
        name, value = raw_name.decode("ascii"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    host = headers.get("host", "") if host is None else host
    return Request(event.method.decode("ascii"), path, query, headers, host)


def _chunks(response: Response) -> Iterator[bytes]:
    """The response's body in at least one chunk."""
    if response.front is not None:
        yield from response.front.chunks
    yield response.body[:CHUNK]
    for start in range(CHUNK, len(response.body), CHUNK):
        yield response.body[start : start + CHUNK]


def _headers(response: Response, request: Request | None) -> list[tuple[str, str]]:
    headers = [
        ("Date", http_date(time.time())),
        ("Content-Type", response.content_type),
        ("Content-Length", str(response.length)),
        ("X-Content-Type-Options", "nosniff"),
        *response.headers,
    ]
    if request is None:
        headers.append(("Connection", "close"))
    return headers
