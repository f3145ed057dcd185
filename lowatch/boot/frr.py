"""FRR's `ip address` lines, of frr.conf and of zebra's own file."""

from __future__ import annotations

from collections.abc import Iterator

from lowatch.core.boot import Configured, Effect

from .source import Source
from .text import Written, written

BY = "FRR"
_PLACES = (
    ("/etc/frr/frr.conf", "/etc/frr/zebra.conf"),
    ("/etc/quagga/Quagga.conf", "/etc/quagga/zebra.conf"),
)
"""The file of all daemons, and zebra's own: beside the first, FRR 8.4 ignores the second, 10.3 does not."""
_LEAVE = frozenset({"exit", "end", "quit", "exit-vrf", "router", "vrf", "line", "route-map"})


def read(source: Source) -> Iterator[Configured]:
    for integrated, own in _PLACES:
        yield from _entries(integrated, source, Effect.ADDS, "")
        if source.status(integrated) is None:
            yield from _entries(own, source, Effect.ADDS, "")
        else:
            note = f"if FRR reads it beside {integrated}, as 10.3 does and 8.4 does not"
            yield from _entries(own, source, Effect.MAY_ADD, note)


def _entries(file: str, source: Source, effect: Effect, note: str) -> Iterator[Configured]:
    found: list[tuple[Written, str, int]] = []
    interface = None
    for number, line in enumerate(source.lines(file), 1):
        words = line.split()
        if not words or words[0][0] in "!#":
            continue
        if _abbreviates(words[0], "interface", 2):
            interface = words[1] if len(words) > 1 else None
        elif words[0] in _LEAVE:
            interface = None
        elif interface is not None and (text := _of_an_address(words)):
            address = _address(text)
            if address is None:
                source.cannot_read(file, "the address is not understood", number)
            elif words[0] == "no":
                found = [each for each in found if each[:2] != (address, interface)]
            else:
                found.append((address, interface, number))
    for address, name, number in found:
        yield Configured(*address, name, file, number, BY, effect, note)


def _abbreviates(word: str, command: str, least: int) -> bool:
    return len(word) >= least and command.startswith(word)


def _of_an_address(words: list[str]) -> list[str] | None:
    """What follows `ip address` or `no ip address`, or their like; None if the line is none."""
    command = words[1:] if words[0] == "no" else words
    if command[:1] in (["ip"], ["ipv6"]) and len(command) > 1 and _abbreviates(command[1], "address", 1):
        return command[2:] or [""]
    return None


def _address(text: list[str]) -> Written | None:
    """The address in A/P [label LABEL] or A peer B/P [label LABEL]; None if zebra refuses it."""
    match text:
        case [address] | [address, "label", _]:
            pass
        case [local, "peer", peer] | [local, "peer", peer, "label", _] if "/" not in local:
            address = f"{local}/{peer.partition('/')[2]}"
        case _:
            return None
    return written(address) if address.partition("/")[2].isdecimal() else None
