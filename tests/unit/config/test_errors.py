"""Mistakes of a configuration as text."""

from __future__ import annotations

from pathlib import Path

import pytest

from lowatch.config.errors import ConfigError, ConfigErrors, ErrorList, not_utf_8, shortened
from lowatch.core.limits.config import CONFIG_ERRORS

FILE = Path("/etc/lowatch/lowatch.toml")


@pytest.mark.parametrize(
    ("line", "key", "text"),
    [
        (3, "dns.timeout", "/etc/lowatch/lowatch.toml:3: dns.timeout: is wrong"),
        (None, "dns.timeout", "/etc/lowatch/lowatch.toml: dns.timeout: is wrong"),
        (3, "", "/etc/lowatch/lowatch.toml:3: is wrong"),
        (None, "", "/etc/lowatch/lowatch.toml: is wrong"),
    ],
)
def test_a_mistake_has_its_place(line: int | None, key: str, text: str) -> None:
    assert str(ConfigError(FILE, line, key, "is wrong")) == text


def test_whatever_it_quotes_it_is_one_line_of_printable_ascii() -> None:
    text = str(ConfigError(Path("a\nb"), 1, "\x1b[31m", "not \u202e this"))
    assert text.isascii()
    assert text.isprintable()


def test_only_the_first_are_kept_and_the_rest_is_counted() -> None:
    errors = ErrorList()
    for number in range(CONFIG_ERRORS.value + 2):
        assert errors.full is (number >= CONFIG_ERRORS.value)
        errors.append(ConfigError(FILE, number, "", ""))
    assert (len(errors), errors.more) == (CONFIG_ERRORS.value, 2)


def test_a_long_message_is_cut() -> None:
    assert shortened("short") == "short"
    assert len(shortened("x" * 10_000)) < 400


def test_the_byte_that_is_not_utf_8_is_named() -> None:
    with pytest.raises(UnicodeDecodeError) as caught:
        b"ok \xff".decode()
    assert "UTF-8" in not_utf_8(caught.value)


def test_all_errors_are_a_line_each() -> None:
    errors = [ConfigError(FILE, number, "key", "is wrong") for number in (1, 2)]
    assert str(ConfigErrors(errors)).splitlines() == list(map(str, errors))
