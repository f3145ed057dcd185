"""lowatch snapshot: an audit, or the daemon's last one, as JSON."""

from __future__ import annotations

from pathlib import Path

import pytest

from lowatch.core.recording.parse import parse_recording
from lowatch.report.recording import render_recording
from tests.unit.cli.conftest import CommandLine, FakeStartError, meanwhile
from tests.unit.core.recording.samples import WWW, recording
from tests.unit.service.control_clients import Controlled

WHOLE = render_recording(recording()).decode()


def test_to_standard_output(lowatch: CommandLine) -> None:
    assert lowatch("snapshot") == (0, WHOLE, "")


def test_progress_on_a_terminal(lowatch: CommandLine) -> None:
    lowatch.wiring.steps = ((1, 2), (2, 2))
    assert "1 of 2 domains" in lowatch("snapshot", stderr_is_terminal=True).stderr


def test_redacted(lowatch: CommandLine) -> None:
    code, stdout, stderr = lowatch("snapshot", "--redact")
    again = lowatch("snapshot", "--redact").stdout
    assert (code, stderr) == (0, "")
    assert WWW not in stdout
    assert parse_recording(stdout.encode()).redaction != parse_recording(again.encode()).redaction


def test_another_network_namespace(lowatch: CommandLine) -> None:
    assert lowatch("snapshot", "--netns", "blue").code == 0
    assert lowatch.wiring.config is not None
    assert lowatch.wiring.config.netns == "blue"
    there = "/run/lowatch@blue/lowatch.sock"
    assert there in lowatch("snapshot", "--daemon", "--netns", "blue").stderr


def test_it_cannot_start(lowatch: CommandLine) -> None:
    lowatch.wiring.raises = FakeStartError("no netlink here")
    assert lowatch("snapshot") == (1, "", "lowatch: no netlink here\n")


def test_a_wrong_configuration(lowatch: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("colour = 1")
    code, stdout, stderr = lowatch("snapshot", "-c", tmp_path / "a.toml", "-o", tmp_path / "a.json")
    assert (code, stdout) == (2, "")
    assert "colour" in stderr
    assert not (tmp_path / "a.json").exists()


class TestDaemon:
    def test_as_the_daemon_writes_it(self, lowatch: CommandLine, controlled: Controlled) -> None:
        done = meanwhile(controlled.served(), lambda: lowatch("snapshot", "--daemon"))
        assert done == (0, WHOLE, "")
        assert controlled.recordings.prepared == 1
        assert lowatch.wiring.config is None

    def test_redacted(self, lowatch: CommandLine, controlled: Controlled) -> None:
        done = meanwhile(controlled.served(), lambda: lowatch("snapshot", "--daemon", "--redact"))
        assert (done.code, done.stderr) == (0, "")
        assert parse_recording(done.stdout.encode()).redaction
        assert WWW not in done.stdout

    def test_before_the_first_audit(self, lowatch: CommandLine, controlled: Controlled) -> None:
        controlled.recordings.given = None
        done = meanwhile(controlled.served(), lambda: lowatch("snapshot", "--daemon"))
        assert done == (3, "", "lowatch: no snapshot: Not ready: waiting for the first full audit\n")

    def test_no_daemon(self, lowatch: CommandLine, tmp_path: Path) -> None:
        path = tmp_path / "lowatch.sock"
        assert lowatch("snapshot", "--daemon", "--socket", path) == (
            *(3, "", f"lowatch: not running: there is no {path}\n"),
        )

    def test_no_other_configuration(self, lowatch: CommandLine) -> None:
        code, _, stderr = lowatch("snapshot", "--daemon", "-c", "lowatch.toml")
        assert (code, stderr) == (2, "lowatch: --daemon has its own configuration (give no --config)\n")


@pytest.mark.parametrize("left", ["-o", "--socket", "--timeout"])
def test_options_with_a_value(lowatch: CommandLine, left: str) -> None:
    assert lowatch("snapshot", left).code == 2
