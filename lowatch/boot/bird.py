"""BIRD's files: the host prefixes in them, which BIRD announces or filters by, and puts on no interface."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lowatch.core.boot import Configured, Effect

from .source import Source
from .text import written

BY = "BIRD"
FILES = ("/etc/bird/bird.conf", "/etc/bird/bird6.conf", "/etc/bird.conf", "/etc/bird6.conf")
_PREFIX = re.compile(r"(?<![\w.:/])([0-9A-Fa-f:.]{2,45}/(?:32|128))(?![\w/])")
_INCLUDE = re.compile(r'\s*include\s+"([^"]+)"\s*;?\s*')
_COMMENT_OR_QUOTE = re.compile(r'/\*|#|"')
_END_OF = {"/*": "*/", "#": "\n", '"': '"'}
_DEPTH = 8


def read(source: Source) -> Iterator[Configured]:
    for file in FILES:
        yield from _file(file, source, 0)


def _file(file: str, source: Source, depth: int) -> Iterator[Configured]:
    if depth > _DEPTH:
        source.cannot_read(file, "is included too deeply")
        return
    text = source.text(file)
    if text is None:
        return
    for number, line in enumerate("".join(_without_comments(text)).split("\n"), 1):
        if (include := _INCLUDE.fullmatch(line)) is not None:
            for path in source.matching(include[1], file, number):
                yield from _file(path, source, depth + 1)
            continue
        for found in _PREFIX.findall(line):
            if (address := written(found)) is not None:
                yield Configured(*address, None, file, number, BY, Effect.NAMES)


def _without_comments(text: str) -> Iterator[str]:
    """The text in pieces, comments replaced by their line ends."""
    place = 0
    while (start := _COMMENT_OR_QUOTE.search(text, place)) is not None:
        yield text[place : start.start()]
        mark = start[0]
        end = text.find(_END_OF[mark], start.end())
        end = len(text) if end < 0 else end + (0 if mark == "#" else len(_END_OF[mark]))
        yield text[start.start() : end] if mark == '"' else "\n" * text.count("\n", start.start(), end)
        place = end
    yield text[place:]
