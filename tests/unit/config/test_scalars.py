"""TOML's own kinds of value: what is taken, and what is said of the rest."""

from __future__ import annotations

from datetime import date, time

import pytest

from lowatch.config.scalars import Parser, WrongTypeError, boolean, duration, integer, one_of, string

PROBE = one_of({"off": False, "confirm": True})


@pytest.mark.parametrize(
    ("parse", "raw", "value"),
    [
        (boolean, True, True),
        (integer(1, 10), 10, 10),
        (duration(), "1m30s", 90.0),
        (duration(zero=True), "0s", 0.0),
        (PROBE, "off", False),
        (lambda raw: string(raw, '"lo"'), "dummy0", "dummy0"),
    ],
)
def test_what_is_taken(parse: Parser[object], raw: object, value: object) -> None:
    assert parse(raw) == value


@pytest.mark.parametrize(
    ("parse", "raw", "complaint"),
    [
        (boolean, 1, "must be true or false, not an integer"),
        (integer(1, 10), True, "must be an integer, not a boolean"),
        (integer(1, 10), 11, "must be from 1 to 10"),
        (integer(1, 10), 1.0, "must be an integer, not a float"),
        (duration(), 30, r'30 is a number without a unit \(write "30s"\)'),
        (duration(), "0s", "must be longer than 0s"),
        (duration(), ["30s"], 'must be a string like "30s", not an array'),
        (PROBE, "on", 'must be "off" or "confirm", not \'on\''),
        (PROBE, False, 'must be "off" or "confirm", not a boolean'),
        (lambda raw: string(raw, '"lo"'), {}, 'must be a string like "lo", not a table'),
        (lambda raw: string(raw, '"lo"'), date(2026, 1, 1), "not a date"),
        (lambda raw: string(raw, '"lo"'), time(1), "not a time"),
    ],
)
def test_what_is_wrong(parse: Parser[object], raw: object, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse(raw)


def test_another_type_is_an_error_of_its_own() -> None:
    with pytest.raises(WrongTypeError):
        boolean("true")
