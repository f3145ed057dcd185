"""Files in a directory of the test, and what a reader makes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from lowatch.boot.source import Source
from lowatch.core.addresses import format_address
from lowatch.core.boot import Configured

Reader = Callable[[Source], Iterable[Configured]]


def written_to(root: Path, files: Mapping[str, str]) -> Source:
    for name, content in files.items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return Source(root)


def row(entry: Configured) -> str:
    """For example "192.0.2.10/32 lo /etc/x:3", with the effect unless it is to add, and the note."""
    length = "" if entry.prefixlen is None else f"/{entry.prefixlen}"
    words = [
        f"{format_address(entry.address)}{length}",
        entry.interface or "-",
        f"{entry.file}:{entry.line}",
    ]
    words += ["route"] if entry.is_route else []
    words += [] if entry.effect.value == "adds" else [entry.effect.value]
    return " ".join(words) + (f" ({entry.note})" if entry.note else "")


def rows(read: Reader, root: Path, files: Mapping[str, str]) -> list[str]:
    """What a reader finds; it must understand everything."""
    source = written_to(root, files)
    found = [row(entry) for entry in read(source)]
    assert source.unread == []
    return found


def unread(read: Reader, root: Path, files: Mapping[str, str]) -> list[str]:
    """What a reader could not read or understand."""
    source = written_to(root, files)
    list(read(source))
    return [f"{one.file}:{one.line} {one.reason}" for one in source.unread]
