"""Reads a zone file in master-file format (RFC 1035, 5), as a local secondary writes it.

Nearly all lines of such a file are whole records. A regular expression takes those apart, many at a time.
All others (comments, quotes, parentheses, escapes, directives) go through MasterFile.feed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from lowatch.core.limits.zones import ZONE_RECORD_BYTES
from lowatch.core.printable import printable

from .owner_names import ZoneFileError, absolute

# Owner (none if the line begins with white space), TTL and class, type, data; or any other line.
_ROW = re.compile(
    rb"([^\s;()\"$\\@][^\s;()\"\\]*+)?[ \t]++((?:[0-9]++[ \t]++)?+(?:IN[ \t]++)?+)"
    rb"([A-Z][A-Z0-9-]*+)[ \t]++([^;()\"\\\n]*+)\n|([^\n]*+)\n"
)
# White space, a comment, a parenthesis, a quoted string, anything else up to one of these.
_TOKEN = re.compile(rb"[ \t\r\f\v]++|;.*+|([()])|(\"(?:[^\"\\]++|\\.)*+\")|((?:[^\s;()\"\\]++|\\.)++)")
_TTL = re.compile(rb"[0-9]+|(?:[0-9]+[wdhms])+", re.IGNORECASE)
_TYPE = re.compile(rb"[A-Z][A-Z0-9-]*")
_OTHER_CLASSES = frozenset({b"CH", b"HS", b"CS", b"NONE", b"ANY"})
_UNITS = {b"": 1, b"s": 1, b"m": 60, b"h": 3600, b"d": 86400, b"w": 604800}
_NUMBERS = {1: b"A", 2: b"NS", 5: b"CNAME", 6: b"SOA", 28: b"AAAA", 33: b"SRV", 39: b"DNAME"}

NO_TYPES = frozenset({b"", b"IN", *_OTHER_CLASSES, *(b"TYPE%d" % number for number in _NUMBERS)})
"""What a row may have in place of a type that it does not mean: feed() reads such a line."""

Row = tuple[bytes, bytes, bytes, bytes, bytes]
"""Owner, TTL and class, type and data of a plain line; or only the last member: any other line."""


class Record(NamedTuple):
    """A record. owner: absolute. kind: the type, upper case. data: the rest, token by token."""

    owner: bytes
    kind: bytes
    data: list[bytes]


def rows(block: bytes) -> list[Row]:
    """Whole lines of a file, taken apart."""
    return _ROW.findall(block)


def line_of(row: Row) -> bytes:
    """The line that a row was made of, but for its white space."""
    owner, middle, kind, data, other = row
    return b" ".join((owner, middle + kind, data)) if kind else other


class MasterFile:
    """What the lines so far mean for the next one.

    origin: the current $ORIGIN; None before the first. owner: the last owner, as it was written.
    depth: how many parentheses are open: the record goes on in the next line.
    """

    def __init__(self, origin: bytes | None = None, owner: bytes = b"") -> None:
        self.origin = origin
        self.owner = owner
        self._tokens: list[bytes] = []
        self.depth = self._size = 0
        self._is_blank = False

    def name(self, written: bytes) -> bytes:
        """Raises ZoneFileError."""
        return absolute(written, self.origin)

    def feed(self, line: bytes) -> Record | None:
        """The record that a line, without its end, completes, if it does. Raises ZoneFileError."""
        if not self.depth:
            self._is_blank = line[:1].isspace()
        self._size += len(line)
        if self._size > ZONE_RECORD_BYTES.value:
            ZONE_RECORD_BYTES.reached()
            raise ZoneFileError(f"a record of more than {ZONE_RECORD_BYTES.value:,} bytes")
        self._tokenize(line)
        if self.depth:
            return None
        tokens, self._tokens, self._size = self._tokens, [], 0
        return self._record(tokens) if tokens else None

    def _tokenize(self, line: bytes) -> None:
        position = 0
        while position < len(line):
            token = _TOKEN.match(line, position)
            if token is None:
                what = "a quote that is not closed" if b'"' in line else "an unfinished escape"
                raise ZoneFileError(what)
            position = token.end()
            if token[1]:
                self.depth += 1 if token[1] == b"(" else -1
                if self.depth < 0:
                    raise ZoneFileError("a closing parenthesis without an opening one")
            elif token[2] is not None or token[3] is not None:
                self._tokens.append(token[0])

    def _record(self, tokens: list[bytes]) -> Record | None:
        left = iter(tokens)
        if not self._is_blank:
            first = next(left)
            if first.startswith(b"$"):
                self._directive(first.upper(), list(left))
                return None
            self.owner = first
        if not self.owner:
            raise ZoneFileError("a record without an owner")
        kind = self._kind(left)
        data = list(left)
        if data[:1] == [b"\\#"] and kind in _NUMBERS.values():
            raise ZoneFileError(f"{kind.decode()} in the generic form of RFC 3597, which is not read")
        return Record(self.name(self.owner), kind, data)

    def _kind(self, tokens: Iterator[bytes]) -> bytes:
        """The type, after a TTL and a class in any order."""
        for token in tokens:
            word = token.upper()
            if word == b"IN" or _TTL.fullmatch(word):
                continue
            if word in _OTHER_CLASSES or word.startswith(b"CLASS"):
                raise ZoneFileError("a record of another class than IN")
            if word.startswith(b"TYPE") and word[4:].isdigit() and len(word) < 10:
                word = _NUMBERS.get(int(word[4:]), word)
            if not _TYPE.fullmatch(word):
                break
            return word
        raise ZoneFileError("not a record: it has no type")

    def _directive(self, word: bytes, arguments: list[bytes]) -> None:
        if word == b"$ORIGIN" and len(arguments) == 1:
            if self.owner:
                self.owner = self.name(self.owner)  # a later line without owner means this one
            self.origin = self.name(arguments[0])
        elif word != b"$TTL" or len(arguments) != 1 or not _TTL.fullmatch(arguments[0]):
            raise ZoneFileError(f"{_shown(word)} is not read (a secondary writes only $ORIGIN and $TTL)")


def _shown(word: bytes) -> str:
    return printable(word[:20].decode("ascii", "replace"))


def seconds(text: bytes) -> int:
    """A time of an SOA record: 3600 or 1h30m. Raises ZoneFileError."""
    if not _TTL.fullmatch(text) or len(text) > 20:
        raise ZoneFileError("an SOA record with a bad time")
    parts = re.findall(rb"([0-9]+)([a-z]?)", text.lower())
    return sum(int(number) * _UNITS[unit] for number, unit in parts)
