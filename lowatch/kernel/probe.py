"""The confirming connect(): the truth for local clients, made only where it is needed.

Each completed probe takes a slot of an accept queue, so it is made only to confirm a violation before
it is announced, a bounded number at a time.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Sequence

from lowatch.core.addresses import V4_LENGTH, format_address
from lowatch.core.limits import PROBES
from lowatch.core.listeners import Connect, Endpoint
from lowatch.core.observed import Unknown

_DEADLINE = 0.3
"""Seconds. A local connect is refused or accepted within a millisecond; silence is a firewall's."""

# Not the far end's answer but our own lack of means: nothing was learned.
_NO_MEANS = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.EPERM}
)


async def probe(endpoints: Sequence[Endpoint]) -> list[Connect | Unknown]:
    """What a TCP connect() to each endpoint meets, in order. Takes about a second at most per 64."""
    results: list[Connect | Unknown] = []
    PROBES.reached(len(endpoints) > PROBES.value)
    for first in range(0, len(endpoints), PROBES.value):
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(_connect(endpoint))
                for endpoint in endpoints[first : first + PROBES.value]
            ]
        results.extend(task.result() for task in tasks)
    return results


async def _connect(endpoint: Endpoint) -> Connect | Unknown:
    address, port = endpoint
    family = socket.AF_INET if len(address) == V4_LENGTH else socket.AF_INET6
    loop = asyncio.get_running_loop()
    try:
        with socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as sock:
            target = (format_address(address), port.number)
            async with asyncio.timeout(_DEADLINE):
                await loop.sock_connect(sock, target)
            return Connect.REFUSED if _met_itself(sock) else Connect.ACCEPTED
    except TimeoutError:
        return Connect.TIMED_OUT
    except OSError as error:
        if error.errno in _NO_MEANS:
            return Unknown("connect", os.strerror(error.errno or 0))
        return Connect.REFUSED


def _met_itself(sock: socket.socket) -> bool:
    """On an ephemeral port a socket can meet itself (simultaneous open): nobody else is there."""
    try:
        return bool(sock.getsockname() == sock.getpeername())
    except OSError:
        return False  # ENOTCONN: accepted, and reset since
