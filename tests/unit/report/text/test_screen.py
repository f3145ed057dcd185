"""Lines for a terminal."""

from __future__ import annotations

from lowatch.report.text.screen import NARROWEST, Cell, Screen, Style, narrowest_table

PLAIN, COLOURED = Screen(colour=False, width=40), Screen(colour=True, width=40)


def test_only_a_coloured_screen_paints() -> None:
    assert PLAIN.paint("text", Style.RED) == "text"
    assert COLOURED.paint("text", Style.RED) == "\x1b[1;31mtext\x1b[0m"
    assert COLOURED.paint("text", Style.PLAIN) == "text"
    assert COLOURED.paint("", Style.RED) == ""


def test_a_paragraph_is_broken_at_spaces_and_a_long_word_is_kept() -> None:
    long = "x" * 60
    assert PLAIN.paragraph(f"short words {long} end") == ["short words", long, "end"]


def test_an_entry_hangs_at_its_column() -> None:
    lines = PLAIN.entry(Cell("why"), "a text that does not fit on one line of these", column=8, indent=2)
    assert lines[0].startswith("  why   a text")
    assert all(line.startswith(" " * 8) for line in lines[1:])
    assert len(lines) == 2


def test_a_tables_columns_are_aligned() -> None:
    rows = [[Cell("a"), Cell("one")], [Cell("long"), Cell("two")]]
    assert PLAIN.table(rows) == [["a     one"], ["long  two"]]
    assert narrowest_table(rows) == len("long  two")


def test_the_last_column_wraps_but_never_to_single_words() -> None:
    rows = [[Cell("x" * 35), Cell("several words that need room here")]]
    first, *rest = PLAIN.table(rows)[0]
    assert first.startswith("x" * 35 + "  several words")
    assert rest
    assert narrowest_table(rows) == 35 + 2 + NARROWEST
