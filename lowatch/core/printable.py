"""Makes text from outside safe to show in a terminal, a log, the journal or a page."""

from __future__ import annotations

import re
from shlex import quote

_UNPRINTABLE = re.compile("[^ -~]")


def printable(text: str) -> str:
    r"""The text as printable ASCII. Everything else is escaped, a control character as \x1b.

    Names, labels, file names and reasons may come from DNS servers, or from anybody who can configure an
    interface or write to a directory. They must not move the cursor, start a new line in a log, or reverse
    the reading direction (Unicode's bidirectional controls, UAX 9).
    """
    return _UNPRINTABLE.sub(_escape, text)


def shell_word(text: str) -> str:
    r"""The text as one shell word of printable ASCII, which the shell expands to the original text.

    Dollar-single-quotes ($'x\x1b'; POSIX.1-2024, 2.2.4) work in bash, ksh and zsh, but not yet in dash.
    """
    if not _UNPRINTABLE.search(text):
        return quote(text)
    encoded = b"".join(map(_octets, text))
    return (
        "$'"
        + "".join(chr(b) if 32 <= b < 127 and b not in b"'\\" else f"\\x{b:02x}" for b in encoded)
        + "'"
    )


def _octets(character: str) -> bytes:
    """Its own. The system's names are decoded with surrogateescape; a recording may have any character."""
    errors = "surrogateescape" if "\udc80" <= character <= "\udcff" else "surrogatepass"
    return character.encode("utf-8", errors)


def _escape(found: re.Match[str]) -> str:
    number = ord(found[0])
    if number <= 0xFF:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"
