"""Reading tables by a schema: every mistake is collected with its place, what is right is kept.

The schema is data: for each key a Value, Values, Section or Sections. One reader interprets it.
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
    """An array of values. may_be_empty: whether [] means something."""

    parse: Parser[Any]
    may_be_empty: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """A [table]. unsupported: keys that are refused, each with why, unless they are empty ("")."""

    keys: Mapping[str, Shape]
    unsupported: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sections:
    """An array of tables: [[domain]]. unsupported: as of a Section."""

    keys: Mapping[str, Shape]
    required: tuple[str, ...] = ()
    unsupported: Mapping[str, str] = field(default_factory=dict)


Shape = Value | Values | Section | Sections


class Place(NamedTuple):
    document: Document
    path: KeyPath

    def __truediv__(self, step: str | int) -> Place:
        return Place(self.document, (*self.path, step))

    @property
    def key(self) -> str:
        """As one would point at it: `dns.timeout`, `domains[2]`, `domain[0].ports[1]`; from 0."""
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
    """The right part of one table. given: all keys it has, the wrong ones too.

    values: what a Value was parsed to, a tuple of such for Values, a Table for a Section, a tuple
    of Tables for Sections.
    """

    place: Place
    given: frozenset[str] = frozenset()
    values: dict[str, Any] = field(default_factory=dict)


class TableReader:
    """Collects errors over the tables it reads. schema: of the whole file, for its hints."""

    def __init__(self, schema: Mapping[str, Shape]) -> None:
        self.errors = ErrorList()
        self._schema = schema

    def document(self, document: Document) -> Table:
        return self._table(Section(self._schema), document.table, Place(document, ()))

    def _read(self, shape: Shape, raw: object, place: Place) -> Any:
        """Raises ValueError where nothing of it can be used."""
        match shape:
            case Value():
                return shape.parse(raw)
            case Values():
                return tuple(self._values(shape, raw, place))
            case Section():
                return self._table(shape, raw, place)
            case Sections():
                return tuple(self._sections(shape, raw, place))

    def _values(self, shape: Values, raw: object, place: Place) -> Iterator[Any]:
        if not isinstance(raw, list):
            raise WrongTypeError("an array, in [brackets]", raw)
        if not raw and not shape.may_be_empty:
            raise ValueError("is empty (name one at least, or leave the key out)")
        for index, element in enumerate(raw):
            try:
                yield shape.parse(element)
            except ValueError as error:
                self.errors.append((place / index).error(str(error)))

    def _sections(self, shape: Sections, raw: object, place: Place) -> Iterator[Table]:
        if not isinstance(raw, list) or not all(isinstance(element, dict) for element in raw):
            raise WrongTypeError(f"tables, each headed [[{place.key}]]", raw)
        for index, element in enumerate(raw):
            table = self._table(Section(shape.keys, shape.unsupported), element, place / index)
            missing = [key for key in shape.required if key not in table.given]
            if missing:
                self.errors.append(table.place.error(f"lacks {' and '.join(missing)}"))
            if all(key in table.values for key in shape.required):
                yield table

    def _table(self, shape: Section, raw: object, place: Place) -> Table:
        if not isinstance(raw, dict):
            raise WrongTypeError(f"a table, headed [{place.key}]", raw)
        table = Table(place, frozenset(raw))
        for key, value in raw.items():
            if key in shape.unsupported:
                if value != "":
                    self.errors.append((place / key).error(f"{shape.unsupported[key]}; remove it"))
                continue
            try:
                table.values[key] = self._read(self._shape(shape, key, place), value, place / key)
            except ValueError as error:
                self.errors.append((place / key).error(str(error)))
        return table

    def _shape(self, section: Section, key: str, place: Place) -> Shape:
        if key in section.keys:
            return section.keys[key]
        raise ValueError(f"unknown key{'' if self.errors.full else self._hint(section, key, place)}")

    def _hint(self, section: Section, key: str, place: Place) -> str:
        if place.path and key in self._schema:
            return f" in {place.key} (write it above the first [table])"
        for name, shape in self._schema.items():
            if isinstance(shape, Section | Sections) and key in shape.keys and not place.path:
                return f" (it belongs in {_header(name, shape)})"
        import difflib  # noqa: PLC0415  # only a mistake needs it

        close = difflib.get_close_matches(key, section.keys, n=1)
        return f" (did you mean {close[0]}?)" if close else f" (known: {', '.join(section.keys)})"


def _header(name: str, shape: Shape) -> str:
    return f"[[{name}]]" if isinstance(shape, Sections) else f"[{name}]"
