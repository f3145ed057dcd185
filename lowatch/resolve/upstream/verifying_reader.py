"""Reads every DNS response twice, with dns_lean and with dnspython: for `check --verify`."""

from __future__ import annotations

from collections.abc import Iterator

from lowatch.core.addresses import format_address
from lowatch.wire.dns import Reply, ReplyKind, RRType
from lowatch.wire.dns_full import parse_full
from lowatch.wire.dns_lean import renewed_ttl

from .response_reader import MismatchObserver, ResponseReader, exceeded

_SHOWN = 20
"""Differences that are kept; each is counted."""


class VerifyingReader(ResponseReader):
    """What dnspython reads counts.

    compared: responses that both read. differing: those that they read differently. differences: in words,
    with the name and type that was asked.
    """

    def __init__(self, observer: MismatchObserver) -> None:
        super().__init__(observer, draw=lambda: 1.0)
        self.compared = self.differing = 0
        self.differences: dict[str, None] = {}

    def renewed_ttl(self, message: bytes, question: bytes, known: bytes) -> None:
        """None: each response is to be read."""

    def read(self, message: bytes, question: bytes) -> Reply:
        lean = None if exceeded(message) else self.read_lean(message, question)
        if lean is None:
            return super().read(message, question)
        full = parse_full(message)
        found = [*_differences(lean, full), *_renewal(message, question, full)]
        self.compared += 1
        if found:
            self.differing += 1
            if len(self.differences) < _SHOWN:
                self.differences[f"{_asked(question)}: {'; '.join(found)}"] = None
        return full


def _differences(lean: Reply, full: Reply) -> Iterator[str]:
    for name, ours, theirs in zip(Reply._fields, lean, full, strict=True):
        if ours != theirs:
            yield _by_both(name, _shown(ours), _shown(theirs))


def _renewal(message: bytes, question: bytes, full: Reply) -> Iterator[str]:
    """What the reading of a response that only confirms an address says otherwise."""
    if full.kind is ReplyKind.ADDRESSES and question[-3] == RRType.A:
        ttl = renewed_ttl(message, question, full.addresses[0])
        if ttl is not None and (len(full.addresses) > 1 or full.chain or ttl != full.ttl):
            yield _by_both("a renewal's ttl", str(ttl), str(full.ttl))


def _by_both(what: str, ours: str, theirs: str) -> str:
    return f"{what} is {ours} by the lean parser and {theirs} by dnspython"


def _shown(value: object) -> str:
    """A value in words. Not a text: a redacted report could not tell a name in it from a word."""
    if isinstance(value, tuple):
        return " ".join(map(_shown, value)) or "nothing"
    if isinstance(value, bytes):
        return format_address(value) if len(value) in (4, 16) else "a record"  # type: ignore[arg-type]
    if isinstance(value, str) and not isinstance(value, ReplyKind):
        return f"a text of {len(value)}"
    return str(value)


def _asked(question: bytes) -> str:
    """A question section in words: `www.example.com A`."""
    labels, at = [], 0
    while question[at]:
        labels.append(question[at + 1 : at + 1 + question[at]].decode("ascii", "backslashreplace"))
        at += 1 + question[at]
    name = ".".join(labels).lower() if len(labels) > 1 else "a name of one label"
    return f"{name} {RRType(question[-3]).name}"
