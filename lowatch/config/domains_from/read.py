"""Names from files: every [[domains_from]] read, what is right in them added, what is wrong told.

A mistake in the TOML refuses a configuration. One in these files does not: others write them, and one bad
line must not cost the names on 99,999 good ones.
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
from lowatch.config.sources import Sources, fingerprint, fixed_part, matching
from lowatch.core.limits import NAMES, NAMES_FILE_BYTES, NAMES_FILES, NAMES_LINES
from lowatch.files.regular_file import RefusedFileError, open_regular, read_whole, too_large

from .problems import ImmoderateError, Problems
from .text import line_mentions


def read_names(config: Config) -> Config:
    """The configuration with the names that its files hold now. The TOML is not read again.

    It blocks: a quarter of a second for 100,000 names.
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
    """counted: of each [[domains_from]], once mentions() has come to its end."""

    def __init__(self, domains_from: Sequence[DomainsFrom]) -> None:
        self.problems = Problems()
        self._names = 0
        self.counted: list[DomainsFrom] = []
        self._found = [(one, matching(one.path)) for one in domains_from]
        patterns = tuple(one.path for one in domains_from)
        files = dict.fromkeys(file for _, files in self._found for file in files)
        self.sources = Sources(patterns, fingerprint(files))  # before they are read: see changed()

    def mentions(self) -> Iterator[Mention]:
        done: set[Path] = set()
        for one, found in self._found:
            files = [file for file in self._usable(one, found) if file not in done]
            done.update(files)
            domains = 0
            for file in files:
                for mention in self._file_mentions(file):
                    domains += 1
                    yield mention
            self.counted.append(replace(one, files=len(files), domains=domains))

    def _usable(self, one: DomainsFrom, found: list[Path]) -> list[Path]:
        directory = fixed_part(one.path)
        if len(found) > NAMES_FILES.value:
            NAMES_FILES.reached()
            self.problems.add(one.error(f"{one.path!r} matches more than {NAMES_FILES.value} files"))
            self.problems.unread.append(directory)
            return []
        if not found:
            why = ""
            try:
                os.scandir(directory).close()
            except OSError as error:
                why = f": {directory}: {error.strerror}"
                self.problems.unread.append(directory)  # what is in it nobody knows
            self.problems.add(one.error(f"no file matches {one.path!r}{why}"))
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
        except ImmoderateError as immoderate:
            problems.give_up(file, str(immoderate))
        except RefusedFileError as error:
            problems.give_up(file, f"is {error.strerror}")
        except FileNotFoundError:
            problems.give_up(file, "there is no such file")
        except OSError as error:
            problems.give_up(file, f"cannot be read: {error.strerror}")

    def _count_name(self) -> None:
        self._names += 1
        if self._names > NAMES.value:
            raise ImmoderateError(NAMES, "names, with those of the files before it")


def _mentions(file: Path, problems: Problems) -> Iterator[Mention]:
    """Raises OSError, UnicodeDecodeError, and ImmoderateError."""
    with open_regular(file, NAMES_FILE_BYTES) as stream:
        match file.suffix.lower():
            case ".json":
                yield from _json(file, stream, problems)
            case ".yml" | ".yaml":
                yield from _yaml(file, stream, problems)
            case _:
                yield from line_mentions(file, _lines(stream), problems)


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    left = NAMES_FILE_BYTES.value
    for number, line in enumerate(stream):
        left -= len(line)
        if number >= NAMES_LINES.value:
            raise ImmoderateError(NAMES_LINES, "lines")
        if left < 0:  # it grows, or its size was not the truth
            raise too_large(NAMES_FILE_BYTES)
        yield line


def _json(file: Path, stream: BinaryIO, problems: Problems) -> Iterator[Mention]:
    from .file_sd_json import json_mentions  # noqa: PLC0415  # most hosts have none

    return json_mentions(file, read_whole(stream, NAMES_FILE_BYTES).decode("utf-8-sig"), problems)


def _yaml(file: Path, stream: BinaryIO, problems: Problems) -> Iterator[Mention]:
    from .file_sd_yaml import yaml_mentions  # noqa: PLC0415  # PyYAML costs what docs/dependencies.md says

    return yaml_mentions(file, read_whole(stream, NAMES_FILE_BYTES), problems)
