"""Every key of a TOML text has its right line, or none."""

from __future__ import annotations

import tomllib

from hypothesis import example, given, settings
from hypothesis import strategies as st

from lowatch.config.toml_lines import KeyPath, key_lines

STRINGS = (
    ('{} = """', "z = [1,", '\\"""', '"""'),
    ("{} = '''", "z = {", "'''"),
    ('"{}" = "# \\" z = 1"',),
    ("'{}' = '\"'",),
)
VALUES = ("1", "1979-05-27 07:32:00", "inf", '""', "{}", "[]", "true # ]")
GAPS = ("", "# x = 1", "  # [[y]]", "\t")

Lines = list[str]
Places = dict[KeyPath, int]


def strings(draw: st.DrawFn, path: KeyPath, here: int) -> tuple[Lines, Places]:
    """Strings over several lines, which look like other things."""
    lines = draw(st.sampled_from(STRINGS))
    return [line.format(path[-1]) if "{}" in line else line for line in lines], {path: here}


def nested(draw: st.DrawFn, path: KeyPath, here: int) -> tuple[Lines, Places]:
    lines = [f"{path[-1]} = [ # [", '  { a = "]", b = [', "  2 ] },", "  [], ", "]"]
    return lines, {
        path: here,
        (*path, 0): here + 1,
        (*path, 0, "a"): here + 1,
        (*path, 0, "b"): here + 1,
        (*path, 0, "b", 0): here + 2,
        (*path, 1): here + 3,
    }


def dotted(draw: st.DrawFn, path: KeyPath, here: int) -> tuple[Lines, Places]:
    value = draw(st.sampled_from(VALUES))
    return [f"{path[-1]} . sub = {value}"], {path: here, (*path, "sub"): here}


@st.composite
def texts_and_places(draw: st.DrawFn) -> tuple[str, Places]:
    """A TOML text, put together from statements whose lines are known as they are written."""
    lines: Lines = []
    places: Places = {}
    base: KeyPath = ()
    counts = {"many": 0, "more": 0}
    for number in range(draw(st.integers(0, 12))):
        lines += draw(st.lists(st.sampled_from(GAPS), max_size=2))
        here = len(lines) + 1
        statement = draw(st.sampled_from(["[table]", "[[array]]", strings, nested, dotted]))
        if statement == "[table]":
            base = (f"k{number}",)
            lines.append(f"[ k{number} ] # k")
            places[base] = here
        elif statement == "[[array]]":
            name = draw(st.sampled_from(sorted(counts)))
            base = (name, counts[name])
            counts[name] += 1
            lines.append(f"[[{name}]]")
            places |= {(name,): places.get((name,), here), base: here}
        else:
            new_lines, new_places = statement(draw, (*base, f"k{number}"), here)
            lines += new_lines
            places |= new_places
    return "\n".join(lines), places


@settings(deadline=None)
@given(texts_and_places())
def test_every_key_has_its_line(drawn: tuple[str, Places]) -> None:
    text, places = drawn
    tomllib.loads(text)
    assert key_lines(text) == places


@settings(deadline=None)
@given(st.text(st.sampled_from("[]{}\"'=.,#\\ab1\n \t"), max_size=60))
@example('"\\1" = 1')
def test_no_text_keeps_it_walking(text: str) -> None:
    key_lines(text)
