from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lowatch.config import load as load_module
from lowatch.config.load import load
from tests.unit.cli.conftest import CommandLine

WriteConfig = Callable[[str], Path]


@pytest.fixture(autouse=True)
def no_wiring(lowatch: CommandLine) -> None:
    """The configuration is told without anything being built."""

    def refuse() -> None:
        pytest.fail("the wiring was asked for")

    lowatch.settings = {"wiring": refuse}


def test_check_of_a_valid_one(lowatch: CommandLine, config_file: WriteConfig) -> None:
    path = config_file('domains = ["www.example.com"]')
    addition = path.parent / "lowatch.d" / "more.toml"
    addition.parent.mkdir()
    addition.write_text("")
    assert lowatch("config", "check", "-c", path) == (0, f"{path}: valid\n{addition}: valid\n", "")


def test_check_of_one_with_an_acknowledgement_that_is_over(
    lowatch: CommandLine, config_file: WriteConfig
) -> None:
    """It is valid, and does nothing any more."""
    text = '[[acknowledge]]\nkind = "idle-vip"\nuntil = {}\nreason = "known"\n'
    path = config_file(text.format("2099-01-01") + text.format("2024-02-29T23:00:00Z"))
    hint = (
        f"{path}:5: acknowledge[1]: expired on 2024-02-29 and has no effect; remove it or set a later date"
    )
    assert lowatch("config", "check", "-c", path) == (0, f"{path}: valid\n{hint}\n", "")
    assert lowatch("run", "--config.check", "-c", path) == (0, f"{path}: valid\n{hint}\n", "")


def test_check_of_one_with_names_from_files(lowatch: CommandLine, config_file: WriteConfig) -> None:
    path = config_file('domains = ["a.example"]\n[[domains_from]]\npath = "names.txt"')
    names = path.parent / "names.txt"
    names.write_text("a.example\nb.example\n")
    expected = f"{path}: valid\n{names}: 2 domains in 1 file\n2 domains in all\n"
    assert lowatch("config", "check", "-c", path) == (0, expected, "")


SOA = "corp.example. 60 IN SOA ns.corp.example. root.corp.example. 7 3600 900 604800 60\n"


def test_check_of_one_with_zones(lowatch: CommandLine, config_file: WriteConfig) -> None:
    path = config_file('[[zones]]\nfile = "corp.zone"')
    zone = path.parent / "corp.zone"
    zone.write_text(SOA + "www.corp.example. 60 IN A 192.0.2.10\n")
    expected = f"{path}: valid\n{zone}: zone corp.example, serial 7, 2 lines\n"
    assert lowatch("config", "check", "-c", path) == (0, expected, "")
    assert lowatch("run", "--config.check", "-c", path) == (0, expected, "")


def test_check_of_one_with_zones_that_are_damaged(lowatch: CommandLine, config_file: WriteConfig) -> None:
    path = config_file('[[zones]]\nfile = "corp.zone"\n[[zones]]\nfile = "missing.zone"')
    zone = path.parent / "corp.zone"
    zone.write_text(SOA + "www.corp.example. 60 IN A 192.0.2\n")
    damaged = f"{zone}: line 2: a bad address in a record of type A"
    missing = f"{path.parent}/missing.zone: no such file"
    assert lowatch("config", "check", "-c", path) == (2, "", f"{damaged}\n{missing}\n")


def test_check_of_one_with_names_that_are_wrong(lowatch: CommandLine, config_file: WriteConfig) -> None:
    path = config_file('[[domains_from]]\npath = "names.txt"\n[[domains_from]]\npath = "*.json"')
    names = path.parent / "names.txt"
    names.write_text("a.example\nb example\nc_.example:x\n")
    code, stdout, stderr = lowatch("config", "check", "-c", path)
    assert (code, stdout) == (2, "")
    assert [line.split(" ")[0] for line in stderr.splitlines()] == [
        f"{names}:2:",
        f"{names}:3:",
        f"{path}:4:",
    ]


def test_check_of_an_invalid_one(lowatch: CommandLine, config_file: WriteConfig) -> None:
    path = config_file('hold = 30\n\nprobe = "on"')
    code, stdout, stderr = lowatch("config", "check", "-c", path)
    assert (code, stdout) == (2, "")
    assert [line.split(" ")[:2] for line in stderr.splitlines()] == [
        [f"{path}:1:", "hold:"],
        [f"{path}:3:", "probe:"],
    ]


def test_check_without_one(lowatch: CommandLine) -> None:
    assert lowatch("config", "check") == (0, f"no {load_module.DEFAULT_PATH}: the defaults are valid\n", "")


def test_check_of_one_that_is_missing(lowatch: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "none.toml"
    assert lowatch("config", "check", "-c", path) == (2, "", f"{path}: no such file\n")


def test_show(lowatch: CommandLine, config_file: WriteConfig, tmp_path: Path) -> None:
    path = config_file('domains = ["www.example.com:443"]\nhold = "1h30m"')
    code, stdout, stderr = lowatch("config", "show", "-c", path)
    assert (code, stderr) == (0, "")
    shown = tmp_path / "shown.toml"
    shown.write_text(stdout)
    assert load(shown) == load(path)


def test_show_of_an_invalid_one(lowatch: CommandLine, config_file: WriteConfig) -> None:
    code, stdout, _ = lowatch("config", "show", "-c", config_file("hold = 30"))
    assert (code, stdout) == (2, "")


def test_it_takes_a_noun(lowatch: CommandLine) -> None:
    code, stdout, stderr = lowatch("config")
    assert (code, stdout) == (2, "")
    assert "check|show" in stderr
