"""The files of all programs together."""

from __future__ import annotations

from pathlib import Path

import pytest

from lowatch.boot.read import READERS, read_boot_files
from lowatch.core.boot import BootFiles
from lowatch.core.limits.boot import BOOT_ADDRESSES, BOOT_UNREAD
from tests.support.repository import ROOT
from tests.unit.boot.reading import row, written_to

FRR, INTERFACES = "/etc/frr/frr.conf", "/etc/network/interfaces"
STANZA = "auto a\niface a inet static\n address 192.0.2.1/32\n"


def test_a_host_without_any_file(tmp_path: Path) -> None:
    assert read_boot_files(tmp_path) == BootFiles()


def test_several_programs(tmp_path: Path) -> None:
    written_to(
        tmp_path, {INTERFACES: STANZA, FRR: "interface lo\n ip address 192.0.2.2/32\n ip address vip\n"}
    )
    found = read_boot_files(tmp_path)
    assert [(row(entry), entry.by) for entry in found.entries] == [
        (f"192.0.2.1/32 a {INTERFACES}:3", "ifupdown"),
        (f"192.0.2.2/32 lo {FRR}:2", "FRR"),
    ]
    assert [one.line for one in found.unread] == [3]
    assert found.files == 2


def test_too_many_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BOOT_ADDRESSES, "value", 2)
    text = "interface lo\n" + "".join(f" ip address 192.0.2.{n}/32\n" for n in range(5))
    found = read_boot_files(written_to(tmp_path, {FRR: text}) and tmp_path)
    assert len(found.entries) == 2
    assert [(one.line, one.reason) for one in found.unread] == [(4, "is beyond the limit boot_addresses")]


def test_a_file_that_is_something_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest of its program's files is given up, and the other programs' files are read."""
    monkeypatch.setattr(BOOT_UNREAD, "value", 3)
    written_to(
        tmp_path,
        {
            INTERFACES: "iface a inet static\n" + " address x\n" * 9,
            FRR: "interface lo\n ip address 192.0.2.2/32\n",
        },
    )
    found = read_boot_files(tmp_path)
    assert [one.line for one in found.unread] == [2, 3, 4]
    assert [entry.by for entry in found.entries] == ["FRR"]


def test_every_reader_is_in_the_table() -> None:
    modules = {
        file.stem
        for file in (ROOT / "lowatch/boot").glob("*.py")
        if "\ndef read(source" in file.read_text()
    }
    assert {reader.__module__.rpartition(".")[2] for reader in READERS} == modules
