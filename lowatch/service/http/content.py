"""Long contents, rendered and compressed once for all who ask for them at about the same time.

A hundred scrapers of 100,000 series cost one rendering and one compression, and the memory of one. Both are
made in pieces, between which the loop runs: health probes, alerts and the kernel's events wait for a
millisecond or two at most.
"""

from __future__ import annotations

import asyncio
import struct
import time
import zlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from weakref import WeakSet, WeakValueDictionary

from lowatch.core.limits import WEB_KEPT_BYTES
from lowatch.files.threads import NoThreadError, in_thread

CHUNK = 32 * 1024
"""Bytes that are handed to the kernel at once."""

_ROWS_AT_ONCE = 500
"""What the loop can do without: a row takes 20 us."""

# RFC 1952, 2.3: no name, no time, XFL 4 for the fastest algorithm, an unknown system.
_GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff"
_GZIP_TRAILER = struct.Struct("<II")  # CRC-32, and the length modulo 2**32
_RAW = -zlib.MAX_WBITS  # zlib.h, deflateInit2: neither header nor trailer


@dataclass(frozen=True, slots=True, eq=False)
class Content:
    """What a route shows, however long it is.

    name: there is one rendering of a name at a time. form: which of its forms this is.
    state: what there is to show now, the same object for as long as that is the same.
    pieces: renders it (report/pieces.py), or has it rendered off the loop; it is called right after
    state(), and goes by what is then.
    tail: what comes behind, for each response; short, and called when the pieces are there.
    lasting: whether the state ever stays the same, so that what was made may be kept.
    """

    name: str
    form: str
    state: Callable[[], object]
    pieces: Callable[[], Iterator[bytes] | Awaitable[bytes]]
    tail: Callable[[], bytes] = bytes
    lasting: bool = True


class Encoded:
    """A content without its tail, gzipped or not: chunks that any number of responses send.

    state: what it shows. began: when it was looked at, in monotonic seconds. size: bytes of all chunks.
    """

    def __init__(self, state: object, began: float, *, gzip: bool) -> None:
        self.state = state
        self.began = began
        self.gzip = gzip
        self.chunks: list[bytes] = []
        self.size = 0
        self._crc = 0
        self._length = 0

    async def make(self, pieces: Iterator[bytes]) -> None:
        """The loop runs after each piece."""
        deflate = zlib.compressobj(level=1, wbits=_RAW) if self.gzip else None
        waiting = bytearray(_GZIP_HEADER if self.gzip else b"")
        for piece in pieces:
            if deflate is None:
                waiting += piece
            elif piece:
                self._crc = zlib.crc32(piece, self._crc)
                self._length += len(piece)
                waiting += deflate.compress(piece)
            if len(waiting) >= CHUNK:
                self._add(waiting)
            await asyncio.sleep(0)
        if deflate is not None:
            # To a byte's end, with more blocks to come (zlib.h): so any tail can follow.
            waiting += deflate.flush(zlib.Z_FULL_FLUSH)
        self._add(waiting)

    def end(self, tail: bytes) -> bytes:
        """What has to follow the chunks, so that `tail` stands behind their content."""
        if not self.gzip:
            return tail
        deflate = zlib.compressobj(level=1, wbits=_RAW)
        last = deflate.compress(tail) + deflate.flush()
        length = (self._length + len(tail)) & 0xFFFFFFFF
        return last + _GZIP_TRAILER.pack(zlib.crc32(tail, self._crc), length)

    def _add(self, waiting: bytearray) -> None:
        self.chunks.append(bytes(waiting))
        self.size += len(waiting)
        waiting.clear()


async def gzipped(body: bytes) -> tuple[Encoded, bytes]:
    """A body of one response alone: its chunks, and what has to follow them."""
    encoded = Encoded(None, 0.0, gzip=True)
    await encoded.make(_slices(body))
    return encoded, encoded.end(b"")


def _slices(body: bytes) -> Iterator[bytes]:
    return (body[start : start + CHUNK] for start in range(0, len(body), CHUNK))


def rendered(render: Callable[[], bytes], rows: int) -> Iterator[bytes] | Awaitable[bytes]:
    """For Content.pieces: by a thread where the text is made of many rows, and a thread can be had."""
    return iter((render(),)) if rows <= _ROWS_AT_ONCE else _in_thread(render)


async def _in_thread(render: Callable[[], bytes]) -> bytes:
    try:
        return await in_thread(render)
    except NoThreadError:
        return render()


class Encodings:
    """kept_bytes: an encoding up to that size is kept until there is a newer one of its content.

    A larger one lives while somebody is being sent it.
    """

    def __init__(self, kept_bytes: int = WEB_KEPT_BYTES.value) -> None:
        self._kept_bytes = kept_bytes
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._latest: WeakValueDictionary[tuple[str, str, bool], Encoded] = WeakValueDictionary()
        self._kept: dict[tuple[str, str, bool], Encoded] = {}
        self._alive: WeakSet[Encoded] = WeakSet()

    @property
    def size(self) -> int:
        """Bytes of all that are being made, sent or kept."""
        return sum(encoded.size for encoded in self._alive)

    async def encode(self, content: Content, *, gzip: bool) -> tuple[Encoded, bytes]:
        """The content, not older than this call, and what has to follow its chunks.

        Those who come while one is made of an older state all share the next. Each has a turn of the loop.
        """
        asked, wanted = time.monotonic(), content.state()
        key = content.name, content.form, gzip
        async with self._locks[content.name]:
            encoded = self._latest.get(key)
            if encoded is None or (encoded.began < asked and encoded.state is not wanted):
                self._kept.pop(key, None)
                encoded = await self._make(content, gzip=gzip)
                self._latest[key] = encoded
                if content.lasting and encoded.size <= self._kept_bytes:
                    self._kept[key] = encoded
            end = encoded.end(content.tail())
            await asyncio.sleep(0)
        return encoded, end

    async def _make(self, content: Content, *, gzip: bool) -> Encoded:
        encoded = Encoded(content.state(), time.monotonic(), gzip=gzip)
        self._alive.add(encoded)  # from its first byte on
        pieces = content.pieces()
        await encoded.make(_slices(await pieces) if isinstance(pieces, Awaitable) else pieces)
        return encoded
