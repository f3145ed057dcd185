"""Addresses and INI files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowatch.boot.source import Line
from lowatch.boot.text import Setting, settings, written
from lowatch.core.addresses import format_address


@pytest.mark.parametrize(
    ("text", "mask", "said"),
    [
        ("192.0.2.1", None, "192.0.2.1 None"),
        ("192.0.2.1/24", None, "192.0.2.1 24"),
        ("192.0.2.1/255.255.255.0", None, "192.0.2.1 24"),
        ("192.0.2.1", "255.255.255.255", "192.0.2.1 32"),
        ("192.0.2.1", "25", "192.0.2.1 25"),
        ("192.0.2.1/24", "255.0.0.0", "192.0.2.1 24"),
        ("192.0.2.1", "odd", "192.0.2.1 None"),
        ("2001:db8::1/64", None, "2001:db8::1 64"),
        ("fe80::1%eth0/64", None, "fe80::1 64"),
    ],
)
def test_addresses(text: str, mask: str | None, said: str) -> None:
    found = written(text, mask)
    assert found is not None
    assert f"{format_address(found.address)} {found.length}" == said


@pytest.mark.parametrize(
    "text", ["", "vip", "1", "192.0.2", "192.0.2.1/33", "192.0.2.1/", "/24", "192.0.2.1 ", "::/129"]
)
def test_what_is_no_address(text: str) -> None:
    assert written(text) is None
    assert written(text, "24") is None


@given(st.text(), st.none() | st.text())
def test_no_text_is_too_odd(text: str, mask: str | None) -> None:
    written(text, mask)


def test_settings() -> None:
    lines = ["x = 1", "[A]", "y=2 = 3", "odd", "= 4", "[B ]", "z: 5", "[A]", "y=6"]
    numbered = [Line(number, text) for number, text in enumerate(lines, 1)]
    assert list(settings(numbered, "=:")) == [
        Setting("", 0, "x", "1", 1),
        Setting("A", 2, "y", "2 = 3", 3),
        Setting("B", 6, "z", "5", 7),
        Setting("A", 8, "y", "6", 9),
    ]
    assert [setting.key for setting in settings(numbered)] == ["x", "y", "y"]
