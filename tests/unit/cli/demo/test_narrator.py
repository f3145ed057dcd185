"""The demo's lines: none is broken by the terminal, which breaks words."""

from __future__ import annotations

import io

import pytest

from lowatch.cli.demo.narrator import Narrator
from lowatch.report.text.screen import Screen

SERIES = (
    'lo_orphan_vip{interface="lo",address="192.0.2.10",domain="shop.example",port="80",protocol="tcp"} 0'
)


def told(text: str, remark: str, *, width: int, terminal: bool) -> list[str]:
    out = io.StringIO()
    Narrator(out, Screen(colour=False, width=width), terminal=terminal).seen(text, remark)
    return out.getvalue().splitlines()


@pytest.mark.parametrize("width", [60, 80, 100])
@pytest.mark.parametrize("text", [SERIES, "GET http://192.0.2.10/", ""])
@pytest.mark.parametrize("remark", ["", "200", "refused, though another host may serve it"])
def test_every_line_fits_the_terminal(text: str, remark: str, width: int) -> None:
    lines = told(text, remark, width=width, terminal=True)
    assert max(map(len, lines)) <= width
    assert "".join("".join(lines).split()) == "".join(f"{text}{remark}".split())


def test_a_series_is_broken_after_a_comma() -> None:
    assert told(SERIES, "", width=80, terminal=True) == [
        '   lo_orphan_vip{interface="lo",address="192.0.2.10",domain="shop.example",',
        '       port="80",protocol="tcp"} 0',
    ]


def test_a_pipe_breaks_nothing() -> None:
    assert told(SERIES, "", width=80, terminal=False) == [f"   {SERIES}"]
