"""Names in Prometheus's file_sd format: what its JSON and YAML have in common.

    [{"targets": ["www.example.com:443", "https://api.example.com/health"], "labels": {...}}]

Targets of the blackbox exporter are URLs: host and port are taken from them, and a missing port from the
scheme. Labels and other keys of a group are ignored.

Source: https://prometheus.io/docs/prometheus/latest/configuration/configuration/#file_sd_config
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from lowatch.config.mentions import Mention
from lowatch.config.targets import parse_target

from .problems import Problems

LIST_OF_GROUPS = 'must be a list of groups, each with "targets"'

_URL = re.compile(r"(https?)://(?:[^/?#]*@)?([^/?#]*).*", re.IGNORECASE | re.DOTALL)
_URL_PORTS = {"http": 80, "https": 443}

Line = Callable[[], int]
"""Looks up a line, counted from 1. Called only for an error that will be shown."""


def parse_file_sd_target(text: str) -> Mention:
    """A target: `HOST`, `HOST:PORT`, or an http or https URL. Raises ValueError with one line."""
    name, port = parse_target(_authority(text) if "://" in text else text)
    return Mention(name, () if port is None else (port,))


def _authority(text: str) -> str:
    url = _URL.fullmatch(text)
    if url is None:
        return text
    scheme, authority = url.groups()
    return authority if ":" in authority else f"{authority}:{_URL_PORTS[scheme.lower()]}"


class GroupErrors:
    """Reports errors in the groups of one file, in either format."""

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
