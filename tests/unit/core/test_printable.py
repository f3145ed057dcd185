"""printable: nothing from outside moves a cursor, starts a line or turns it around."""

from __future__ import annotations

import subprocess

from hypothesis import given, settings
from hypothesis import strategies as st

from lowatch.core.printable import printable, shell_word

HOSTILE = "x\x1b[2J'\\\u202ey"


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


@settings(max_examples=30)
@given(
    st.text(st.characters(blacklist_characters="\0", blacklist_categories=("Cs",)))
    | st.just("x\x1b[2J'\\\u202ey")
)
def test_a_shell_word_is_printable_and_means_the_text(text: str) -> None:
    word = shell_word(text)
    assert printable(word) == word
    said = subprocess.run(["bash", "-c", f"printf %s {word}"], capture_output=True, check=True).stdout
    assert said == text.encode()


def test_a_usual_name_is_a_word_already() -> None:
    assert shell_word("eth0.100") == "eth0.100"
    assert shell_word("two words") == "'two words'"
    assert shell_word("vip\udcff") == r"$'vip\xff'"
    assert shell_word("vip\ud800") == r"$'vip\xed\xa0\x80'"
