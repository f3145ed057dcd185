"""Reads names from text: one domain per line, perhaps followed by ports.

www.example.com                 # the default ports
www.example.com 443/tcp 8443
api.example.com:8443/tcp
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from lowatch.config.domain_names import is_plain
from lowatch.config.errors import not_utf_8
from lowatch.config.mentions import Mention
from lowatch.config.targets import (
    parse_target,
    port_of,
    refuse_srv_ports,
)
from lowatch.core.limits.config import NAMES_LINE_BYTES

from .problems import Problems

_BOM = b"\xef\xbb\xbf"


def line_mentions(file: Path, lines: Iterable[bytes], problems: Problems) -> Iterator[Mention]:
    """The domains of all valid lines. Other lines are reported to `problems`."""
    for number, line in enumerate(lines, 1):
        if b"\0" in line:
            problems.give_up(file, "is not UTF-8 text (UTF-16 or binary, perhaps)", number)
            return
        text = line.removeprefix(_BOM) if number == 1 else line
        if b"#" in text:
            text = text[: text.index(b"#")]
        try:
            mention = _mention(text.strip())
        except UnicodeDecodeError as error:
            problems.report(file, number, "", not_utf_8(error))
        except ValueError as error:
            problems.report(file, number, "", str(error))
        else:
            if mention is not None:
                yield mention


def _mention(text: bytes) -> Mention | None:
    """The domain on a line; None if the line is empty. Raises ValueError with one line."""
    if len(text) > NAMES_LINE_BYTES.value:
        NAMES_LINE_BYTES.reached()
        raise ValueError(f"is longer than {NAMES_LINE_BYTES.value} bytes")
    written = text.decode()
    if is_plain(written):
        return Mention(written)
    words = written.split()
    if not words:
        return None
    name, port = parse_target(words[0])
    further = tuple(port_of(word) for word in words[1:])
    if further:
        refuse_srv_ports(name)
    return Mention(name, further if port is None else (port, *further))
