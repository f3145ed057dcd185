"""A schema, applied to a document: all mistakes with their places, and what is right."""

from __future__ import annotations

import tomllib
from pathlib import Path

from lowatch.config.document import Document
from lowatch.config.scalars import boolean, integer
from lowatch.config.table_reader import KeyLocation, Section, Sections, Table, TableReader, Value, Values

NUMBER = Value(integer(1, 10))
SCHEMA = {
    "number": NUMBER,
    "numbers": Values(integer(1, 10)),
    "table": Section({"flag": Value(boolean)}, unsupported={"later": "is not built yet"}),
    "row": Sections({"id": NUMBER, "flag": Value(boolean)}, required=("id",)),
}


def read(text: str) -> tuple[Table, list[str]]:
    reader = TableReader(SCHEMA)
    table = reader.document(Document(Path("f"), text, tomllib.loads(text)))
    return table, list(map(str, reader.errors))


def test_what_is_right_is_kept_beside_what_is_wrong() -> None:
    table, errors = read("number = 3\nnumbers = [1, 20, 2]\n[table]\nflag = 1\n")
    assert table.values["number"] == 3
    assert table.values["numbers"] == (1, 2)
    assert table.values["table"].values == {}
    assert table.values["table"].keys == {"flag"}
    assert errors == [
        "f:2: numbers[1]: must be from 1 to 10",
        "f:4: table.flag: must be true or false, not an integer",
    ]


def test_a_row_without_what_it_needs_is_left_out() -> None:
    table, errors = read("[[row]]\nflag = true\n[[row]]\nid = 2\n")
    assert [row.values for row in table.values["row"]] == [{"id": 2}]
    assert errors == ["f:1: row[0]: lacks id"]


def test_an_unknown_key_has_a_hint() -> None:
    assert read("numbr = 1")[1] == ["f:1: numbr: unknown key (did you mean number?)"]
    assert read("flag = true")[1] == ["f:1: flag: unknown key (it belongs in [table])"]
    assert read("[table]\nnumber = 1")[1] == [
        "f:2: table.number: unknown key in table (write it above the first [table])"
    ]
    assert read("zzz = 1")[1] == ["f:1: zzz: unknown key (known: number, numbers, table, row)"]


def test_what_is_not_supported_is_refused_unless_it_is_empty() -> None:
    assert read('[table]\nlater = ""')[1] == []
    assert read('[table]\nlater = "x"')[1] == ["f:2: table.later: is not built yet; remove it"]


def test_the_wrong_shape_is_reported() -> None:
    _, errors = read("numbers = 1\ntable = 2\nrow = 3\n")
    assert errors == [
        "f:1: numbers: must be an array, in [brackets], not an integer",
        "f:2: table: must be a table, headed [table], not an integer",
        "f:3: row: must be tables, each headed [[row]], not an integer",
    ]
    assert read("numbers = []")[1] == ["f:1: numbers: is empty (give at least one, or remove the key)"]


def test_a_location_reads_as_one_would_point_at_it() -> None:
    location = KeyLocation(Document(Path("f"), "", {}), ())
    assert (location / "domain" / 0 / "ports" / 1).key == "domain[0].ports[1]"
    assert (location / "dns" / "odd key").key == "dns.'odd key'"
