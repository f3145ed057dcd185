"""Reads TOML tables by a schema, and collects all errors with their locations.

The schema is data: a Value, Values, Section or Sections for each key.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .document import Document
from .errors import ConfigError, ErrorList, shortened
from .scalars import Parser, WrongTypeError
from .toml_lines import KeyPath

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Value:
    """One value."""

    parse: Parser[Any]


@dataclass(frozen=True, slots=True)
class Values:
    """An array of values. may_be_empty: whether [] is allowed."""

    parse: Parser[Any]
    may_be_empty: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """A [table]. unsupported: keys that are refused, with the reason, unless their value is ""."""

    keys: Mapping[str, KeySpec]
    unsupported: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sections:
    """An array of tables, such as [[domain]]. unsupported: as in a Section."""

    keys: Mapping[str, KeySpec]
    required: tuple[str, ...] = ()
    unsupported: Mapping[str, str] = field(default_factory=dict)


KeySpec = Value | Values | Section | Sections


class KeyLocation(NamedTuple):
    """A key or element in a document, for errors."""

    document: Document
    path: KeyPath

    def __truediv__(self, step: str | int) -> KeyLocation:
        return KeyLocation(self.document, (*self.path, step))

    @property
    def key(self) -> str:
        """The dotted key with indexes from 0: `dns.timeout`, `domains[2]`, `domain[0].ports[1]`."""
        text = ""
        for step in self.path:
            if isinstance(step, int):
                text += f"[{step}]"
            else:
                shown = step if _BARE_KEY.fullmatch(step) else repr(step)
                text += f".{shown}" if text else shown
        return text

    def error(self, message: str) -> ConfigError:
        line = self.document.line(self.path)
        return ConfigError(self.document.path, line, self.key, shortened(message))


@dataclass(frozen=True, slots=True)
class Table:
    """The valid part of one table.

    keys: all keys that are set, also those with errors. values: by key the parsed Value, a tuple of them
    for Values, a Table for a Section, a tuple of Tables for Sections.
    """

    location: KeyLocation
    keys: frozenset[str] = frozenset()
    values: dict[str, Any] = field(default_factory=dict)


class TableReader:
    """Reads documents by a schema. errors: those of all documents so far. unsupported: as in a Section."""

    def __init__(self, schema: Mapping[str, KeySpec], unsupported: Mapping[str, str] | None = None) -> None:
        self.errors = ErrorList()
        self._schema = schema
        self._unsupported = unsupported or {}

    def document(self, document: Document) -> Table:
        top = Section(self._schema, self._unsupported)
        return self._table(top, document.table, KeyLocation(document, ()))

    def _read(self, spec: KeySpec, raw: object, location: KeyLocation) -> Any:
        """Raises ValueError if no part of the value is usable."""
        match spec:
            case Value():
                return spec.parse(raw)
            case Values():
                return tuple(self._values(spec, raw, location))
            case Section():
                return self._table(spec, raw, location)
            case Sections():
                return tuple(self._sections(spec, raw, location))

    def _values(self, spec: Values, raw: object, location: KeyLocation) -> Iterator[Any]:
        if not isinstance(raw, list):
            raise WrongTypeError("an array, in [brackets]", raw)
        if not raw and not spec.may_be_empty:
            raise ValueError("is empty (give at least one, or remove the key)")
        for index, element in enumerate(raw):
            try:
                yield spec.parse(element)
            except ValueError as error:
                self.errors.append((location / index).error(str(error)))

    def _sections(self, spec: Sections, raw: object, location: KeyLocation) -> Iterator[Table]:
        if not isinstance(raw, list) or not all(isinstance(element, dict) for element in raw):
            raise WrongTypeError(f"tables, each headed [[{location.key}]]", raw)
        for index, element in enumerate(raw):
            table = self._table(Section(spec.keys, spec.unsupported), element, location / index)
            missing = [key for key in spec.required if key not in table.keys]
            if missing:
                self.errors.append(table.location.error(f"lacks {' and '.join(missing)}"))
            if all(key in table.values for key in spec.required):
                yield table

    def _table(self, spec: Section, raw: object, location: KeyLocation) -> Table:
        if not isinstance(raw, dict):
            raise WrongTypeError(f"a table, headed [{location.key}]", raw)
        table = Table(location, frozenset(raw))
        for key, value in raw.items():
            if key in spec.unsupported:
                if value != "":
                    self.errors.append((location / key).error(f"{spec.unsupported[key]}; remove it"))
                continue
            try:
                table.values[key] = self._read(self._spec(spec, key, location), value, location / key)
            except ValueError as error:
                self.errors.append((location / key).error(str(error)))
        return table

    def _spec(self, section: Section, key: str, location: KeyLocation) -> KeySpec:
        if key in section.keys:
            return section.keys[key]
        raise ValueError(f"unknown key{'' if self.errors.full else self._hint(section, key, location)}")

    def _hint(self, section: Section, key: str, location: KeyLocation) -> str:
        if location.path and key in self._schema:
            return f" in {location.key} (write it above the first [table])"
        for name, spec in self._schema.items():
            if isinstance(spec, Section | Sections) and key in spec.keys and not location.path:
                return f" (it belongs in {_header(name, spec)})"
        import difflib  # noqa: PLC0415  # only needed after an error

        close = difflib.get_close_matches(key, section.keys, n=1)
        return f" (did you mean {close[0]}?)" if close else f" (known: {', '.join(section.keys)})"


def _header(name: str, spec: KeySpec) -> str:
    return f"[[{name}]]" if isinstance(spec, Sections) else f"[{name}]"
