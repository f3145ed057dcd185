"""lowatch diff: two recordings, or one and now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lowatch.core.recording.recording import Recording
from lowatch.core.recording.redaction import redacted
from lowatch.report.recording import render_recording
from tests.unit.cli.conftest import CommandLine, FakeStartError
from tests.unit.core.recording.samples import MAIL, recording

Writes = Callable[[str, Recording], Path]


@pytest.fixture
def writes(tmp_path: Path) -> Writes:
    def write(name: str, recorded: Recording) -> Path:
        path = tmp_path / name
        path.write_bytes(render_recording(recorded))
        return path

    return write


def elsewhere(host: str = "web-17") -> Recording:
    """Where mail does not lead here any more."""
    recorded = recording()
    domains = {name: one for name, one in recorded.snapshot.domains.items() if name != MAIL}
    return replace(recorded, snapshot=replace(recorded.snapshot, domains=domains, host=host))


def test_two_recordings(lowatch: CommandLine, writes: Writes) -> None:
    first, second = writes("a", recording()), writes("b", elsewhere("web-18"))
    assert lowatch("diff", first, first) == (
        0,
        "--- web-17, 1970-01-12T13:46:40Z\n+++ web-17, 1970-01-12T13:46:40Z\nNo difference.\n",
        "",
    )
    code, stdout, stderr = lowatch("diff", first, second)
    assert (code, stderr, lowatch.wiring.config) == (1, "", None)
    assert stdout.splitlines() == [
        "--- web-17, 1970-01-12T13:46:40Z",
        "+++ web-18, 1970-01-12T13:46:40Z",
        "~ name mail.example.com: leads here -> leads elsewhere",
        "- endpoint mail.example.com 192.0.2.10 25/tcp on lo: backlogged by nginx.service",
        "- finding backlogged-vip/lo/192.0.2.10/mail.example.com/25/tcp: firing",
    ]


def test_one_and_now(lowatch: CommandLine, writes: Writes) -> None:
    first = writes("a", elsewhere())
    code, stdout, stderr = lowatch("diff", first)
    assert (code, stderr) == (1, "")
    assert "+ endpoint mail.example.com 192.0.2.10 25/tcp on lo: backlogged by nginx.service" in stdout
    assert lowatch.wiring.config is not None
    lowatch.wiring.recording = elsewhere()
    assert lowatch("diff", first).code == 0


def test_now_in_the_network_namespace_of_the_recording(lowatch: CommandLine, writes: Writes) -> None:
    there = replace(recording(), snapshot=replace(recording().snapshot, netns="blue"))
    lowatch.wiring.recording = there
    assert lowatch("diff", writes("a", there)).code == 0
    assert lowatch.wiring.config is not None
    assert lowatch.wiring.config.netns == "blue"


def test_now_on_another_host(lowatch: CommandLine, writes: Writes) -> None:
    first = writes("a", elsewhere("web-18"))
    assert lowatch("diff", first) == (
        2,
        "",
        f"lowatch: {first} was recorded on web-18, and this is web-17 (give two recordings)\n",
    )


def test_redacted_ones(lowatch: CommandLine, writes: Writes) -> None:
    plain, one = writes("a", recording()), writes("b", redacted(recording(), b"1"))
    other, same = writes("c", redacted(recording(), b"2")), writes("d", redacted(recording(), b"1"))
    assert lowatch("diff", one, same).code == 0
    for first, second, which in ((one, other, one), (plain, one, one), (one, plain, one)):
        code, _, stderr = lowatch("diff", first, second)
        assert (code, stderr) == (
            2,
            f"lowatch: {which} was redacted: its names and addresses are comparable only within itself\n",
        )
    assert lowatch("diff", one).code == 2
    assert lowatch.wiring.config is None, "nothing was audited for that"


def test_a_damaged_one(lowatch: CommandLine, writes: Writes, tmp_path: Path) -> None:
    (tmp_path / "b").write_text("{")
    code, stdout, stderr = lowatch("diff", writes("a", recording()), tmp_path / "b")
    assert (code, stdout) == (2, "")
    assert stderr.startswith(f"lowatch: {tmp_path}/b: line 1, column 2: ")


def test_now_cannot_be_audited(lowatch: CommandLine, writes: Writes) -> None:
    lowatch.wiring.raises = FakeStartError("no netlink here")
    assert lowatch("diff", writes("a", recording())) == (3, "", "lowatch: no netlink here\n")


def test_two_recordings_need_no_configuration(lowatch: CommandLine, writes: Writes) -> None:
    path = writes("a", recording())
    code, _, stderr = lowatch("diff", path, path, "-c", "lowatch.toml")
    assert (code, stderr) == (
        2,
        "lowatch: recordings have their own configuration (give no --config)\n",
    )


def test_colour_on_a_terminal(lowatch: CommandLine, writes: Writes) -> None:
    path = writes("a", recording())
    assert "\x1b[1;32mNo difference." in lowatch("diff", path, path, stdout_is_terminal=True).stdout
