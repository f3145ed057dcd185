"""What comments, docstrings and the pages for maintainers cite is in the repository."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from tests.support.repository import ROOT

PAGES = sorted([ROOT / "CONTRIBUTING.md", *(ROOT / "docs/internals").glob("*.md")])
CODE = sorted(file for place in ("lowatch", "bench", "tests") for file in (ROOT / place).rglob("*.py"))
OUR_PLACES = ("", "lowatch", "lowatch/resolve", "docs", "tests")
"""What a cited path may be relative to, besides the directory of the file that cites it."""
FOREIGN = re.compile(r"asyncio/")
FILE = re.compile(r"(?<![\w/.*{-])((?:[\w-]+/)*[\w-]+\.(?:py|md))(?:::(\w+))?\b(?!\()")
DIRECTORY = re.compile(
    r"(?<![\w/.])((?:lowatch|tests|docs|packaging|debian|scripts|bench)(?:/[\w-]+)+/?)(?![\w./*-])"
)
LAYERS = sorted(place.name for place in (ROOT / "lowatch").iterdir() if (place / "__init__.py").exists())
DOTTED = re.compile(
    rf"(?<![\w./])(?:lowatch\.((?:{'|'.join(LAYERS)})(?:\.\w+)+)|((?:{'|'.join(LAYERS)})(?:\.\w+){{2,}}))"
)
"""Names in our modules, like core.held.Held. A name of two parts counts only with "lowatch." before it."""
MADE_UP = {
    "tests/repository/test_citations.py",
    "tests/repository/test_leaks.py",  # tests of made-up files
    "tests/repository/test_aio.py",
    "tests/repository/test_bench.py",
    "tests/kernels/test_report.py",
}


def name(file: Path) -> str:
    return str(file.relative_to(ROOT))


@cache
def _tests_named(base: str) -> list[Path]:
    return [*(ROOT / "tests").rglob(base)]


def found(cited: str, by: Path) -> list[Path]:
    """The files that are meant: what has no directory may be anywhere, in lowatch/ before tests/."""
    places = [ROOT / place / cited for place in OUR_PLACES] + [by.parent / cited]
    existing = [place for place in places if place.exists()]
    if existing or "/" in cited:
        return existing
    ours = [] if cited.startswith("test_") else [*(ROOT / "lowatch").rglob(cited)]
    return ours or _tests_named(cited)


def wrong(file: Path, text: str) -> list[str]:
    mistakes = []
    for cited, test in FILE.findall(text):
        if FOREIGN.match(cited):
            continue
        files = found(cited, file)
        if not files:
            mistakes.append(f"{cited} does not exist")
        elif test:
            defined = [one for one in files if re.search(rf"\b(?:def|class) {test}\b", one.read_text())]
            if not defined:
                mistakes.append(f"{cited}::{test} does not exist")
            elif len(defined) > 1:
                mistakes.append(f"{cited}::{test} could be any of {', '.join(map(name, defined))}")
    dotted = ("".join(groups) for groups in DOTTED.findall(text))
    mistakes += [f"{one} does not exist" for one in dotted if not is_defined(one)]
    mistakes += [f"{one} does not exist" for one in DIRECTORY.findall(text) if not exists(one)]
    return mistakes


def exists(place: str) -> bool:
    return (ROOT / place).exists() or (ROOT / f"{place}.py").exists()


def is_defined(dotted: str) -> bool:
    """Whether it is a module of lowatch, or defined in one. dotted: "core.held.Held", for example."""
    parts = dotted.split(".")
    for count in range(len(parts), 0, -1):
        place = ROOT.joinpath("lowatch", *parts[:count])
        module = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
        if module.exists():
            source = module.read_text()
            return all(
                re.search(rf"(?m)^ *(?:(?:async )?def |class )?{one}\b", source) for one in parts[count:]
            )
    return False


@pytest.mark.parametrize(
    "dotted", ["core.held", "core.held.Held", "core.held.Held.prefix", "wire.dns.DENIED"]
)
def test_a_dotted_name_that_is_there(dotted: str) -> None:
    assert is_defined(dotted)


@pytest.mark.parametrize("dotted", ["core.gone.Held", "core.held.Gone", "app.ports.Endpoint", "gone.held"])
def test_a_dotted_name_that_is_not_there(dotted: str) -> None:
    assert not is_defined(dotted)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_pages_cite_what_is_there(page: Path) -> None:
    assert wrong(page, page.read_text()) == []


def prose(source: str) -> str:
    """Comments and docstrings, and with them the other texts of several lines."""
    return "\n".join(re.findall(r'#.*|"""(?:[^"]|"(?!""))*"""', source))


@pytest.mark.parametrize("file", [file for file in CODE if name(file) not in MADE_UP], ids=name)
def test_comments_cite_what_is_there(file: Path) -> None:
    text = prose(file.read_text())
    assert wrong(file, text) == []
    assert re.findall(r"\bfacts/[\w.]*|\b[A-Z]+\.md\b(?<!README.md)(?<!CONTRIBUTING.md)", text) == []


def test_every_fact_has_a_test() -> None:
    """A row of a table of facts names the tests that pin it."""
    for page in ("kernel", "names", "service", "cases"):
        text = (ROOT / f"docs/internals/{page}.md").read_text()
        rows = [line for line in text.splitlines() if line.startswith("| ")]
        facts = [row for row in rows if not re.match(r"\| (fact|case|---)", row)]
        assert facts
        assert [row for row in facts if "::test_" not in row] == []
