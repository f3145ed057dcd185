"""Parses hosts(5) as glibc's nss_files does, for the names that are followed or for those of addresses.

foreign_behaviour/test_name_service.py tests these rules against getaddrinfo: an alias counts like the first
name, case does not matter, an address is what inet_pton accepts (neither `127.1` nor `fe80::1%eth0`), a
name with a final dot is another name, and a malformed line is skipped. All lines of a name count if
host.conf has `multi on`, as on Debian; otherwise only the first one does.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Container, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from lowatch.core.addresses import Address

HOSTS = Path("/etc/hosts")
HOST_CONF = Path("/etc/host.conf")

_MULTI = re.compile(r"[ \t]*multi[ \t]+(on|off)(?![a-z])", re.IGNORECASE)

_REPORTED = 20
"""The most problems reported: a generated file is wrong in every line or in none."""
_SHOWN = 60
"""Bytes of a malformed address that are shown."""


class Hosts(NamedTuple):
    """addresses: by name, sorted. problems: one line each, with file and line number."""

    addresses: Mapping[str, tuple[Address, ...]] = {}
    problems: tuple[str, ...] = ()


def parse_multi(text: str) -> bool:
    """Whether host.conf(5) has `multi on`. It is off without the file."""
    multi = False
    for line in text.split("\n"):
        if matched := _MULTI.match(line):
            multi = matched[1].lower() == "on"
    return multi


def parse_hosts(
    lines: Iterable[bytes], followed: Container[str], *, multi: bool, source: str = str(HOSTS)
) -> Hosts:
    """Read the lines of the `followed` names (lower case, no final dot). Others cost time, but no memory.

    multi: whether all lines of a name count, or only the first.

    A malformed line without any of these names is not a problem, because nothing depends on it.
    """
    found: dict[str, set[Address]] = {}
    problems: list[str] = []
    for number, line in enumerate(lines, 1):
        words = line.partition(b"#")[0].partition(b"\0")[0].lower().split()
        # latin-1 turns names beyond ASCII into names that are never followed.
        names = [name for word in words[1:] if (name := word.decode("latin-1")) in followed]
        if not names:
            continue
        address = _parse_address(words[0])
        if address is not None:
            for name in names:
                if multi or name not in found:
                    found.setdefault(name, set()).add(address)
        elif len(problems) < _REPORTED:
            shown = words[0][:_SHOWN].decode(errors="replace")
            problems.append(f"{source}:{number}: {shown!r} is not an address, ignoring it for {names[0]}")
    return Hosts({name: tuple(sorted(addresses)) for name, addresses in found.items()}, tuple(problems))


def names_beside(
    lines: Iterable[bytes], addresses: Container[Address], wanted: Callable[[str], bool], most: int
) -> tuple[set[str], bool]:
    """The wanted names on the lines of these addresses, and whether there are more than `most` of them.

    Other lines take time, but no memory. In a list of blocked names, they have one and the same address.
    """
    found: set[str] = set()
    last, counts = b"", False
    for line in lines:
        words = line.partition(b"#")[0].partition(b"\0")[0].split(None, 1)
        if len(words) < 2:
            continue
        if words[0] != last:
            last, address = words[0], _parse_address(words[0])
            counts = address is not None and address in addresses
        if counts:
            for word in words[1].lower().split():
                name = word.decode("latin-1")
                if name in found or not wanted(name):
                    continue
                if len(found) == most:
                    return found, True
                found.add(name)
    return found, False


def _parse_address(word: bytes) -> Address | None:
    """Parsed by the C library's own inet_pton, as for every other reader of the file."""
    try:
        text = word.decode("ascii")
        family = socket.AF_INET6 if ":" in text else socket.AF_INET
        return Address(socket.inet_pton(family, text))
    except (OSError, ValueError):
        return None
