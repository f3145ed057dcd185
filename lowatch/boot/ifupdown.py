"""/etc/network/interfaces, and what it sources (interfaces(5))."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from posixpath import join

from lowatch.core.boot import Configured, Effect

from .ip_command import added
from .source import Line, Source
from .text import written

MAIN = "/etc/network/interfaces"
BY = "ifupdown"
_STANZAS = frozenset({"iface", "mapping", "template", "rename", "no-auto-down", "no-scripts"})
_RUN_PARTS = re.compile("[A-Za-z0-9_-]+")
_COMMANDS = frozenset({"up", "post-up", "pre-up"})
_ADDS = frozenset({"static", "tunnel", "v4tunnel", "6to4"})
_DEPTH = 16


@dataclass(slots=True)
class _Iface:
    """A stanza `iface NAME FAMILY METHOD`, with its options in order."""

    name: str
    method: str
    file: str
    options: list[tuple[str, str, int]] = field(default_factory=list)


@dataclass(slots=True)
class _Interfaces:
    """All files as one. auto: the words of `auto` and `allow-hotplug` lines."""

    ifaces: list[_Iface] = field(default_factory=list)
    auto: list[str] = field(default_factory=list)


def read(source: Source) -> Iterator[Configured]:
    interfaces = _Interfaces()
    _read_file(MAIN, source, interfaces, 0)
    for iface in interfaces.ifaces:
        yield from _configured(iface, interfaces.auto, source)


def _read_file(file: str, source: Source, into: _Interfaces, depth: int) -> None:
    if depth > _DEPTH:
        source.cannot_read(file, "is sourced too deeply")
        return
    current: _Iface | None = None
    for line in source.logical_lines(file, "#"):
        keyword, _, rest = line.text.partition(" ") if "\t" not in line.text else _split(line.text)
        rest = rest.strip()
        words = rest.split()
        if keyword in ("source", "source-directory"):
            current = None
            for path in _sourced(keyword, rest, file, line, source):
                _read_file(path, source, into, depth + 1)
        elif keyword == "auto" or keyword.startswith("allow-"):
            current = None
            if keyword in ("auto", "allow-auto", "allow-hotplug"):
                into.auto += words
        elif keyword == "iface" and len(words) >= 3:
            current = _Iface(words[0], words[2], file)
            into.ifaces.append(current)
        elif keyword in _STANZAS:
            current = None
        elif current is not None:
            current.options.append((keyword, rest, line.number))


def _split(text: str) -> tuple[str, str, str]:
    keyword, *rest = text.split(None, 1)
    return keyword, " ", rest[0] if rest else ""


def _sourced(keyword: str, pattern: str, file: str, line: Line, source: Source) -> list[str]:
    paths = source.matching(pattern, file, line.number)
    if keyword == "source":
        return paths
    return [
        join(path, name) for path in paths for name in source.directory(path) if _RUN_PARTS.fullmatch(name)
    ]


def _configured(iface: _Iface, auto: list[str], source: Source) -> Iterator[Configured]:
    at_boot, interface = _brought_up(iface.name, auto)
    effect = Effect.ADDS if at_boot else Effect.MAY_ADD
    note = "" if at_boot else f"not at boot: no auto or allow-hotplug line for {iface.name}"
    masks = [value for key, value, _ in iface.options if key == "netmask"]
    for key, value, line in iface.options:
        if key == "address" and (address := written(value, masks[0] if masks else None)):
            ignored = iface.method not in _ADDS
            yield Configured(
                *address,
                interface,
                iface.file,
                line,
                BY,
                Effect.MAY_ADD if ignored else effect,
                f"ifupdown2 and ifupdown-ng add it, ifupdown does not (method {iface.method})"
                if ignored
                else note,
            )
        elif key == "address":
            source.cannot_read(iface.file, f"{value} is not an address", line)
        elif key in _COMMANDS:
            for one in added(value, iface.name):
                if one.written is None:
                    source.cannot_read(iface.file, "adds an address that it does not spell out", line)
                    continue
                device = one.interface if one.interface != iface.name else interface
                yield Configured(*one.written, device, iface.file, line, BY, effect, note, one.is_route)


def _brought_up(name: str, auto: list[str]) -> tuple[bool, str | None]:
    """Whether `ifup -a` or udev brings a logical interface up; and the interface, if it is certain."""
    device = name.partition(":")[0]
    for word in auto:
        physical, _, logical = word.partition("=")
        pattern = physical.startswith("/") and not physical.startswith("/dev/")
        if logical:
            if logical == name:
                return True, None if pattern else physical.partition(":")[0]
        elif physical == name or (pattern and fnmatchcase(name, physical[1:].partition("/")[0])):
            return True, device
    return False, device
