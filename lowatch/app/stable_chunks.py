"""Groups names into stable chunks: adding or removing a name changes its own chunk only."""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import Generic, TypeVar

Seen = TypeVar("Seen")


class Chunk(Generic[Seen]):
    """A group of names, with their last common observation while it is valid."""

    __slots__ = ("names", "seen")

    def __init__(self, names: list[str]) -> None:
        self.names = names
        self.seen: Seen | None = None


class StableChunks(Generic[Seen]):
    """size: names per chunk, at most."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._chunks: list[Chunk[Seen]] = []

    def resize(self, size: int) -> None:
        """Change the size. The chunks are made again if it differs."""
        if size != self._size:
            self._size, self._chunks = size, []

    def __iter__(self) -> Iterator[Chunk[Seen]]:
        return iter(self._chunks)

    def replace_names(self, names: Set[str]) -> None:
        """Replace the names."""
        new = set(names)
        for one in self._chunks:
            if not names >= set(one.names):
                one.names = [name for name in one.names if name in names]
                one.seen = None
            new.difference_update(one.names)
        self._chunks = [one for one in self._chunks if one.names]
        if len(self._chunks) > 2 * -(-len(names) // self._size):
            new, self._chunks = set(names), []  # too many sparse chunks: make them again
        self._add(sorted(new))

    def _add(self, names: list[str]) -> None:
        """Add names to chunks with room, then to new chunks at the end."""
        for one in self._chunks:
            room = self._size - len(one.names)
            if room and names:
                one.names = one.names + names[:room]
                one.seen = None
                names = names[room:]
        self._chunks += [
            Chunk(names[first : first + self._size]) for first in range(0, len(names), self._size)
        ]
