"""Names in slices that stay as they are: one that comes or goes disturbs its own slice, and no other."""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import Generic, TypeVar

Seen = TypeVar("Seen")


class Slice(Generic[Seen]):
    """A run of names, and what was last seen of it as a whole, if that still says something."""

    __slots__ = ("names", "seen")

    def __init__(self, names: list[str]) -> None:
        self.names = names
        self.seen: Seen | None = None


class Slices(Generic[Seen]):
    """size: of a slice, at most."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._slices: list[Slice[Seen]] = []

    def resize(self, size: int) -> None:
        """Of slices from now on. Another size begins anew."""
        if size != self._size:
            self._size, self._slices = size, []

    def __iter__(self) -> Iterator[Slice[Seen]]:
        return iter(self._slices)

    def hold(self, names: Set[str]) -> None:
        """Have exactly these from now on."""
        new = set(names)
        for one in self._slices:
            if not names >= set(one.names):
                one.names = [name for name in one.names if name in names]
                one.seen = None
            new.difference_update(one.names)
        self._slices = [one for one in self._slices if one.names]
        if len(self._slices) > 2 * -(-len(names) // self._size):
            new, self._slices = set(names), []  # what is left of many slices: begin anew
        self._add(sorted(new))

    def _add(self, names: list[str]) -> None:
        """Where there is room, and then at the end."""
        for one in self._slices:
            room = self._size - len(one.names)
            if room and names:
                one.names = one.names + names[:room]
                one.seen = None
                names = names[room:]
        self._slices += [
            Slice(names[first : first + self._size]) for first in range(0, len(names), self._size)
        ]
