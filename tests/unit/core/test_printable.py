"""printable: nothing from outside moves a cursor, starts a line or turns it around."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lowatch.core.printable import printable


def test_what_a_terminal_would_obey_is_escaped() -> None:
    assert printable("a\x1b[2Jb\r\n\x7f\x9b\u202e\u2028\U0001f600\ud800") == (
        r"a\x1b[2Jb\x0d\x0a\x7f\x9b\u202e\u2028\U0001f600\ud800"
    )


@given(st.text(st.characters()))
def test_it_is_printable_ascii(text: str) -> None:
    assert all(" " <= character <= "~" for character in printable(text))


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_what_is_printable_stays(text: str) -> None:
    assert printable(text) == text
