"""Reads file_sd in YAML as a stream of events: 100,000 groups take one second, and seven as a tree.

Aliases are not resolved. An alias in place of a target is reported as an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from lowatch.config.mentions import Mention
from lowatch.core.limits.config import YAML_DEPTH, YAML_EVENTS

from .file_sd import LIST_OF_GROUPS, GroupErrors, Line, parse_file_sd_target
from .problems import ExcessiveFileError, Problems

_STEPS = {
    yaml.SequenceStartEvent: 1,
    yaml.MappingStartEvent: 1,
    yaml.SequenceEndEvent: -1,
    yaml.MappingEndEvent: -1,
}
"""By how much an event changes the depth; other events do not."""
_TYPE_NAMES = {
    yaml.SequenceStartEvent: "a list",
    yaml.MappingStartEvent: "a mapping",
    yaml.AliasEvent: "an alias",
    yaml.ScalarEvent: "a scalar",
}


def yaml_mentions(file: Path, content: bytes, problems: Problems) -> Iterator[Mention]:
    """The domains of all valid targets before the first YAML error. Errors are reported to `problems`."""
    errors = GroupErrors(file, problems)
    try:
        yield from _EventReader(content, errors).document()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "cannot be read"
        errors.give_up(f"is not valid YAML: {problem}", mark.line + 1 if mark else None)
    except ValueError as error:
        errors.give_up(str(error))


class _EventReader:
    """Reads the events of one file, with libyaml's parser if available, which is ten times as fast."""

    def __init__(self, content: bytes, errors: GroupErrors) -> None:
        self._loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(content)
        self._errors = errors
        self._events = 0

    def _next(self) -> Any:
        """The next event. Raises yaml.YAMLError, ExcessiveFileError."""
        self._events += 1
        if self._events > YAML_EVENTS.value:
            raise ExcessiveFileError(YAML_EVENTS, "values, keys, lists and mappings")
        return self._loader.get_event()

    def document(self) -> Iterator[Mention]:
        """The domains in the file. Raises ValueError, yaml.YAMLError, ExcessiveFileError."""
        self._next()  # the stream's start
        if type(self._next()) is not yaml.DocumentStartEvent:
            raise ValueError(LIST_OF_GROUPS)
        if type(self._next()) is not yaml.SequenceStartEvent:
            raise ValueError(LIST_OF_GROUPS)
        number = 0
        while type(event := self._next()) is not yaml.SequenceEndEvent:
            yield from self._group(number, event)
            number += 1
        self._next()  # the document's end
        if type(self._next()) is not yaml.StreamEndEvent:
            raise ValueError("has more than one document; only the first was read")

    def _group(self, number: int, start: Any) -> Iterator[Mention]:
        if type(start) is not yaml.MappingStartEvent:
            message = f'must be a group with "targets", not {_TYPE_NAMES[type(start)]}'
            self._errors.wrong_group(number, _line_of(start), message)
            self._skip(start)
            return
        missing = True
        while type(key := self._next()) is not yaml.MappingEndEvent:
            self._skip(key)
            value = self._next()
            if type(key) is yaml.ScalarEvent and key.value == "targets":
                missing = False
                yield from self._targets(number, value)
            else:
                self._skip(value)
        if missing:
            self._errors.wrong_group(number, _line_of(start), 'lacks "targets"')

    def _targets(self, number: int, start: Any) -> Iterator[Mention]:
        if type(start) is not yaml.SequenceStartEvent:
            message = f'"targets" must be a list, not {_TYPE_NAMES[type(start)]}'
            self._errors.wrong_group(number, _line_of(start), message)
            self._skip(start)
            return
        index = 0
        while type(event := self._next()) is not yaml.SequenceEndEvent:
            try:
                mention = self._target(event)
            except ValueError as error:
                self._errors.wrong_target(number, index, _line_of(event), str(error))
            else:
                yield mention
            index += 1

    def _target(self, event: Any) -> Mention:
        if type(event) is yaml.ScalarEvent:
            return parse_file_sd_target(event.value)
        self._skip(event)
        raise ValueError(f"must be a string, not {_TYPE_NAMES[type(event)]}")

    def _skip(self, event: Any) -> None:
        """Skip everything up to the end of what the event starts. Raises ValueError."""
        depth = _STEPS.get(type(event), 0)
        while depth:
            depth += _STEPS.get(type(self._next()), 0)
            if depth > YAML_DEPTH.value:
                YAML_DEPTH.reached()
                raise ValueError("is nested too deeply")


def _line_of(event: Any) -> Line:
    return lambda: event.start_mark.line + 1
