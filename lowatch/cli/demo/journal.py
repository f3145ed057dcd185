"""The demo's stand-in for journald: it receives entries in place of the real one."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

Entry = dict[str, str]


class _Receiver(asyncio.DatagramProtocol):
    def __init__(self, entries: asyncio.Queue[Entry]) -> None:
        self._entries = entries

    def datagram_received(self, data: bytes, addr: object) -> None:
        self._entries.put_nowait(decode(data))


@asynccontextmanager
async def journal(path: Path) -> AsyncIterator[asyncio.Queue[Entry]]:
    """A context with a queue of the entries that are sent to the socket at `path`. Raises OSError."""
    entries: asyncio.Queue[Entry] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: _Receiver(entries), local_addr=str(path), family=socket.AF_UNIX
    )
    try:
        yield entries
    finally:
        transport.close()


def decode(datagram: bytes) -> Entry:
    """The fields of an entry in the native protocol (https://systemd.io/JOURNAL_NATIVE_PROTOCOL).

    A field is KEY=value and a newline; or KEY, a newline, the length in 8 bytes, the value and a newline.
    """
    fields: Entry = {}
    rest = datagram
    while rest:
        line, _, rest = rest.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            length = int.from_bytes(rest[:8], "little")
            value, rest = rest[8 : 8 + length], rest[8 + length + 1 :]
        fields[name.decode()] = value.decode()
    return fields
