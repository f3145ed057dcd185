"""Parsers for plain TOML values: strings, booleans, integers, durations, choices.

Each parser takes any object and raises ValueError with one line: what is wrong (and what would be right).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import TypeVar

from .durations import format_duration, parse_duration

T = TypeVar("T")
Parser = Callable[[object], T]


class WrongTypeError(ValueError):
    """A value has the wrong type. expected: the right type in words. raw: the value."""

    def __init__(self, expected: str, raw: object) -> None:
        super().__init__(f"must be {expected}, not {_type_name(raw)}")


def _type_name(raw: object) -> str:
    """TOML's name for the value's type, with its article."""
    names: tuple[tuple[type, str], ...] = (
        (bool, "a boolean"),
        (str, "a string"),
        (int, "an integer"),
        (float, "a float"),
        (datetime, "a date-time"),
        (date, "a date"),
        (list, "an array"),
        (dict, "a table"),
    )
    return next((name for kind, name in names if isinstance(raw, kind)), "a time")


def string(raw: object, example: str) -> str:
    """A string. example: one or more quoted examples for the message."""
    if not isinstance(raw, str):
        raise WrongTypeError(f"a string like {example}", raw)
    return raw


def boolean(raw: object) -> bool:
    """True or false."""
    if not isinstance(raw, bool):
        raise WrongTypeError("true or false", raw)
    return raw


def integer(lowest: int, highest: int) -> Parser[int]:
    """A parser for integers from `lowest` to `highest`."""

    def parse(raw: object) -> int:
        if isinstance(raw, bool) or not isinstance(raw, int):
            raise WrongTypeError("an integer", raw)
        if not lowest <= raw <= highest:
            raise ValueError(f"must be from {lowest} to {highest}")
        return raw

    return parse


def duration(*, zero: bool = False) -> Parser[float]:
    """A parser for durations, which returns seconds. zero: whether "0s" is allowed."""

    def parse(raw: object) -> float:
        if not isinstance(raw, str):
            raise _not_a_duration(raw)
        seconds = parse_duration(raw)
        if seconds == 0 and not zero:
            raise ValueError("must be longer than 0s")
        return seconds

    return parse


def _not_a_duration(raw: object) -> ValueError:
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        return WrongTypeError('a string like "30s"', raw)
    guess = format_duration(raw) if 0 < raw < 1e6 else "30s"
    return ValueError(f'{raw} is a number without a unit (write "{guess}")')


def one_of(choices: dict[str, T]) -> Parser[T]:
    """A parser for one of several strings, each of which stands for a value."""
    quoted = " or ".join(f'"{choice}"' for choice in choices)

    def parse(raw: object) -> T:
        if not isinstance(raw, str):
            raise WrongTypeError(quoted, raw)
        if raw not in choices:
            raise ValueError(f"must be {quoted}, not {raw!r}")
        return choices[raw]

    return parse
