"""Listens where unbound, BIND and others send dnstap, and reads what they told their clients.

A resolver that finds nobody there keeps a little, and connects again by itself.
No peer can harm another one: each is a task with one message in memory, and they share a quarter of a core.
At the limit, the peer that has reported nothing for the longest time makes room. Users do not tell liars
from resolvers: under PrivateUsers=yes all have the uid 65534.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from lowatch.core.limits.lookups import LOOKUP_PEERS
from lowatch.core.name_sources import NameSource
from lowatch.wire.dnstap import parse_dnstap
from lowatch.wire.frame_streams import FrameError, FrameReader
from lowatch.wire.lookup import mentions

from .sink import Effort, LookupSink

SOCKET_NAME = "dnstap.sock"
_MODE = 0o666
"""Resolvers run as users of their own. Names from a liar are followed too, and then DNS decides."""
_BACKLOG = 16
_PIECE = 64 << 10
_GATHER, _MUCH = 0.002, 4 << 10
"""Seconds after a read of fewer octets, in which more gathers: a wake-up for each message costs the
resolver, too. No longer: a socket holds some 280 messages, and unbound drops what it cannot send.
"""
_ANSWER_WITHIN = 10.0
"""Seconds that a peer gets for reading our answer, which fits its buffer."""
_START_WITHIN = 10.0
"""Seconds that a peer gets to begin a stream. In one that has begun, it may be silent."""
_EXPECTED_WITHIN = 60.0
"""Seconds without any resolver, after which that is a problem."""
_ACCEPT_PAUSE = 1.0
_ACCEPT_REST = 0.005
"""Seconds after each connection. While more of them wait, accept() returns without a turn of the loop."""
_LOGGED_EVERY = 60.0
"""Seconds between two lines about peers that were disconnected."""
_CROWDED_FOR = 60.0
"""Seconds after a peer was displaced, during which that is a problem."""

_log = logging.getLogger(__name__)


@contextmanager
def dnstap_listening(directory: Path | None) -> Iterator[socket.socket | None]:
    """A context with the listening, non-blocking socket in `directory`; None without one. Raises OSError.

    The control socket's lock, in the same directory, guards against another daemon.
    """
    if directory is None:
        yield None
        return
    path = directory / SOCKET_NAME
    with suppress(FileNotFoundError):
        if stat.S_ISSOCK(path.lstat().st_mode):
            path.unlink()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as listener:
        os.fchmod(listener.fileno(), _MODE)
        listener.bind(str(path))
        try:
            path.chmod(_MODE)  # the unit's umask is 0077
            listener.listen(_BACKLOG)
            yield listener
        finally:
            with suppress(OSError):
                path.unlink()


@dataclass(slots=True)
class _Peer:
    """heard: when its last data frame came, monotonic; -inf if none has."""

    heard: float = float("-inf")


class DnstapServer:
    """Passes on each lookup of a held address, with its client."""

    def __init__(self, sink: LookupSink, listener: socket.socket | None) -> None:
        """listener: from dnstap_listening(); None if there is no directory for it."""
        self._sink = sink
        self._listener = listener
        self._peers: dict[asyncio.Task[None], _Peer] = {}
        """The latest last."""
        self._alone_since = time.monotonic()
        self._failure = ""
        self._quiet_until = float("-inf")
        self._displaced_at = float("-inf")

    @property
    def problem(self) -> str:
        """Why lookups may be missed; "" if none are."""
        if self._listener is None:
            return "dnstap: there is no runtime directory for its socket"
        if time.monotonic() - self._displaced_at < _CROWDED_FOR:
            limit = LOOKUP_PEERS.value
            return f"dnstap: more than {limit} connections: the one that was silent for longest was closed"
        if self._peers:
            return ""
        if time.monotonic() - self._alone_since < _EXPECTED_WITHIN:
            return ""
        reason = f": the last one: {self._failure}" if self._failure else ""
        return f"dnstap: no resolver is connected (see `lowatch setup dnstap`){reason}"

    async def run(self) -> None:
        """Serve until cancelled."""
        if self._listener is None:
            return
        loop, effort = asyncio.get_running_loop(), Effort()
        async with asyncio.TaskGroup() as conversations:
            while True:
                try:
                    connection, _ = await loop.sock_accept(self._listener)
                except OSError as error:
                    _log.warning("dnstap: cannot accept connections: %s, trying again", error.strerror)
                    await asyncio.sleep(_ACCEPT_PAUSE)
                    continue
                self._make_room()
                self._begin(connection, effort, conversations)
                await asyncio.sleep(_ACCEPT_REST)

    def _make_room(self) -> None:
        """At the limit, disconnect who is silent for longest. A resolver connects again by itself."""
        if len(self._peers) < LOOKUP_PEERS.value:
            return
        LOOKUP_PEERS.reached()
        self._displaced_at = time.monotonic()
        # Of those who never sent data, the first one that connected.
        silent = min(self._peers, key=lambda one: self._peers[one].heard)
        del self._peers[silent]
        silent.cancel()

    def _begin(self, connection: socket.socket, effort: Effort, conversations: asyncio.TaskGroup) -> None:
        peer = _Peer()
        conversation = conversations.create_task(self._converse(connection, peer, effort))
        self._peers[conversation] = peer
        conversation.add_done_callback(self._ended)
        # A task that is cancelled before its first step never sees its socket.
        conversation.add_done_callback(lambda _: connection.close())

    def _ended(self, conversation: asyncio.Task[None]) -> None:
        self._peers.pop(conversation, None)
        self._alone_since = time.monotonic()

    async def _converse(self, connection: socket.socket, peer: _Peer, effort: Effort) -> None:
        """Read until the peer has no more."""
        connection.setblocking(False)  # its only parameter
        try:
            await self._read(connection, peer, effort)
            self._failure = ""
        except (OSError, FrameError, TimeoutError) as error:
            reason = str(error) or "it begins no stream, or does not read the answer"
            self._failure = reason
            if time.monotonic() >= self._quiet_until:
                self._quiet_until = time.monotonic() + _LOGGED_EVERY
                _log.warning("dnstap: a resolver was disconnected: %s, continuing", reason)

    async def _read(self, connection: socket.socket, peer: _Peer, effort: Effort) -> None:
        """Raises OSError, FrameError and TimeoutError."""
        loop, reader = asyncio.get_running_loop(), FrameReader()
        async with asyncio.timeout(_START_WITHIN) as patience:
            while octets := await loop.sock_recv(connection, _PIECE):
                async with effort:
                    self._pass_on(reader.feed(octets), peer)
                if answer := reader.take_answer():
                    async with asyncio.timeout(_ANSWER_WITHIN):
                        await loop.sock_sendall(connection, answer)
                if reader.has_started and patience.when() is not None:
                    patience.reschedule(None)
                if len(octets) < _MUCH:
                    await asyncio.sleep(_GATHER)

    def _pass_on(self, frames: Iterator[bytes], peer: _Peer) -> None:
        """Raises FrameError."""
        sink = self._sink
        held, now = sink.held, time.monotonic()
        for frame in frames:
            peer.heard = now
            if mentions(frame, held) and (lookup := parse_dnstap(frame)) is not None:
                sink.looked_up(lookup, NameSource.DNSTAP)
