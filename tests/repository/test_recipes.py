"""The recipes of CONTRIBUTING.md name all files that a change touches, and no more than four."""

from __future__ import annotations

import re
from typing import NamedTuple

import pytest

from tests.support.repository import ROOT

CHANGES = (
    "a finding kind",
    "a nameserver transport",
    "a source of names",
    "a metric",
    "an output format",
    "a command",
    "a program whose files configure addresses",
    "another file watched",
    "a retry rule",
    "a journal field",
    "a configuration key",
)
IN_OTHER_SENSES = {"a command"}
"""Whose example is a word that stands elsewhere as well."""


class Recipe(NamedTuple):
    """files: below lowatch/. alternatives: named in parentheses, in place of one of them."""

    change: str
    example: str
    files: tuple[str, ...]
    alternatives: tuple[str, ...]


def recipes() -> list[Recipe]:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    section = text.split("## Recipes")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (an? [^|]+|another [^|]+) \| `(\w+)` \| (.+) \|$", section, re.MULTILINE)
    return [
        Recipe(
            change,
            example,
            tuple(re.findall(r"`([\w/.]+)`", re.sub(r"\([^)]*\)", "", files))),
            tuple(re.findall(r"`([\w/.]+)`", "".join(re.findall(r"\([^)]*\)", files)))),
        )
        for change, example, files in rows
    ]


def mentions(word: str) -> set[str]:
    sources = ROOT / "lowatch"
    files = (file for kind in ("*.py", "*.toml") for file in sources.rglob(kind))
    return {str(file.relative_to(sources)) for file in files if re.search(rf"\b{word}\b", file.read_text())}


def test_there_is_one_for_each_change() -> None:
    assert tuple(recipe.change for recipe in recipes()) == CHANGES


@pytest.mark.parametrize("recipe", recipes(), ids=lambda recipe: recipe.change)
def test_it_names_the_files_of_its_example(recipe: Recipe) -> None:
    found = mentions(recipe.example)
    assert 1 <= len(recipe.files) <= 4
    if recipe.change in IN_OTHER_SENSES:
        assert set(recipe.files) <= found
    else:
        assert set(recipe.files) == found
    assert [one for one in recipe.alternatives if not (ROOT / "lowatch" / one).exists()] == []
