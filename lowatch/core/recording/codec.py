"""Values to plain JSON values and back. An address is text, a port "443/tcp", a prefix "192.0.2.0/24"."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from lowatch.core.addresses import Address, Port, Prefix, format_address, parse_address, parse_prefix

LARGEST = 1 << 128
"""No number in a recording is larger, whichever its unit: so many addresses has ::/0."""


class Misfit(ValueError):  # noqa: N818  # it is caught and completed on the way up
    """A plain value that does not fit its type. path: where it is, from the outside in."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
        self.path = ""

    def inside(self, step: str) -> Misfit:
        """The same, seen from one level further out. step: ".member" or "[3]"."""
        self.path = step + self.path
        return self


class UnknownMember(Misfit):
    """A member that this version does not have."""

    def __init__(self) -> None:
        super().__init__("unknown")


class Doubled:
    """Stands for an object in which a member occurs twice."""

    def __init__(self, member: str) -> None:
        self.member = member


class Leaf(NamedTuple):
    """Where a text is. owner, member: the record's class and field. is_key: a key of a mapping there."""

    owner: str
    member: str
    is_key: bool = False


class Mapper:
    """What Codec.map() does with each address, prefix, text and record. This one keeps them all."""

    def address(self, address: Address) -> Address:
        return address

    def prefix(self, prefix: Prefix) -> Prefix:
        return prefix

    def text(self, text: str, _leaf: Leaf) -> str:
        return text

    def record(self, record: Any) -> Any:
        """Called with each record whose fields have been mapped."""
        return record


class Codec:
    """encode: a value to a plain one. decode: a plain value to a value; raises Misfit. map: see Mapper."""

    is_record = False

    def encode(self, value: Any) -> Any:
        return value

    def decode(self, data: Any) -> Any:
        raise NotImplementedError

    def map(self, value: Any, _mapper: Mapper, _leaf: Leaf) -> Any:
        return value


class _Scalar(Codec):
    def __init__(self, kind: type, noun: str) -> None:
        self._kind, self._noun = kind, noun

    def decode(self, data: Any) -> Any:
        if type(data) is not self._kind:
            raise wrong(data, self._noun)
        return data


class _Text(_Scalar):
    def map(self, value: Any, mapper: Mapper, leaf: Leaf) -> Any:
        return mapper.text(value, leaf)


class _Integer(_Scalar):
    def decode(self, data: Any) -> int:
        number: int = super().decode(data)
        if abs(number) > LARGEST:
            raise wrong(data, self._noun)
        return number


class _Float(Codec):
    def decode(self, data: Any) -> float:
        if type(data) not in (int, float) or not math.isfinite(data) or abs(data) > LARGEST:
            raise wrong(data, "a number")
        return float(data)


class _Parsed(Codec):
    """A value that is written as one text."""

    def __init__(self, noun: str, write: Callable[[Any], str], read: Callable[[str], Any]) -> None:
        self._noun, self._write, self._read = noun, write, read

    def encode(self, value: Any) -> str:
        return self._write(value)

    def decode(self, data: Any) -> Any:
        if type(data) is not str:
            raise wrong(data, self._noun)
        try:
            return self._read(data)
        except ValueError:
            raise wrong(data, self._noun) from None


class _Address(_Parsed):
    def map(self, value: Any, mapper: Mapper, _leaf: Leaf) -> Any:
        return mapper.address(value)


class _Prefix(_Parsed):
    def map(self, value: Any, mapper: Mapper, _leaf: Leaf) -> Any:
        return mapper.prefix(value)


def _read_port(text: str) -> Port:
    number, _, protocol = text.partition("/")
    if protocol not in ("tcp", "udp") or not (number.isascii() and number.isdigit() and len(number) <= 5):
        raise ValueError(text)
    if int(number) > 65535:
        raise ValueError(text)
    return Port(int(number), protocol)


class ChosenCodec(Codec):
    """One of a few texts: an enumeration or a Literal."""

    def __init__(self, choices: Mapping[str, Any]) -> None:
        self._choices = choices

    def encode(self, value: Any) -> str:
        return str(value)

    def decode(self, data: Any) -> Any:
        if type(data) is not str or data not in self._choices:
            raise wrong(data, f"one of {', '.join(self._choices)}")
        return self._choices[data]


