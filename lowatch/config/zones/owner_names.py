"""Domain names as a zone file writes them (RFC 1035, 5.1), in one form: absolute, lower case, final dot."""

from __future__ import annotations

import re

_OCTET = re.compile(rb"\\([0-9]{3}|[^0-9])|\\|[^!-~]", re.DOTALL)
_LABEL = re.compile(rb"((?:[^.\\]++|\\[0-9]{3}|\\[^0-9])*+)\.")
_UNUSUAL = re.compile(rb"[^!-~]|\\")
_ESCAPED = frozenset(b'"().;\\')
_LABEL_OCTETS, _NAME_OCTETS = 63, 255


class ZoneFileError(ValueError):
    """One line, without file and line number: why a zone file cannot be read."""


def absolute(name: bytes, origin: bytes | None) -> bytes:
    """The whole name, in lower case, with escapes only where they are needed. origin: absolute.

    Raises ZoneFileError for a malformed name, and for a relative one without an origin.
    """
    if name == b"@" or not name.endswith(b".") or _ends_escaped(name):
        if origin is None:
            raise ZoneFileError("a relative name before any $ORIGIN (write $ORIGIN, or whole names)")
        name = origin if name == b"@" else name + (b"." if origin == b"." else b"." + origin)
    if name.startswith(b'"'):
        raise ZoneFileError("a name in quotes")
    name = name.lower()
    if _UNUSUAL.search(name):
        name = _OCTET.sub(_octet, name)
    if name != b"." and (len(name) > _LABEL_OCTETS or b".." in name or name.startswith(b".")):
        _check_labels(name)
    return name


def is_within(name: bytes, zone: bytes) -> bool:
    """Whether a name is a zone's apex or below it. Both absolute."""
    return zone in (name, b".") or name.endswith(b"." + zone)


def parents(name: bytes) -> list[bytes]:
    """The names above a name, the nearest first, without the root."""
    found = []
    while name := name.partition(b".")[2]:
        found.append(name)
    return found


def _ends_escaped(name: bytes) -> bool:
    """Whether the final dot is part of the last label."""
    slashes = len(name) - 1 - len(name[:-1].rstrip(b"\\"))
    return slashes % 2 == 1


def _octet(match: re.Match[bytes]) -> bytes:
    """An escape, or an octet that must be one, in its shortest form."""
    what = match[1] or match[0]
    if what == b"\\" and match[1] is None:
        raise ZoneFileError("a name with an unfinished escape")
    octet = int(what) if len(what) == 3 else what[0]
    if octet > 255:
        raise ZoneFileError(f"a name with the escape \\{octet}")
    octet = octet + 32 if 65 <= octet <= 90 else octet
    if octet in _ESCAPED:
        return b"\\" + bytes((octet,))
    return bytes((octet,)) if 0x20 < octet < 0x7F else b"\\%03d" % octet


def _check_labels(name: bytes) -> None:
    lengths = [len(_OCTET.sub(b"x", label)) for label in _LABEL.findall(name)]
    if not all(0 < length <= _LABEL_OCTETS for length in lengths):
        raise ZoneFileError("a name with an empty label, or one of more than 63 octets")
    if sum(lengths) + len(lengths) + 1 > _NAME_OCTETS:
        raise ZoneFileError("a name of more than 255 octets")
