"""Names as Prometheus has them: the JSON and YAML of its file_sd_config.

    [{"targets": ["www.example.com:443", "https://api.example.com/health"], "labels": {...}}]

A URL, as the blackbox exporter's targets are, gives its host and the port, which may be its scheme's.
Labels, and whatever else a group has, are for others.

Source: https://prometheus.io/docs/prometheus/latest/configuration/configuration/#file_sd_config
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from lowatch.config.mentions import (
    Mention,
)
from lowatch.config.targets import (
    parse_target,
)

from .problems import Problems

LIST_OF_GROUPS = 'must be a list of groups, each with "targets"'

_URL = re.compile(r"(https?)://(?:[^/?#]*@)?([^/?#]*).*", re.IGNORECASE | re.DOTALL)
_URL_PORTS = {"http": 80, "https": 443}

Line = Callable[[], int]
"""Looks up a line, counted from 1: only for a mistake that is going to be shown."""


def parse_file_sd_target(text: str) -> Mention:
    """`HOST`, `HOST:PORT`, or an http or https URL. Raises ValueError with one clear line."""
    name, port = parse_target(_authority(text) if "://" in text else text)
    return Mention(name, () if port is None else (port,))


def _authority(text: str) -> str:
    url = _URL.fullmatch(text)
    if url is None:
        return text
    scheme, authority = url.groups()
    return authority if ":" in authority else f"{authority}:{_URL_PORTS[scheme.lower()]}"


class Groups:
    """What the readers of both formats tell of a file's groups."""

    def __init__(self, file: Path, problems: Problems) -> None:
        self._file = file
        self._problems = problems

    def wrong_group(self, group: int, line: Line, message: str) -> None:
        self._report(f"[{group}]", line, message)

    def wrong_target(self, group: int, target: int, line: Line, message: str) -> None:
        self._report(f"[{group}].targets[{target}]", line, message)

    def give_up(self, message: str, line: int | None = None) -> None:
        self._problems.give_up(self._file, message, line)

    def _report(self, key: str, line: Line, message: str) -> None:
        known = None if self._problems.full else line()
        self._problems.report(self._file, known, key, message)
