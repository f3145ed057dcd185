"""The manual pages say what the program and its configuration have: all of it, and nothing else."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

import lowatch.config
from lowatch.cli import exit_codes
from lowatch.config.load import load
from lowatch.config.schema import SCHEMA
from lowatch.config.table_reader import Section, Sections
from lowatch.core.findings import FindingKind
from tests.support.repository import ROOT

from .commands import Command, commands

PAGES = ROOT / "packaging/man"
COMMAND, CONFIGURATION = PAGES / "lowatch.8", PAGES / "lowatch.toml.5"
REFERENCE = Path(lowatch.config.__file__).parent / "reference.toml"
EVERYWHERE = "Options of every command"


def sections(page: Path, macro: str) -> dict[str, str]:
    """The text below each heading, which `macro` (Sh or Ss) makes, up to the next of either kind."""
    parts = re.split(r"^\.(S[hs]) (.*)\n", page.read_text(), flags=re.MULTILINE)[1:]
    return {parts[i + 1]: parts[i + 2] for i in range(0, len(parts), 3) if parts[i] == macro}


def flags(text: str) -> set[str]:
    """The options that a section has an item for: ".It Fl c , Fl -config Ar FILE"."""
    items = re.findall(r"^\.It (Fl .*)$", text, re.MULTILINE)
    return {f"-{flag}" for item in items for flag in re.findall(r"Fl (\S+)", item)}


@pytest.mark.parametrize("page", [COMMAND, CONFIGURATION], ids=lambda page: page.name)
def test_mandoc_has_nothing_to_say(page: Path) -> None:
    lint = subprocess.run(
        ["mandoc", "-T", "lint", page], capture_output=True, text=True, check=False
    ).stdout
    said = [line for line in lint.splitlines() if "referenced manual not found" not in line]
    assert said == []  # (the other pages may not be installed here)


@pytest.mark.parametrize("page", [COMMAND, CONFIGURATION], ids=lambda page: page.name)
def test_man_db_has_nothing_to_say(page: Path) -> None:
    """As lintian has Debian's own man read a page."""
    command = ["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", str(page)]
    shown = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (shown.returncode, shown.stderr) == (0, "")


def test_every_command_has_its_section() -> None:
    described = {heading for heading in sections(COMMAND, "Ss") if heading.startswith("lowatch ")}
    assert described == {" ".join(["lowatch", *c.words]) for c in commands() if c.words}


@pytest.mark.parametrize("command", commands(), ids=lambda command: " ".join(command.words) or "lowatch")
def test_every_option_is_described(command: Command) -> None:
    below = sections(COMMAND, "Ss")
    everywhere = flags(below[EVERYWHERE])
    names = {name for option in command.options for name in option.names}
    if command.words:
        assert flags(below[" ".join(["lowatch", *command.words])]) == names - everywhere
    else:
        assert names == everywhere


def test_values_of_options_are_those_that_they_take() -> None:
    below = sections(COMMAND, "Ss")
    for command in commands():
        for option in command.options:
            if option.choices and "--kind" not in option.names:  # FINDINGS has these
                text = below[EVERYWHERE] + below.get(" ".join(["lowatch", *command.words]), "")
                values = " Ns | Ns ".join(f"Cm {choice}" for choice in option.choices)
                assert f"Fl {option.names[-1][1:]} {values}\n" in text


def test_the_synopsis_has_every_command() -> None:
    synopsis = sections(COMMAND, "Sh")["SYNOPSIS"]
    shown = re.findall(r"^\.Cm ([a-z]+)", synopsis, re.MULTILINE)
    assert set(shown) - {"check"} == {c.words[0] for c in commands() if c.words} - {"check"}


def test_every_kind_of_finding_is_described() -> None:
    rows = re.findall(r"^\.It Li (\S+) Pq (\S+)$", COMMAND.read_text(), re.MULTILINE)
    assert dict(rows) == {kind.value: kind.severity.value for kind in FindingKind}


def test_every_exit_code_is_described() -> None:
    text = sections(COMMAND, "Sh")["EXIT STATUS"]
    described = {int(code) for code in re.findall(r"^\.It (\d+)$", text, re.MULTILINE)}
    defined = {value for name, value in vars(exit_codes).items() if name.isupper()}
    assert described == {code for code in defined if code < 128}  # the others are the shells'


def entries(text: str) -> dict[str, str | None]:
    """The keys that a section has items for, and the defaults shown: ".It Ic hold = \\(dq30s\\(dq"."""
    found: dict[str, str | None] = {}
    for item in re.findall(r"^\.It Ic (.*)$", text, re.MULTILINE):
        for entry in item.replace(r"\(dq", '"').split(" , Ic "):
            key, equals, default = entry.partition(" = ")
            found[key] = default if equals else None
    return found


def described_keys() -> dict[str, dict[str, str | None]]:
    """By table, "" for the keys outside any."""
    below = sections(CONFIGURATION, "Ss")
    tables = {re.sub(r":.*|[][]", "", heading): text for heading, text in below.items()}
    tables[""] = tables.pop("What is watched")
    return {table: entries(text) for table, text in tables.items()}


def test_every_key_is_described() -> None:
    tables = {name: shape for name, shape in SCHEMA.items() if isinstance(shape, Section | Sections)}
    expected = {name: set(shape.keys) for name, shape in tables.items()}
    expected[""] = set(SCHEMA) - set(tables)
    assert {table: set(keys) for table, keys in described_keys().items()} == expected


def test_defaults_are_those_of_the_reference() -> None:
    reference = tomllib.loads(REFERENCE.read_text())
    for table, keys in described_keys().items():
        defaults = reference.get(table, {}) if table else reference
        for key, shown in keys.items():
            assert (tomllib.loads(f"x = {shown}")["x"] if shown else None) == defaults.get(key)


def test_the_example_loads(tmp_path: Path) -> None:
    example = re.findall(r"^\.Bd -literal\n(.*?)^\.Ed", CONFIGURATION.read_text(), re.DOTALL | re.MULTILINE)
    (tmp_path / "names.d").mkdir()
    (tmp_path / "names.d/all.txt").write_text("mail.example.com 25/tcp\n")
    file = tmp_path / "lowatch.toml"
    file.write_text(example[0].replace(r"\e", "\\"))
    assert {"shop.example.com", "mail.example.com"} <= set(load(file).policy.domains)
