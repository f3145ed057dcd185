"""anycast-healthchecker: the ip_prefix of each check, which it announces through BIRD and never adds."""

from __future__ import annotations

from collections.abc import Iterator
from posixpath import join

from lowatch.core.boot import Configured, Effect

from .source import Source
from .text import settings, written

BY = "anycast-healthchecker"
MAIN = "/etc/anycast-healthchecker.conf"
_DIRECTORY = "/etc/anycast-healthchecker.d"


def read(source: Source) -> Iterator[Configured]:
    checks = [name for name in source.directory(_DIRECTORY) if name.endswith(".conf")]
    for file in (MAIN, *(join(_DIRECTORY, name) for name in checks)):
        for setting in settings(source.logical_lines(file, "#;"), "=:"):
            if setting.key != "ip_prefix":
                continue
            if (address := written(setting.value)) is None:
                source.cannot_read(file, f"{setting.value} is not an address", setting.line)
            else:
                yield Configured(*address, None, file, setting.line, BY, Effect.NAMES)
