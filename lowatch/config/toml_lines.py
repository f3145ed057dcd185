"""Finds the line of each key and array element in a TOML text, which tomllib does not report.

The text is known to be valid, because tomllib has parsed it. If the walk meets something unexpected, it
gives up: no line number is better than a wrong one.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_left
from collections.abc import Mapping

KeyPath = tuple[str | int, ...]
"""Key names and array indexes from the root: ("domain", 1, "ports", 0)."""

_GAP = re.compile(r"(?:[ \t\n\r]+|#[^\n]*)*")
_BLANK = re.compile(r"[ \t]*")
_KEY_PART = re.compile(r"""[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'""")
_DOT = re.compile(r"[ \t]*\.[ \t]*")
_EQUALS = re.compile(r"[ \t]*=[ \t]*")
_CLOSING = re.compile(r"[ \t]*\]{1,2}")
_STRING = (
    r'"""(?>[^"\\]+|\\.|"{1,2}(?!"))*+"{3,5}'  # the delimiter may follow up to two quotes of the content
    r"|'''(?>[^']+|'{1,2}(?!'))*+'{3,5}"
    r'|"(?>[^"\\\n]+|\\.)*+"'
    r"|'[^'\n]*+'"
)
"""Possessive, so that the match never backtracks: that would take a gigabyte for a string of 12 MB."""
_SCALAR = re.compile(_STRING + r"|[^\[\]{},#\n\"']++", re.DOTALL)
_WORD = re.compile(
    rf"(?:[A-Za-z0-9_-]++|{_STRING})(?P<dot>[ \t]*+\.[ \t]*+)?|\#[^\n]*+|[^A-Za-z0-9_\"'\#-]++", re.DOTALL
)
_MANY_DOTS = re.compile(r"^(?:[^.\n]*+\.){8}", re.MULTILINE)


def find_long_key(text: str, most: int) -> int | None:
    """The line of the first dotted key with more than `most` parts; None if there is none.

    text: any text, valid TOML or not. Dots in strings and comments do not count; a number has few dots.
    """
    if not _MANY_DOTS.search(text):
        return None
    parts = 1
    for match in _WORD.finditer(text):
        parts = parts + 1 if match["dot"] else 1
        if parts > most:
            return text.count("\n", 0, match.start()) + 1
    return None


def key_lines(text: str) -> Mapping[KeyPath, int]:
    """The line of each key, from 1; empty if the walk gave up. text: valid TOML with LF line ends."""
    walk = _Walk(text)
    try:
        walk.document()
    except (_LostError, RecursionError, tomllib.TOMLDecodeError):
        return {}
    return walk.lines


class _LostError(Exception):
    """The walk met something that it does not know."""


class _Walk:
    """One pass over a text, which records the line of each key."""

    def __init__(self, text: str) -> None:
        self.lines: dict[KeyPath, int] = {}
        self._text = text
        self._position = 0
        self._newlines = [match.start() for match in re.finditer("\n", text)]
        self._elements: dict[KeyPath, int] = {}  # the number of [[headers]] so far, per array of tables

    def document(self) -> None:
        base: KeyPath = ()
        self._skip(_GAP)
        while self._position < len(self._text):
            if self._peek() == "[":
                base = self._header()
            else:
                self._pair(base)
            self._skip(_GAP)

    def _header(self) -> KeyPath:
        line = self._line()
        is_array = self._text.startswith("[[", self._position)
        self._position += 2 if is_array else 1
        self._skip(_BLANK)
        *parents, last = self._key()
        self._take(_CLOSING)
        base: KeyPath = ()
        for name in parents:
            base = self._latest((*base, name), line)
        path = (*base, last)
        if not is_array:
            self.lines[path] = line
            return path
        return self._element(path, line)

    def _element(self, array: KeyPath, line: int) -> KeyPath:
        """The path of the next element of an array of tables."""
        self.lines.setdefault(array, line)
        index = self._elements.get(array, 0)
        self._elements[array] = index + 1
        self.lines[(*array, index)] = line
        return (*array, index)

    def _latest(self, path: KeyPath, line: int) -> KeyPath:
        """The path itself, or its latest element if it is an array of tables."""
        self.lines.setdefault(path, line)
        count = self._elements.get(path, 0)
        return (*path, count - 1) if count else path

    def _pair(self, base: KeyPath) -> None:
        line = self._line()
        path = base
        for name in self._key():
            path = (*path, name)
            self.lines.setdefault(path, line)
        self._take(_EQUALS)
        self._value(path)

    def _value(self, path: KeyPath) -> None:
        opening = self._peek()
        if opening == "[":
            self._array(path)
        elif opening == "{":
            self._inline_table(path)
        else:
            self._take(_SCALAR)

    def _array(self, path: KeyPath) -> None:
        self._position += 1
        index = 0
        while self._next_item("]"):
            self.lines[(*path, index)] = self._line()
            self._value((*path, index))
            index += 1

    def _inline_table(self, path: KeyPath) -> None:
        self._position += 1
        while self._next_item("}"):
            self._pair(path)

    def _next_item(self, closing: str) -> bool:
        """Skip the comma and gaps. Returns False, after the bracket, if the array or table ends here."""
        self._skip(_GAP)
        if self._peek() == ",":
            self._position += 1
            self._skip(_GAP)
        if self._peek() != closing:
            return True
        self._position += 1
        return False

    def _key(self) -> list[str]:
        parts = [self._key_part()]
        while _DOT.match(self._text, self._position):
            self._skip(_DOT)
            parts.append(self._key_part())
        return parts

    def _key_part(self) -> str:
        part = self._take(_KEY_PART)
        if part[0] == "'":
            return part[1:-1]
        if part[0] == '"':
            return str(tomllib.loads(f"key = {part}")["key"])
        return part

    def _line(self) -> int:
        return bisect_left(self._newlines, self._position) + 1

    def _peek(self) -> str:
        if self._position >= len(self._text):
            raise _LostError
        return self._text[self._position]

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self._text, self._position)
        if match:
            self._position = match.end()

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._position)
        if not match:
            raise _LostError
        self._position = match.end()
        return match[0]
