"""The codecs of records and unions, and the codec of any type that can be recorded.

A record is an object of its fields. A field that has its default is left out, so the default of a recorded
type must not change. Where a union has records, `{"listener": {...}}` tells which of them it is.
"""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Collection, Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from lowatch.core.known import Known

from .codec import (
    ATOMS,
    ChosenCodec,
    Codec,
    FixedCodec,
    Leaf,
    ListCodec,
    Mapper,
    MappingCodec,
    Misfit,
    UnknownMember,
    quoted,
    wrong,
)
from .consistency import CHECKS


class UnionCodec(Codec):
    """One of several types, or None. Records are tagged if there is more than one type."""

    def __init__(self, members: Mapping[type, Codec], *, optional: bool) -> None:
        self._members, self._optional = members, optional
        self._tags = {_tag(kind): kind for kind, codec in members.items() if codec.is_record}
        if len(members) == 1:
            self._tags = {}
        self._tag_of = {kind: tag for tag, kind in self._tags.items()}
        self._plain = next((codec for kind, codec in members.items() if kind not in self._tag_of), None)

    def chosen(self, value: Any) -> tuple[str | None, Codec]:
        """The tag, and the codec of a value that is not None."""
        kind = type(value)
        if kind in self._members:
            return self._tag_of.get(kind), self._members[kind]
        assert self._plain is not None, value
        return None, self._plain

    def encode(self, value: Any) -> Any:
        if value is None:
            return None
        tag, codec = self.chosen(value)
        return codec.encode(value) if tag is None else {tag: codec.encode(value)}

    def decode(self, data: Any) -> Any:
        if data is None and self._optional:
            return None
        if type(data) is dict and self._tags:
            tag = next(iter(data), "")
            if len(data) != 1 or tag not in self._tags:
                raise Misfit(f"must have one member, {' or '.join(self._tags)}")
            try:
                return self._members[self._tags[tag]].decode(data[tag])
            except Misfit as misfit:
                raise misfit.inside(f".{tag}") from None
        if self._plain is None:
            raise wrong(data, "an object")
        return self._plain.decode(data)

    def map(self, value: Any, mapper: Mapper, leaf: Leaf) -> Any:
        return None if value is None else self.chosen(value)[1].map(value, mapper, leaf)


def _tag(kind: type) -> str:
    """RouteAnswer is "route_answer"."""
    return re.sub(r"\B(?=[A-Z])", "_", kind.__name__).lower()


class KnownCodec(Codec):
    """A Known, written as its value."""

    is_record = True

    def __init__(self, value: Codec) -> None:
        self.value = value

    def encode(self, value: Any) -> Any:
        return self.value.encode(value.value)

    def decode(self, data: Any) -> Any:
        return Known(self.value.decode(data))

    def map(self, value: Any, mapper: Mapper, leaf: Leaf) -> Any:
        return Known(self.value.map(value.value, mapper, leaf))


class RecordCodec(Codec):
    """A named tuple or a dataclass, as an object without the fields that have their defaults."""

    is_record = True

    def __init__(self, kind: Any) -> None:
        self._kind = kind
        hints = get_type_hints(kind)
        self._fields = {name: (codec_of(hints[name]), default) for name, default in _defaults(kind).items()}
        self._required = [name for name, (_, default) in self._fields.items() if default is MISSING]
        self._check = CHECKS.get(kind)

    def shown(self, value: Any) -> list[tuple[str, Codec, Any]]:
        """The fields to write: name, codec and value."""
        return [
            (name, codec, one)
            for name, (codec, default) in self._fields.items()
            if not _is_default(one := getattr(value, name), default)
        ]

    def encode(self, value: Any) -> dict[str, Any]:
        return {name: codec.encode(one) for name, codec, one in self.shown(value)}

    def decode(self, data: Any) -> Any:
        if type(data) is not dict:
            raise wrong(data, "an object")
        found = {}
        for name, one in data.items():
            if name not in self._fields:
                raise UnknownMember().inside(f".{name}" if name.isidentifier() else f"[{quoted(name)}]")
            try:
                found[name] = self._fields[name][0].decode(one)
            except Misfit as misfit:
                raise misfit.inside(f".{name}") from None
        missing = next((name for name in self._required if name not in found), None)
        if missing is not None:
            raise Misfit(f"has no {quoted(missing)}")
        value = self._kind(**found)
        if self._check is not None and (fault := self._check(value)):
            raise Misfit(fault)
        return value

    def map(self, value: Any, mapper: Mapper, _leaf: Leaf) -> Any:
        owner = self._kind.__name__
        return mapper.record(
            self._kind(
                **{
                    name: codec.map(getattr(value, name), mapper, Leaf(owner, name))
                    for name, (codec, _) in self._fields.items()
                }
            )
        )


@cache
def codec_of(annotation: Any) -> Codec:
    """The codec of a type. Raises TypeError for one that cannot be recorded."""
    generic = _GENERIC.get(get_origin(annotation))
    if annotation in ATOMS:
        return ATOMS[annotation]
    if generic is not None:
        return generic(get_args(annotation))
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return ChosenCodec({one.value: one for one in annotation})
    if hasattr(annotation, "_fields") or is_dataclass(annotation):
        return RecordCodec(annotation)
    raise TypeError(f"{annotation} cannot be recorded")


def _union(parts: tuple[Any, ...]) -> Codec:
    members = {get_origin(one) or one: codec_of(one) for one in parts if one is not types.NoneType}
    return UnionCodec(members, optional=types.NoneType in parts)


def _tuple(parts: tuple[Any, ...]) -> Codec:
    if parts[-1] is Ellipsis:
        return ListCodec(codec_of(parts[0]), tuple)
    return FixedCodec(tuple(map(codec_of, parts)))


def _set(parts: tuple[Any, ...]) -> Codec:
    return ListCodec(codec_of(parts[0]), frozenset)


_GENERIC: Mapping[Any, Callable[[tuple[Any, ...]], Codec]] = {
    Union: _union,
    types.UnionType: _union,
    Literal: lambda parts: ChosenCodec({one: one for one in parts}),
    tuple: _tuple,
    frozenset: _set,
    Collection: _set,
    Mapping: lambda parts: MappingCodec(*map(codec_of, parts)),
    Known: lambda parts: KnownCodec(codec_of(parts[0])),
}
"""How the codec of a generic type is made of its arguments."""


def _defaults(kind: Any) -> Mapping[str, Any]:
    """The fields of a record that are arguments, and their defaults or MISSING."""
    if hasattr(kind, "_fields"):
        return {name: kind._field_defaults.get(name, MISSING) for name in kind._fields}
    return {
        one.name: one.default if one.default_factory is MISSING else one.default_factory()
        for one in fields(kind)
        if one.init
    }


def _is_default(value: Any, default: Any) -> bool:
    if default is MISSING or (value is None) is not (default is None):
        return False
    if isinstance(default, Collection) and not default:
        return not value  # to compare 100,000 domains with none would make them all
    return bool(value == default)
