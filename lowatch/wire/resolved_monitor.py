"""What systemd-resolved reports of each lookup: io.systemd.Resolve.Monitor, over varlink.

Messages are JSON objects, each with a NUL octet behind it (https://varlink.org, "Wire format").
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from lowatch.core.addresses import Address
from lowatch.core.limits.lookups import LOOKUP_MESSAGE

from .lookup import Lookup

SUBSCRIBE = b'{"method":"io.systemd.Resolve.Monitor.SubscribeQueryResults","more":true}\0'
_ADDRESS = re.compile(rb'"address"\s*:\s*\[([0-9,\s]{7,96})\]')
_SPACE = b" \t\r\n"
_NO_LOOKUP = re.compile(rb'"(?:error|ready)"\s*:')
_HEAD = 256
"""Octets at the start in which an error, or that it is ready, would be said."""
_TYPES = (1, 28)
_LENGTHS = (4, 16)
_MAX_ASKED = 16
"""Questions of one lookup that are looked at. It has one for each type, and for each alias followed."""


class MonitorError(Exception):
    """The monitor refuses, or sends what it should not. One line."""


class Ready(NamedTuple):
    """The monitor reports from now on."""


def listed(address: Address) -> bytes:
    """An address as the monitor writes it."""
    return ",".join(map(str, address)).encode()


def parse_report(message: bytes, held: Collection[bytes]) -> list[Lookup] | Ready:
    """The lookups in a message that has a held address. held: by listed(). Raises MonitorError.

    Most have none: they take a microsecond, and are not decoded.
    """
    found = _ADDRESS.findall(message)
    if not any(one.translate(None, _SPACE) in held for one in found) and not _NO_LOOKUP.search(
        message, 0, _HEAD
    ):
        return []
    try:
        decoded = json.loads(message)
    except (ValueError, RecursionError):
        raise MonitorError("it sent a message that is not JSON") from None
    match decoded:
        case {"error": str() as error}:
            raise MonitorError(error)
        case {"parameters": {"ready": True}}:
            return Ready()
        case {"parameters": {"state": "success", "question": list() as asked, "answer": list() as answer}}:
            addresses = tuple(dict.fromkeys(_addresses(answer)))
            return [Lookup(name, addresses) for name in dict.fromkeys(_names(asked))] if addresses else []
    return []


def _names(asked: list[Any]) -> Iterator[str]:
    for one in asked[:_MAX_ASKED]:
        match one:
            case {"class": 1, "type": int() as kind, "name": str() as name} if kind in _TYPES:
                yield name.lower().removesuffix(".")


def _addresses(answer: list[Any]) -> Iterator[Address]:
    for one in answer:
        match one:
            case {"rr": {"key": {"class": 1, "type": int() as kind}, "address": list() as numbers}} if (
                kind in _TYPES and len(numbers) in _LENGTHS and all(map(_is_octet, numbers))
            ):
                yield Address(bytes(numbers))


def _is_octet(number: object) -> bool:
    return type(number) is int and 0 <= number <= 255


class MessageReader:
    """Cuts a stream at its NUL octets, and keeps at most one message that is not complete."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._kept = 0

    def feed(self, octets: bytes) -> list[bytes]:
        """The messages that are complete now, but for empty ones.

        Raises MonitorError if one does not end.
        """
        *complete, rest = octets.split(b"\0")
        if complete:
            complete[0] = b"".join((*self._pieces, complete[0]))
            self._pieces, self._kept = [], 0
        if rest:
            self._pieces.append(rest)
            self._kept += len(rest)
        if self._kept > LOOKUP_MESSAGE.value:
            LOOKUP_MESSAGE.reached()
            raise MonitorError(f"it sent a message of more than {LOOKUP_MESSAGE.value:,} octets")
        return [message for message in complete if message]
