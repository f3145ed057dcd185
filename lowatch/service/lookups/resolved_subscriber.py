"""Subscribes to systemd-resolved's monitor, which reports each lookup, and again whenever it ends.

A subscriber that is too slow is dropped without a word: then, and while resolved restarts, lookups are
missed, which is logged.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Sequence
from pathlib import Path

from lowatch.core.name_sources import NameSource
from lowatch.core.printable import printable
from lowatch.wire.resolved_monitor import SUBSCRIBE, MessageReader, MonitorError, Ready, parse_report

from .sink import Effort, LookupSink

MONITORS = (
    Path("/run/lowatch-resolved.sock"),  # `lowatch setup resolved`, where root alone may ask resolved
    Path("/run/systemd/resolve/io.systemd.Resolve.Monitor"),
)
"""The first one that exists is used."""
_PIECE = 64 << 10
_READY_WITHIN = 10.0
_RETRY_FIRST, _RETRY_LAST = 1.0, 60.0
"""Seconds until it is tried again: doubled each time."""
_STEADY = 60.0
"""Seconds of a subscription after which it is tried again soon: one that ends at once is no success."""
_LONGEST_REASON = 200
_REFUSALS = ("io.systemd.InteractiveAuthenticationRequired", "org.varlink.service.PermissionDenied")
_HINT = "permission denied (see `lowatch setup resolved`)"

_log = logging.getLogger(__name__)


class ResolvedSubscriber:
    """Passes on each lookup of a held address."""

    def __init__(self, sink: LookupSink, monitors: Sequence[Path] = MONITORS) -> None:
        self._sink = sink
        self._monitors = monitors
        self._ready_since: float | None = None
        self.problem = ""
        """Why lookups are missed; "" if none are."""

    async def run(self) -> None:
        """Subscribe, until cancelled, again and again."""
        effort, pause = Effort(), _RETRY_FIRST
        while True:
            try:
                await self._subscribe(effort)
                reason = "the connection ended"
            except (OSError, MonitorError, TimeoutError) as error:
                reason = _reason(error)
            if self._ready_since is not None:
                if time.monotonic() - self._ready_since >= _STEADY:
                    pause = _RETRY_FIRST
                self._ready_since = None
                _log.warning("resolved: %s: lookups may be missed, connecting again, continuing", reason)
            elif not self.problem:
                _log.warning("resolved: %s, trying again, continuing", reason)
            self.problem = f"resolved: {reason}"
            await asyncio.sleep(pause)
            pause = min(2 * pause, _RETRY_LAST)

    async def _subscribe(self, effort: Effort) -> None:
        """Until the connection ends. Raises OSError, MonitorError and TimeoutError."""
        loop = asyncio.get_running_loop()
        path = next((one for one in self._monitors if one.exists()), self._monitors[-1])
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as peer:
            async with asyncio.timeout(_READY_WITHIN) as patience:
                await loop.sock_connect(peer, str(path))
                await loop.sock_sendall(peer, SUBSCRIBE)
                await self._read(peer, effort, patience)

    async def _read(self, peer: socket.socket, effort: Effort, patience: asyncio.Timeout) -> None:
        loop, reader, sink = asyncio.get_running_loop(), MessageReader(), self._sink
        while octets := await loop.sock_recv(peer, _PIECE):
            async with effort:
                held = sink.held_as_listed
                for message in reader.feed(octets):
                    found = parse_report(message, held)
                    if isinstance(found, Ready):
                        self._begin(patience)
                        continue
                    for lookup in found:
                        sink.looked_up(lookup, NameSource.RESOLVED)

    def _begin(self, patience: asyncio.Timeout) -> None:
        patience.reschedule(None)
        if self.problem:
            _log.info("resolved: lookups are reported again")
        if self._ready_since is None:
            self._ready_since = time.monotonic()
        self.problem = ""


def _reason(error: Exception) -> str:
    if isinstance(error, PermissionError) or str(error) in _REFUSALS:
        return _HINT
    if isinstance(error, FileNotFoundError):
        return "it does not run, or reports no lookups"
    if isinstance(error, TimeoutError):
        return "no answer"
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return printable(str(error)[:_LONGEST_REASON])
