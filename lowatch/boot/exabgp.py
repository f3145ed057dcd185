"""ExaBGP: the routes of its own files, and the addresses of its healthcheck, which puts them on lo."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from posixpath import join

from lowatch.core.boot import Configured, Effect

from .source import Source
from .text import written

BY = "ExaBGP"
CHECK = "ExaBGP's healthcheck"
_DIRECTORY = "/etc/exabgp"


def read(source: Source) -> Iterator[Configured]:
    for name in source.directory(_DIRECTORY):
        if name.endswith(".conf"):
            yield from _file(join(_DIRECTORY, name), source)


def _file(file: str, source: Source) -> Iterator[Configured]:
    for number, line in enumerate(source.lines(file), 1):
        words = _words(line)
        if words[:1] == ["run"] and any(word.rstrip(";").endswith("healthcheck") for word in words):
            yield from _command([word.rstrip(";") for word in words], file, number, source)
        elif "route" in words[:2]:
            address = written(words[words.index("route") + 1].rstrip(";")) if len(words) > 1 else None
            if address is not None:
                yield Configured(*address, None, file, number, BY, Effect.NAMES)


def _command(words: list[str], file: str, line: int, source: Source) -> Iterator[Configured]:
    """`run python3 -m exabgp healthcheck --ip 192.0.2.10/32 ...`, with the file of its --config."""
    options = [(f"{word} ", following) for word, following in zip(words, [*words[1:], ""], strict=True)]
    options += [(f"{word.partition('=')[0]} ", word.partition("=")[2]) for word in words if "=" in word]
    names = {name.strip().lstrip("-") for name, _ in options if name.startswith("-")}
    yield from _addresses([value for name, value in options if name == "--ip "], names, file, line)
    for value in [value for name, value in options if name in ("--config ", "-F ") and value]:
        lines = [_option(text) for text in source.lines(join(_DIRECTORY, value))]
        theirs = names | {name for name, _ in lines}
        for number, (name, text) in enumerate(lines, 1):
            if name == "ip":
                yield from _addresses([text], theirs, join(_DIRECTORY, value), number)


def _option(line: str) -> tuple[str, str]:
    """NAME = VALUE of a file of the healthcheck; a # starts a comment."""
    name, _, value = line.partition("#")[0].partition("=")
    return name.strip(), value.strip()


def _addresses(texts: list[str], options: set[str], file: str, line: int) -> Iterator[Configured]:
    effect, note = Effect.ADDS, ""
    interface: str | None = "lo"
    if "no-ip-setup" in options:
        effect, interface, note = Effect.NAMES, None, "ip-setup is off"
    elif "dynamic-ip-setup" in options:
        effect, note = Effect.MAY_ADD, "while the service is healthy"
    for text in texts:
        if (address := written(text)) is not None:
            yield Configured(*address, interface, file, line, CHECK, effect, note)


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line, comments=True)
    except ValueError:
        return line.split()
