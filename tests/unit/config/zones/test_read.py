"""The files of [[zones]], from the disk to the names in a policy."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from lowatch.config.load import load
from lowatch.config.settings import Config, Nameserver, ZoneFile
from lowatch.config.zones import read as module
from lowatch.config.zones.read import ReadZone, read_zones, with_zones
from lowatch.core.addresses import parse_port, parse_prefix
from lowatch.core.name_sources import NameSource
from lowatch.core.policy import Domain
from lowatch.files.fingerprint import ABSENT, UNREAD, fingerprint

HERE = [parse_prefix("192.0.2.10/32")]
SOA = "corp.example. 60 IN SOA ns.corp.example. root.corp.example. 7 3600 900 604800 60\n"
WWW = "www.corp.example. 60 IN A 192.0.2.10\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "corp.zone"
    path.write_text(SOA + WWW)
    return path


def read(*files: Path, before: tuple[ReadZone, ...] = ()) -> tuple[ReadZone, ...]:
    return read_zones(map(ZoneFile, files), HERE, before)


def test_what_is_in_a_file(file: Path) -> None:
    [zone] = read(file)
    assert (zone.file, zone.stamp, zone.names) == (file, fingerprint(file), ("www.corp.example",))
    assert (zone.lines, zone.problem) == (2, "")
    assert zone.soa is not None
    assert zone.soa.name == "corp.example"


def test_what_cannot_be_read_is_a_problem(tmp_path: Path, file: Path) -> None:
    fifo, cut_off = tmp_path / "fifo", tmp_path / "cut_off"
    os.mkfifo(fifo)
    cut_off.write_text(SOA + WWW[:-1])
    missing, directory, pipe, cut, good = read(tmp_path / "missing", tmp_path, fifo, cut_off, file)
    assert (missing.problem, missing.stamp) == ("no such file", ABSENT)
    assert directory.problem == "is a directory, not a regular file"
    assert pipe.problem == "is a FIFO, not a regular file"
    assert cut.problem == "ends within a line: it is cut off"
    assert good.names == ("www.corp.example",)


def test_what_the_system_does_not_let_be_read_is_tried_again(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(module, "open_regular", fails)
    [zone] = read(file)
    assert (zone.problem, zone.stamp) == ("cannot be read: Input/output error", UNREAD)


def test_a_damaged_file_keeps_what_was_known(file: Path) -> None:
    before = read(file)
    file.write_text(SOA + WWW + "www2.corp.example. 60 IN A 192.0.2.1000\n")
    [zone] = after = read(file, before=before)
    assert zone.names == ("www.corp.example",)
    why = "line 3: a bad address in a record of type A"
    assert zone.problem == f"{why}; keeping its names (1)"
    assert read(file, before=after)[0].problem == zone.problem
    file.write_text(SOA)
    [zone] = read(file, before=after)
    assert (zone.names, zone.problem) == ((), "")


def test_a_file_that_is_written_to_meanwhile_is_not_trusted(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = read(file)
    whole = module.leading_names

    def slow(*arguments: object) -> object:
        found = whole(*arguments)  # type: ignore[arg-type]
        with file.open("a") as stream:
            stream.write("a.corp.example. 60 IN A 192.0.2.10\n")
        return found

    monkeypatch.setattr(module, "leading_names", slow)
    [zone] = read(file, before=before)
    assert zone.problem == "was written to while it was read; keeping its names (1)"
    assert zone.stamp != fingerprint(file)  # so it is read again


def test_names_that_stand_in_for_a_file_are_kept_too(file: Path) -> None:
    file.write_text("")
    [zone] = read(file, before=(ReadZone(file, names=("a.example",)),))
    assert zone.names == ("a.example",)


def test_names_that_dns_clients_do_not_use_are_counted(file: Path) -> None:
    file.write_text(SOA + WWW + r"a\032b.corp.example. 60 IN A 192.0.2.10" + "\n")
    [zone] = read(file)
    assert zone.names == ("www.corp.example",)
    assert zone.problem.startswith("names that lead here and cannot be followed: 1, such as a")


class TestConfig:
    def test_names_are_followed_with_their_source(self, file: Path) -> None:
        config = with_zones(Config(), read(file))
        assert config.policy.domains == {"www.corp.example": Domain("www.corp.example", guessed=True)}
        assert config.policy.learned == {"www.corp.example": NameSource.ZONE}
        assert config.policy.searched
        assert config.zone_problems == ()

    def test_the_default_ports_are_the_configured_ones(self, file: Path) -> None:
        ports = (parse_port("8443/tcp"),)
        config = with_zones(replace(Config(), ports=ports), read(file))
        assert config.policy.domains["www.corp.example"].ports == ports

    def test_a_configured_name_stays_what_it_is(self, file: Path, tmp_path: Path) -> None:
        main = tmp_path / "lowatch.toml"
        main.write_text('domains = ["www.corp.example:53/udp"]')
        before = load(main)
        config = with_zones(before, read(file))
        assert config.policy.domains == before.policy.domains
        assert config.policy.learned == {}
        assert config.policy.searched

    def test_problems_name_their_file(self, file: Path) -> None:
        zones = (ReadZone(file, problem="damaged", expiry="expired"),)
        config = with_zones(Config(), zones)
        assert list(map(str, config.zone_problems)) == [f"{file}: damaged", f"{file}: expired"]

    def test_too_many_names_are_a_problem(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module.ZONE_NAMES, "value", 1)
        config = with_zones(Config(), (ReadZone(file, names=("a.example", "b.example")),))
        assert list(config.policy.domains) == ["a.example"]
        assert list(map(str, config.zone_problems)) == [f"{file}: more than 1 names of all zones lead here"]

    def test_without_zones_nothing_changes(self) -> None:
        config = Config()
        assert with_zones(config, ()) is config

    def test_the_toml(self, tmp_path: Path) -> None:
        main = tmp_path / "lowatch.toml"
        main.write_text(
            '[[zones]]\nfile = "corp.zone"\nserver = "[::1]:5353"\n[[zones]]\nfile = "/a/[b].zone"\n'
        )
        assert load(main).zones == (
            ZoneFile(tmp_path / "corp.zone", Nameserver("::1", 5353)),
            ZoneFile(Path("/a/[b].zone")),
        )