class ListCodec(Codec):
    """A tuple of any length, or a set, which is written in order."""

    def __init__(self, item: Codec, made: Callable[[Any], Any]) -> None:
        self.item, self.is_set = item, made is frozenset
        self._made = made

    def encode(self, value: Any) -> list[Any]:
        return [self.item.encode(one) for one in self.in_order(value)]

    def in_order(self, value: Any) -> Collection[Any]:
        return sorted(value) if self.is_set else value

    def decode(self, data: Any) -> Any:
        if type(data) is not list:
            raise wrong(data, "a list")
        decode, found = self.item.decode, []
        for number, one in enumerate(data):
            try:
                found.append(decode(one))
            except Misfit as misfit:
                raise misfit.inside(f"[{number}]") from None
        return self._made(found)

    def map(self, value: Any, mapper: Mapper, leaf: Leaf) -> Any:
        return self._made(self.item.map(one, mapper, leaf) for one in value)


class FixedCodec(Codec):
    """A tuple of as many items as it has types."""

    def __init__(self, items: tuple[Codec, ...]) -> None:
        self._items = items

    def encode(self, value: Any) -> list[Any]:
        return [codec.encode(one) for codec, one in zip(self._items, value, strict=True)]

    def decode(self, data: Any) -> Any:
        if type(data) is not list or len(data) != len(self._items):
            raise wrong(data, f"a list of {len(self._items)}")
        found = []
        for number, (codec, one) in enumerate(zip(self._items, data, strict=True)):
            try:
                found.append(codec.decode(one))
            except Misfit as misfit:
                raise misfit.inside(f"[{number}]") from None
        return tuple(found)

    def map(self, value: Any, mapper: Mapper, leaf: Leaf) -> Any:
        return tuple(codec.map(one, mapper, leaf) for codec, one in zip(self._items, value, strict=True))


class MappingCodec(Codec):
    """An object with keys of one type, which are texts in JSON, and values of another."""

    def __init__(self, key: Codec, value: Codec) -> None:
        self.key, self.value = key, value

    def encode(self, value: Any) -> dict[str, Any]:
        return {self.key.encode(key): self.value.encode(one) for key, one in value.items()}

    def decode(self, data: Any) -> Any:
        if type(data) is not dict:
            raise wrong(data, "an object")
        before, found = 0, {}
        for text, one in data.items():
            try:
                found[self.key.decode(text)] = self.value.decode(one)
            except Misfit as misfit:
                raise misfit.inside(f"[{quoted(text)}]") from None
            if len(found) == before:
                raise Misfit("the same as another key").inside(f"[{quoted(text)}]")
            before = len(found)
        return found

    def map(self, value: Any, mapper: Mapper, leaf: Leaf) -> Any:
        of_key = leaf._replace(is_key=True)
        return {
            self.key.map(key, mapper, of_key): self.value.map(one, mapper, leaf)
            for key, one in value.items()
        }


_ADDRESS = _Address("an address", format_address, parse_address)
ATOMS: Mapping[Any, Codec] = {
    str: _Text(str, "a text"),
    int: _Integer(int, "an integer"),
    bool: _Scalar(bool, "true or false"),
    float: _Float(),
    Address: _ADDRESS,
    Port: _Parsed("a port such as 443/tcp", str, _read_port),
    Prefix: _Prefix("a prefix such as 192.0.2.0/24", str, parse_prefix),
}


def wrong(data: Any, noun: str) -> Misfit:
    if isinstance(data, Doubled):
        return Misfit(f"has {quoted(data.member)} twice")
    return Misfit(f"must be {noun}, not {_described(data)}")


def _described(data: Any) -> str:
    match data:
        case None:
            return "null"
        case bool():
            return "true" if data else "false"
        case dict():
            return "an object"
        case list():
            return f"a list of {len(data)}" if data else "an empty list"
        case str():
            return quoted(data)
    return f"{data}"


def quoted(text: str) -> str:
    return repr(text) if len(text) <= 40 else f"{text[:40]!r}..."
