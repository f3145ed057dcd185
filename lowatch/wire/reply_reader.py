"""Reads replies that are mostly equal: ten thousand look-ups differ in little but the address."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from struct import Struct, calcsize
from typing import Any, Generic, NamedTuple, TypeVar

from .netlink import only_message, walk_attributes

_SEQUENCE = (8, "I")
"""Where the sequence number of a message is."""

Meaning = TypeVar("Meaning")


class _Layout(NamedTuple, Generic[Meaning]):
    """Replies of one length. struct: pieces that are equal and pieces that differ, in turn.

    meanings: by the equal pieces.
    """

    struct: Struct
    meanings: dict[tuple[bytes, ...], Meaning]


class ReplyReader(Generic[Meaning]):
    """Keeps what was read from a reply for all those that are equal but for some octets.

    Those are cut out: the sequence number, the `fields` (where each starts in the reply, and its code in a
    Struct; in order) and the payloads of the attributes in `varying`. The equal octets include the header
    of every attribute, so the layout is the same too.
    """

    _MAX_MEANINGS = 512

    def __init__(
        self,
        kind: int,
        header: int,
        fields: tuple[tuple[int, str], ...],
        varying: tuple[int, ...],
        read: Callable[[bytes, int, int], Meaning],
    ) -> None:
        """kind: of the message, whose own header has `header` octets.

        read(data, start, end): reads what does not depend on the octets that are cut out. It raises
        MalformedMessageError.
        """
        self._kind = kind
        self._header = header
        self._cuts = (_SEQUENCE, *fields)
        self._varying = varying
        self._read = read
        self._layouts: dict[int, _Layout[Meaning]] = {}

    def read(self, reply: bytes) -> tuple[Meaning, tuple[Any, ...]] | None:
        """What the reply means, and what is cut out, in order: the sequence number, values, octets.

        None if it is not one message of that kind. Raises MalformedMessageError.
        """
        layout = self._layouts.get(len(reply))
        if layout is not None:
            pieces = layout.struct.unpack(reply)
            meaning = layout.meanings.get(pieces[::2])
            if meaning is not None:
                return meaning, pieces[1::2]
        return self._read_first(reply)

    def read_alike(self, replies: Sequence[bytes]) -> tuple[Meaning, list[tuple[Any, ...]]] | None:
        """What all of these replies mean, and what is cut out of each; in a third of read()'s time.

        None unless they are numbered from 0, and are equal to each other, and to one that was read before,
        but for what is cut out.
        """
        layout = self._layouts.get(len(replies[0])) if replies else None
        if layout is None or any(map(len(replies[0]).__ne__, map(len, replies))):
            return None
        pieces = list(map(layout.struct.unpack, replies))
        equal = pieces[0][::2]
        meaning = layout.meanings.get(equal)
        if meaning is None or any([one[::2] != equal for one in pieces]):  # noqa: C419  # in half the time
            return None
        cut = [one[1::2] for one in pieces]
        return (meaning, cut) if [one[0] for one in cut] == list(range(len(cut))) else None

    def _read_first(self, reply: bytes) -> tuple[Meaning, tuple[Any, ...]] | None:
        """Reads the first reply of its layout or meaning."""
        kind, _, _, start, end = only_message(reply)
        if kind != self._kind or end != len(reply):
            return None
        meaning = self._read(reply, start, end)
        if end - start < self._header:
            return None
        found = walk_attributes(reply, start + self._header, end)
        payloads = sorted(found[one] for one in self._varying if one in found)
        cuts = [*self._cuts, *((first, f"{last - first}s") for first, last in payloads)]
        layout: _Layout[Meaning] = _layout(cuts, end)
        if sum(len(each.meanings) for each in self._layouts.values()) >= self._MAX_MEANINGS:
            self._layouts.clear()
        known = self._layouts.get(end)
        if known is not None and known.struct.format == layout.struct.format:
            layout = known
        self._layouts[end] = layout
        pieces = layout.struct.unpack(reply)
        layout.meanings[pieces[::2]] = meaning
        return meaning, pieces[1::2]


def _layout(cuts: list[tuple[int, str]], size: int) -> _Layout[Meaning]:
    offset, pieces = 0, ["="]
    for first, code in cuts:
        pieces.append(f"{first - offset}s{code}")
        offset = first + calcsize(f"={code}")
    return _Layout(Struct("".join([*pieces, f"{size - offset}s"])), {})
