"""The directories that systemd makes."""

from __future__ import annotations

from pathlib import Path

from lowatch.service.directories import runtime_directory, state_directory


def test_the_first_of_each_counts() -> None:
    environ = {"STATE_DIRECTORY": "/var/lib/lowatch:/var/lib/other", "RUNTIME_DIRECTORY": "/run/lowatch"}
    assert state_directory(environ) == Path("/var/lib/lowatch")
    assert runtime_directory(environ) == Path("/run/lowatch")


def test_outside_of_systemd_there_is_none() -> None:
    assert state_directory({}) is None
    assert runtime_directory({"RUNTIME_DIRECTORY": ""}) is None
