"""keepalived.conf, with what it includes (keepalived.conf(5))."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from lowatch.core.boot import Configured, Effect

from .source import Source
from .text import written

MAIN = "/etc/keepalived/keepalived.conf"
BY = "keepalived"
_ADDRESSES = frozenset({"virtual_ipaddress", "virtual_ipaddress_excluded", "static_ipaddress"})
_DEPTH = 16
_AS_MASTER = "while it is master"


@dataclass(slots=True)
class _Instance:
    """The vrrp_instance that is being read. interface: where its addresses go unless they say otherwise."""

    interface: str | None = None
    own_device: bool = False
    pending: list[tuple[list[str], str, int]] = field(default_factory=list)


class _Reader:
    """blocks: the keywords of the open blocks, the innermost last; include files share them."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._blocks: list[str] = []
        self._instance = _Instance()

    def file(self, file: str, depth: int = 0) -> Iterator[Configured]:
        if depth > _DEPTH:
            self._source.cannot_read(file, "is included too deeply")
            return
        for number, line in enumerate(self._source.lines(file), 1):
            words = _words(line)
            if len(words) > 1 and words[0] == "include":
                for path in self._source.matching(words[1], file, number):
                    yield from self.file(path, depth + 1)
                continue
            for part in _at_braces(words):
                yield from self._part(part, file, number)

    def _part(self, words: list[str], file: str, line: int) -> Iterator[Configured]:
        """One keyword with its arguments, `KEYWORD ... {`, or `}`."""
        if words == ["}"]:
            if self._blocks and self._blocks.pop() == "vrrp_instance":
                yield from self._end_of_instance()
        elif words[-1] == "{":
            # A brace on a line of its own belongs to the keyword before it, which opened nothing yet.
            self._open(words[0] if len(words) > 1 else self._keyword)
        elif self._blocks and self._blocks[-1] in _ADDRESSES:
            if self._blocks[-1] == "static_ipaddress":
                yield from self._address(words, file, line, None, Effect.ADDS, "")
            else:
                self._instance.pending.append((words, file, line))
        elif self._blocks and self._blocks[-1] == "vrrp_instance":
            if words[0] == "interface" and len(words) > 1:
                self._instance.interface = words[1]
            self._instance.own_device |= words[0] == "use_vmac"
        self._keyword = words[0]

    _keyword = ""

    def _open(self, keyword: str) -> None:
        self._blocks.append(keyword)
        if keyword == "vrrp_instance":
            self._instance = _Instance()

    def _end_of_instance(self) -> Iterator[Configured]:
        instance, self._instance = self._instance, _Instance()
        device = None if instance.own_device else instance.interface
        for words, file, line in instance.pending:
            yield from self._address(words, file, line, device, Effect.MAY_ADD, _AS_MASTER)

    def _address(
        self, words: list[str], file: str, line: int, device: str | None, effect: Effect, note: str
    ) -> Iterator[Configured]:
        """`192.0.2.10/24 dev lo label lo:vip`; keepalived's own prefix length is that of a host."""
        if words[0].startswith("@"):
            note = f"{note}, where {words[0]} applies".lstrip(", ")
            effect, words = Effect.MAY_ADD, words[1:]
        found = written(words[0]) if words else None
        if found is None:
            self._source.cannot_read(file, f"{words[0] if words else 'it'} is not an address", line)
            return
        length = len(found.address) * 8 if found.length is None else found.length
        for keyword, value in pairwise(words):
            device = value if keyword == "dev" else device
        yield Configured(found.address, length, device, file, line, BY, effect, note)


def read(source: Source) -> Iterator[Configured]:
    yield from _Reader(source).file(MAIN)


def _words(line: str) -> list[str]:
    """The words of a line. A # or ! starts a comment outside quotes."""
    if "#" not in line and "!" not in line:
        return line.split()
    quoted = False
    for place, character in enumerate(line):
        if character == '"':
            quoted = not quoted
        elif character in "#!" and not quoted:
            line = line[:place]
            break
    return line.split()


def _at_braces(words: list[str]) -> Iterator[list[str]]:
    """The words up to each brace that is a word."""
    part: list[str] = []
    for word in words:
        if word == "}":
            if part:
                yield part
            yield [word]
            part = []
        elif word == "{":
            yield [*part, word]
            part = []
        else:
            part.append(word)
    if part:
        yield part
