"""Reads file_sd in JSON, one group at a time: a tree of 100,000 groups takes ten times the file's size."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Generator, Iterator
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from lowatch.config.mentions import Mention
from lowatch.core.limits.config import NAMES_GROUP_BYTES

from .file_sd import LIST_OF_GROUPS, GroupErrors, parse_file_sd_target
from .problems import ExcessiveFileError, Problems

_GAP = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()
_LONGEST_TOKEN = len(r"\uXXXX\uXXXX")


def json_mentions(file: Path, text: str, problems: Problems) -> Iterator[Mention]:
    """The domains of all valid targets before the first JSON error. Errors are reported to `problems`."""
    errors = GroupErrors(file, problems)
    try:
        for number, (position, group) in enumerate(_document(text)):
            yield from _group(number, group, _GroupLines(text, position), errors)
    except json.JSONDecodeError as error:
        errors.give_up(f"is not valid JSON: {error.msg}", error.lineno)
    except RecursionError:
        errors.give_up("is nested too deeply")
    except ValueError as error:
        errors.give_up(str(error))


class _GroupLines:
    """The lines of a group and its targets, computed only to report an error."""

    def __init__(self, text: str, position: int) -> None:
        self._text = text
        self._position = position

    def line(self) -> int:
        return self._line_of(self._position)

    def line_of_target(self, index: int) -> int:
        return self._line_of(self._targets[index])

    def _line_of(self, position: int) -> int:
        return self._text.count("\n", 0, position) + 1

    @cached_property
    def _targets(self) -> list[int]:
        """The positions of the targets. The last of several "targets" counts, as in json."""
        found: list[int] = []
        for key, position in _members(self._text, self._position):
            if key == "targets":
                found = [position for position, _ in _elements(self._text, position)]
        return found


def _group(number: int, group: object, lines: _GroupLines, errors: GroupErrors) -> Iterator[Mention]:
    if not isinstance(group, dict):
        errors.wrong_group(number, lines.line, f'must be a group with "targets", not {_type_name(group)}')
        return
    targets = group.get("targets")
    if not isinstance(targets, list):
        missing = "targets" not in group
        message = 'lacks "targets"' if missing else f'"targets" must be a list, not {_type_name(targets)}'
        errors.wrong_group(number, lines.line, message)
        return
    for index, raw in enumerate(targets):
        try:
            if not isinstance(raw, str):
                raise ValueError(f"must be a string, not {_type_name(raw)}")  # noqa: TRY004, TRY301  # handled below
            mention = parse_file_sd_target(raw)
        except ValueError as error:
            errors.wrong_target(number, index, partial(lines.line_of_target, index), str(error))
        else:
            yield mention


def _type_name(raw: object) -> str:
    """JSON's name for the value's type, with its article."""
    if raw is None:
        return "null"
    names: tuple[tuple[type, str], ...] = (
        (bool, "a boolean"),
        (str, "a string"),
        (list, "an array"),
        (dict, "an object"),
    )
    return next((name for kind, name in names if isinstance(raw, kind)), "a number")


def _document(text: str) -> Iterator[tuple[int, Any]]:
    """Position and value of each element of a text that is one array. Raises ValueError if it is not."""
    start = _skip_gap(text, 0)
    if text[start : start + 1] != "[":
        if start < len(text):
            _DECODER.raw_decode(text, start)  # raises if it is not JSON at all
        raise ValueError(LIST_OF_GROUPS)
    end = _skip_gap(text, (yield from _elements(text, start, _Window(text).decode)))
    if end != len(text):
        raise json.JSONDecodeError("Extra data", text, end)


class _Window:
    """Decodes a text window by window, because json blocks all threads while it decodes one value."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._move_to(0)

    def decode(self, position: int) -> tuple[Any, int]:
        """Like JSONDecoder.raw_decode. Raises ExcessiveFileError for a value larger than the window."""
        if position >= self._end:
            self._move_to(position)
        try:
            value, end = _DECODER.raw_decode(self._part, position - self._start)
            if self._start + end < self._end or self._end == len(self._text):
                return value, self._start + end
            cut_off = True  # perhaps a number that continues
        except json.JSONDecodeError as error:
            cut_off = error.pos > len(self._part) - _LONGEST_TOKEN or error.msg.startswith("Unterminated")
            if self._end == len(self._text) or not cut_off:
                raise json.JSONDecodeError(error.msg, self._text, self._start + error.pos) from None
        if position == self._start:
            raise ExcessiveFileError(NAMES_GROUP_BYTES, "bytes in one group")
        self._move_to(position)
        return self.decode(position)

    def _move_to(self, position: int) -> None:
        self._start, self._end = position, min(position + NAMES_GROUP_BYTES.value, len(self._text))
        self._part = self._text[self._start : self._end]


def _elements(
    text: str, position: int, decode: Callable[[int], tuple[Any, int]] | None = None
) -> Generator[tuple[int, Any], None, int]:
    """Position and value of each element of the array at a position. Returns the array's end.

    decode: JSONDecoder.raw_decode for the text by default. Raises what it raises.
    """
    decode = decode or partial(_DECODER.raw_decode, text)
    position = _skip_gap(text, position + 1)
    if text[position : position + 1] == "]":
        return position + 1
    while True:
        value, end = decode(position)
        yield position, value
        position = _skip_gap(text, end)
        mark = text[position : position + 1]
        if mark == "]":
            return position + 1
        if mark != ",":
            raise json.JSONDecodeError("Expecting ',' delimiter", text, position)
        position = _skip_gap(text, position + 1)


def _members(text: str, position: int) -> Iterator[tuple[str, int]]:
    """Each key of the object at a position, and the position of its value. text: known to be valid."""
    while text[position] != "}":
        key, end = _DECODER.raw_decode(text, _skip_gap(text, position + 1))
        value_at = _skip_gap(text, _skip_gap(text, end) + 1)  # past the colon
        yield key, value_at
        position = _skip_gap(text, _DECODER.raw_decode(text, value_at)[1])


def _skip_gap(text: str, position: int) -> int:
    gap = _GAP.match(text, position)
    return gap.end() if gap else position
