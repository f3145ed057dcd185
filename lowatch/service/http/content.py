"""Long contents, rendered and compressed once for all clients that ask at about the same time.

A hundred scrapers of 100,000 series cost the time and memory of one. Content is rendered and compressed in
pieces, between which the loop runs: health probes, alerts and kernel events wait for a millisecond or two
at most.
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

from lowatch.core.limits.http import WEB_KEPT_BYTES
from lowatch.files.threads import NoThreadError, in_thread

CHUNK = 32 * 1024
"""Bytes that are passed to the kernel at once."""

_ROWS_ON_LOOP = 500
"""Rows that the loop renders itself; a row takes 20 us. More are rendered in a thread."""

# RFC 1952, 2.3: no name, no time, XFL 4 (fastest algorithm), unknown system.
_GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff"
_GZIP_TRAILER = struct.Struct("<II")  # CRC-32, and the length modulo 2**32
_RAW = -zlib.MAX_WBITS  # zlib.h, deflateInit2: neither header nor trailer


@dataclass(frozen=True, slots=True, eq=False)
class Content:
    """What a route shows, of any length.

    name: only one rendering per name runs at a time. form: the format, of which a name may have several.
    state: returns what to show now; the same object while it does not change.
    pieces: renders the state in pieces (report/pieces.py) or in a thread; called right after state().
    tail: returns the short end of each response; called after the pieces are rendered.
    lasting: whether the state may stay the same, so that keeping a rendering makes sense.
    """

    name: str
    form: str
    state: Callable[[], object]
    pieces: Callable[[], Iterator[bytes] | Awaitable[bytes]]
    tail: Callable[[], bytes] = bytes
    lasting: bool = True


class Encoded:
    """A rendered content without its tail, perhaps gzipped, as chunks that any number of responses share.

    state: what it shows. began: the monotonic seconds when the state was read. size: bytes of all chunks.
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
        """Encode the pieces. The loop runs after each of them."""
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
            # A full flush ends on a byte boundary without a last block (zlib.h), so any tail can follow.
            waiting += deflate.flush(zlib.Z_FULL_FLUSH)
        self._add(waiting)

    def end(self, tail: bytes) -> bytes:
        """The bytes to send after the chunks, which encode `tail`."""
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
    """The gzipped body of a single response: its chunks, and the bytes to send after them."""
    encoded = Encoded(None, 0.0, gzip=True)
    await encoded.make(_slices(body))
    return encoded, encoded.end(b"")


def _slices(body: bytes) -> Iterator[bytes]:
    return (body[start : start + CHUNK] for start in range(0, len(body), CHUNK))


def rendered(render: Callable[[], bytes], rows: int) -> Iterator[bytes] | Awaitable[bytes]:
    """For Content.pieces: a rendering as one piece, made in a thread if it has many rows."""
    return iter((render(),)) if rows <= _ROWS_ON_LOOP else _in_thread(render)


async def _in_thread(render: Callable[[], bytes]) -> bytes:
    try:
        return await in_thread(render)
    except NoThreadError:
        return render()


class Encodings:
    """The current encodings of all contents.

    kept_bytes: an encoding up to this size is kept until it is replaced. A larger one exists only while it
    is being sent.
    """

    def __init__(self, kept_bytes: int = WEB_KEPT_BYTES.value) -> None:
        self._kept_bytes = kept_bytes
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._latest: WeakValueDictionary[tuple[str, str, bool], Encoded] = WeakValueDictionary()
        self._kept: dict[tuple[str, str, bool], Encoded] = {}
        self._alive: WeakSet[Encoded] = WeakSet()

    @property
    def size(self) -> int:
        """The bytes of all encodings that are being made, sent or kept."""
        return sum(encoded.size for encoded in self._alive)

    async def encode(self, content: Content, *, gzip: bool) -> tuple[Encoded, bytes]:
        """The content, as of this call or later, and the bytes to send after its chunks.

        Callers that arrive while an older state is being encoded share the next encoding.
        """
        requested_at, wanted = time.monotonic(), content.state()
        key = content.name, content.form, gzip
        async with self._locks[content.name]:
            encoded = self._latest.get(key)
            if encoded is None or (encoded.began < requested_at and encoded.state is not wanted):
                self._kept.pop(key, None)
                encoded = Encoded(content.state(), time.monotonic(), gzip=gzip)
                self._alive.add(encoded)  # counted from its first byte on
                pieces = content.pieces()
                await encoded.make(_slices(await pieces) if isinstance(pieces, Awaitable) else pieces)
                self._latest[key] = encoded
                if content.lasting and encoded.size <= self._kept_bytes:
                    self._kept[key] = encoded
            end = encoded.end(content.tail())
            await asyncio.sleep(0)  # the tails of many callers take several turns of the loop
        return encoded, end
