"""The bug report: redacted, nobody else's to read, and whole or not there."""

from __future__ import annotations

import stat
import tempfile
from pathlib import Path

import pytest

from lowatch.cli.bug_report import write_report
from lowatch.core.recording.parse import parse_recording
from lowatch.report import recording as report
from tests.unit.core.recording.samples import recording


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_what_is_wrong_is_in_it_and_nobody_is_named(folder: Path) -> None:
    said = "www.example.com at 192.0.2.10, 80/tcp: lowatch says served, but a connect was refused"
    path = Path(write_report(recording(disagreements=(said,), made_with="Linux 6.1.0, Python 3.11.2")))
    assert path.parent == folder
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    read = parse_recording(path.read_bytes())
    [told] = read.disagreements
    assert told.endswith(", 80/tcp: lowatch says served, but a connect was refused")
    assert read.made_with == "Linux 6.1.0, Python 3.11.2"
    assert "example" not in path.read_text()


def test_each_has_a_file_of_its_own(folder: Path) -> None:
    assert write_report(recording()) != write_report(recording())


def test_half_a_report_is_removed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(report, "recording_pieces", full)
    with pytest.raises(OSError, match="No space"):
        write_report(recording())
    assert list(folder.iterdir()) == []
