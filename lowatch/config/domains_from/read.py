"""Reads the files of all [[domains_from]] tables: adds the valid names, and reports the errors.

An error in the TOML makes the configuration invalid. An error in these files does not: other programs write
them, and one bad line must not cost 99,999 good ones.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from lowatch.config.errors import not_utf_8
from lowatch.config.mentions import (
    Mention,
    merge_mentions,
)
from lowatch.config.settings import Config, DomainsFrom
from lowatch.config.sources import Sources, fixed_part, matching, states
from lowatch.core.limits.config import NAMES, NAMES_FILE_BYTES, NAMES_FILES, NAMES_LINES
from lowatch.files.regular_file import RefusedFileError, open_regular, read_whole, too_large

from .problems import ExcessiveFileError, Problems
from .text import line_mentions


def read_names(config: Config) -> Config:
    """The configuration with the names that are in its files now. The TOML is not read again.

    Blocks for a quarter of a second per 100,000 names.
    """
    if not config.domains_from:
        return config
    reading = _Reading(config.domains_from)
    domains = merge_mentions(reading.mentions(), config.ports, config.named)
    problems = reading.problems.errors()
    return replace(
        config,
        policy=replace(config.policy, domains=domains, left_out=bool(problems), configured=config.named),
        domains_from=tuple(reading.counted),
        problems=problems,
        unread=tuple(reading.problems.unread),
        sources=reading.sources,
    )


class _Reading:
    """One reading of all files. counted: each [[domains_from]] with its counts, once it has been read."""

    def __init__(self, domains_from: Sequence[DomainsFrom]) -> None:
        self.problems = Problems()
        self._names = 0
        self.counted: list[DomainsFrom] = []
        self._found = [(entry, matching(entry.path)) for entry in domains_from]
        patterns = tuple(entry.path for entry in domains_from)
        files = dict.fromkeys(file for _, files in self._found for file in files)
        self.sources = Sources(patterns, states(files))  # before they are read: see changed()

    def mentions(self) -> Iterator[Mention]:
        done: set[Path] = set()
        for entry, found in self._found:
            files = [file for file in self._usable(entry, found) if file not in done]
            done.update(files)
            domains = 0
            for file in files:
                for mention in self._file_mentions(file):
                    domains += 1
                    yield mention
            self.counted.append(replace(entry, files=len(files), domains=domains))

    def _usable(self, entry: DomainsFrom, found: list[Path]) -> list[Path]:
        directory = fixed_part(entry.path)
        if len(found) > NAMES_FILES.value:
            NAMES_FILES.reached()
            self.problems.add(entry.error(f"{entry.path!r} matches more than {NAMES_FILES.value} files"))
            self.problems.unread.append(directory)
            return []
        if not found:
            why = ""
            try:
                os.scandir(directory).close()
            except OSError as error:
                why = f": {directory}: {error.strerror}"
                self.problems.unread.append(directory)
            self.problems.add(entry.error(f"no file matches {entry.path!r}{why}"))
        return found

    def _file_mentions(self, file: Path) -> Iterator[Mention]:
        problems = self.problems
        try:
            for mention in _mentions(file, problems):
                self._count_name()
                yield mention
        except UnicodeDecodeError as error:
            line = error.object.count(b"\n", 0, error.start) + 1
            problems.give_up(file, not_utf_8(error), line)
        except ExcessiveFileError as error:
            problems.give_up(file, str(error))
        except RefusedFileError as error:
            problems.give_up(file, f"is {error.strerror}")
        except FileNotFoundError:
            problems.give_up(file, "no such file")
        except OSError as error:
            problems.give_up(file, f"cannot be read: {error.strerror}")

    def _count_name(self) -> None:
        self._names += 1
        if self._names > NAMES.value:
            raise ExcessiveFileError(NAMES, "domains, counting the files before it")


def _mentions(file: Path, problems: Problems) -> Iterator[Mention]:
    """The domains in a file. Raises OSError, UnicodeDecodeError, ExcessiveFileError."""
    with open_regular(file, NAMES_FILE_BYTES) as stream:
        match file.suffix.lower():
            case ".json":
                yield from _json(file, stream, problems)
            case ".yml" | ".yaml":
                yield from _yaml(file, stream, problems)
            case _:
                yield from line_mentions(file, _lines(stream), problems)


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    rest = NAMES_FILE_BYTES.value
    for number, line in enumerate(stream):
        rest -= len(line)
        if number >= NAMES_LINES.value:
            raise ExcessiveFileError(NAMES_LINES, "lines")
        if rest < 0:  # the file has grown, or reports no size
            raise too_large(NAMES_FILE_BYTES)
        yield line


def _json(file: Path, stream: BinaryIO, problems: Problems) -> Iterator[Mention]:
    from .file_sd_json import json_mentions  # noqa: PLC0415  # most hosts have no such file

    return json_mentions(file, read_whole(stream, NAMES_FILE_BYTES).decode("utf-8-sig"), problems)


def _yaml(file: Path, stream: BinaryIO, problems: Problems) -> Iterator[Mention]:
    from .file_sd_yaml import yaml_mentions  # noqa: PLC0415  # docs/dependencies.md has the cost of PyYAML

    return yaml_mentions(file, read_whole(stream, NAMES_FILE_BYTES), problems)
