"""Nothing that a file or a command line may hold surprises the parsers: it is refused in one line."""

from __future__ import annotations

import string
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from hypothesis import example, given, settings
from hypothesis import strategies as st

from lowatch.config.document import Document
from lowatch.config.domain_names import parse_domain
from lowatch.config.errors import ConfigErrors
from lowatch.config.load import load
from lowatch.config.schema import SCHEMA
from lowatch.config.table_reader import Section, Sections, TableReader
from lowatch.config.targets import parse_explain_target

T = TypeVar("T")

likely_names = st.lists(
    st.text(st.sampled_from("aZ0-_\u00fc\u3002\u00df\u0301"), max_size=70), max_size=5
).map(".".join)


def accepted(parse: Callable[[str], T], text: str) -> T | None:
    """What it parses to, or None where it is refused, which must take one printable line."""
    message = ""
    try:
        return parse(text)
    except ValueError as error:
        message = str(error)
    assert message.isprintable()
    return None


@settings(deadline=None)
@given(st.one_of(st.text(), likely_names))
@example("\u2488com")
def test_a_name_is_refused_or_fit_for_the_wire(text: str) -> None:
    name = accepted(parse_domain, text)
    if name is None:
        return
    assert parse_domain(name) == name
    assert name.isascii()
    assert name == name.lower()
    assert len(name) <= 253
    assert all(1 <= len(label) <= 63 for label in name.split("."))


@settings(deadline=None)
@given(st.text(st.sampled_from(string.printable + "ü\u3002"), max_size=40))
def test_targets_are_refused_in_one_line_or_written_as_they_are_read(text: str) -> None:
    target = accepted(parse_explain_target, text)
    assert target is None or parse_explain_target(str(target)) == target


toml_values = st.recursive(
    st.one_of(
        st.text(max_size=20),
        st.integers(),
        st.floats(),
        st.booleans(),
        st.datetimes(),
        st.dates(),
        st.times(),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


@st.composite
def wild_tables(draw: st.DrawFn, keys: tuple[str, ...] = tuple(SCHEMA)) -> dict[str, Any]:
    """The keys that there are, and some that are not, with any values at all."""
    table = draw(
        st.dictionaries(st.one_of(st.sampled_from(keys), st.text(max_size=8)), toml_values, max_size=8)
    )
    for key, shape in SCHEMA.items():
        inner = st.dictionaries(
            st.sampled_from(sorted(getattr(shape, "keys", {"x": None}))), toml_values, max_size=6
        )
        if isinstance(shape, Section) and draw(st.booleans()):
            table[key] = draw(inner)
        elif isinstance(shape, Sections) and draw(st.booleans()):
            table[key] = draw(st.lists(inner, max_size=3))
    return table


@settings(deadline=None)
@given(wild_tables())
def test_no_value_surprises_the_reader(table: dict[str, Any]) -> None:
    reader = TableReader(SCHEMA)
    reader.document(Document(Path("lowatch.toml"), "", table))
    for error in reader.errors:
        assert str(error).isprintable()


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_no_octets_surprise_the_loader(content: bytes) -> None:
    with TemporaryDirectory() as directory:
        path = Path(directory) / "lowatch.toml"
        path.write_bytes(content)
        with suppress(ConfigErrors):
            load(path)
