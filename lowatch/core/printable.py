"""What comes from outside, made fit to be shown: in a terminal, a log, the journal, a page."""

from __future__ import annotations

import re
from shlex import quote

_UNPRINTABLE = re.compile("[^ -~]")


def printable(text: str) -> str:
    r"""Printable ASCII: all else is escaped, a control character as \x1b.

    Names, labels, file names and reasons come from DNS servers, from whoever configures interfaces, and
    from whoever may write to a directory: none of them may move the cursor, start a line of a log, or turn
    the direction in which a line is read (Unicode's bidirectional controls, UAX 9).
    """
    return _UNPRINTABLE.sub(_escape, text)


def shell_word(text: str) -> str:
    r"""One word for a shell, of printable ASCII: what printable() escapes would be another word.

    Dollar-single-quotes ($'x\x1b'; POSIX.1-2024, 2.2.4) are for bash, ksh and zsh; dash has none yet.
    """
    if not _UNPRINTABLE.search(text):
        return quote(text)
    octets = text.encode("utf-8", "surrogateescape")
    return (
        "$'" + "".join(chr(o) if 32 <= o < 127 and o not in b"'\\" else f"\\x{o:02x}" for o in octets) + "'"
    )


def _escape(found: re.Match[str]) -> str:
    number = ord(found[0])
    if number <= 0xFF:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"
