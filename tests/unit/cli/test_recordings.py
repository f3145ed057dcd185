"""`check --snapshot`, `explain --snapshot`, and how recordings are read and written."""

from __future__ import annotations

import json
import os
import stat
import threading
from pathlib import Path

import pytest

from lowatch.core.limits.files import SNAPSHOT_BYTES
from lowatch.core.printable import printable
from lowatch.report.recording import render_recording
from tests.unit.cli.conftest import CommandLine
from tests.unit.core.recording.samples import MAIL, WWW, recording


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "host.json"
    path.write_bytes(render_recording(recording()))
    return path


def test_check(lowatch: CommandLine, file: Path) -> None:
    code, stdout, stderr = lowatch("check", "--snapshot", file, "--format", "json")
    report = json.loads(stdout)
    assert (code, stderr, lowatch.wiring.config) == (1, "", None)
    assert (report["host"], report["audited_at"]) == ("web-17", "1970-01-12T13:46:40Z")
    assert report["summary"] == {"backlogged-vip": 1, "missing-vip": 1, "orphan-vip": 2}
    states = {row["kind"]: row["state"] for row in report["findings"]}
    assert states == {"backlogged-vip": "firing", "missing-vip": "acknowledged", "orphan-vip": "firing"}
    assert lowatch("check", "--snapshot", file, "--fail-on", "critical").code == 1


@pytest.mark.parametrize("form", ["text", "prometheus"])
def test_check_in_other_formats(lowatch: CommandLine, file: Path, form: str) -> None:
    code, stdout, stderr = lowatch("check", "--snapshot", file, "--format", form)
    assert (code, stderr) == (1, "")
    assert MAIL in stdout


@pytest.mark.parametrize("command", [("check",), ("explain", WWW)])
def test_its_network_namespace_is_its_own(
    lowatch: CommandLine, file: Path, command: tuple[str, ...]
) -> None:
    assert lowatch(*command, "--snapshot", file, "--netns", "blue") == (
        2,
        "",
        "lowatch: --snapshot has its own network namespace (give no --netns)\n",
    )


def test_explain(lowatch: CommandLine, file: Path) -> None:
    code, stdout, stderr = lowatch("explain", "--snapshot", file, WWW)
    assert (code, stderr, lowatch.wiring.target) == (0, "", None)
    assert "served: nginx.service (uid 33, inode 7) listens on 0.0.0.0" in stdout
    assert "orphan: no listener; a connect was refused" in stdout


def test_explain_what_was_not_recorded(lowatch: CommandLine, file: Path) -> None:
    code, stdout, stderr = lowatch("explain", "--snapshot", file, "shop.example.com")
    assert (code, stdout) == (1, "")
    assert stderr == f"lowatch: {file}: shop.example.com was not recorded: it is not among its domains\n"


@pytest.mark.parametrize("command", [("check",), ("explain", WWW)])
class TestFiles:
    def test_no_other_configuration(
        self, lowatch: CommandLine, file: Path, command: tuple[str, ...]
    ) -> None:
        code, _, stderr = lowatch(*command, "--snapshot", file, "-c", "lowatch.toml")
        assert (code, stderr) == (
            2,
            "lowatch: --snapshot has its own configuration (give no --config)\n",
        )

    def test_a_file_that_cannot_be_read(
        self, lowatch: CommandLine, tmp_path: Path, command: tuple[str, ...]
    ) -> None:
        assert lowatch(*command, "--snapshot", tmp_path / "none") == (
            *(2, "", f"lowatch: {tmp_path}/none: No such file or directory\n"),
        )
        assert lowatch(*command, "--snapshot", tmp_path) == (
            *(2, "", f"lowatch: {tmp_path}: a directory, not a regular file\n"),
        )

    def test_a_damaged_file(self, lowatch: CommandLine, file: Path, command: tuple[str, ...]) -> None:
        file.write_bytes(file.read_bytes().replace(b'"prefixlen": 128', b'"prefixlen": "\\u001b[31m"'))
        code, stdout, stderr = lowatch(*command, "--snapshot", file)
        assert (code, stdout) == (2, "")
        wrong = "snapshot.held.known[1].prefixlen: must be an integer, not '\\x1b[31m'"
        assert stderr == f"lowatch: {file}: {wrong}\n"

    def test_a_huge_file(
        self,
        lowatch: CommandLine,
        file: Path,
        command: tuple[str, ...],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(SNAPSHOT_BYTES, "value", 1024)
        assert lowatch(*command, "--snapshot", file) == (*(2, "", f"lowatch: {file}: larger than 1 KiB\n"),)

    def test_a_name_with_a_control_character(
        self, lowatch: CommandLine, tmp_path: Path, command: tuple[str, ...]
    ) -> None:
        path = tmp_path / "a\nb"
        assert lowatch(*command, "--snapshot", path).stderr.startswith(f"lowatch: {printable(str(path))}: ")


def test_names_are_those_of_the_recording(lowatch: CommandLine, file: Path) -> None:
    assert lowatch("check", "--snapshot", file, WWW) == (
        *(2, "", "lowatch: --snapshot has its own domains (give none)\n"),
    )


def test_from_a_pipe(lowatch: CommandLine, file: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(file.read_bytes(),))
    writer.start()
    assert lowatch("check", "--snapshot", pipe).stdout == lowatch("check", "--snapshot", file).stdout
    writer.join()


class TestWriting:
    def test_a_new_file_is_for_its_owner(self, lowatch: CommandLine, tmp_path: Path) -> None:
        assert lowatch("snapshot", "-o", tmp_path / "a.json") == (0, "", "")
        assert stat.S_IMODE((tmp_path / "a.json").stat().st_mode) == 0o600
        assert [one.name for one in tmp_path.iterdir()] == ["a.json"]
        assert (tmp_path / "a.json").read_bytes() == render_recording(recording())

    def test_a_link_is_followed(self, lowatch: CommandLine, tmp_path: Path) -> None:
        (tmp_path / "a.json").write_text("old")
        (tmp_path / "link").symlink_to("a.json")
        inode = (tmp_path / "a.json").stat().st_ino
        assert lowatch("snapshot", "--output", tmp_path / "link").code == 0
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "a.json").read_bytes() == render_recording(recording())
        # It was opened by the link's name, so that fs.protected_symlinks applies.
        assert (tmp_path / "a.json").stat().st_ino == inode

    def test_a_device(self, lowatch: CommandLine) -> None:
        assert lowatch("snapshot", "-o", "/dev/null") == (0, "", "")
        assert Path("/dev/null").is_char_device()

    def test_a_full_device_leaves_the_old_file(self, lowatch: CommandLine, tmp_path: Path) -> None:
        assert lowatch("snapshot", "-o", "/dev/full") == (
            *(74, "", "lowatch: /dev/full: No space left on device\n"),
        )

    def test_where_nothing_can_be_written(self, lowatch: CommandLine, tmp_path: Path) -> None:
        path = tmp_path / "none/a.json"
        assert lowatch("snapshot", "-o", path) == (
            *(74, "", f"lowatch: {path}: No such file or directory\n"),
        )
