"""The environment of the real process."""

from __future__ import annotations

import os
import sys

import pytest

from lowatch.cli.environment import real_environment


class TestRealEnvironment:
    def test_streams_that_are_closed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sys.stdout", None)
        monkeypatch.setattr("sys.stderr", None)
        environment = real_environment()
        environment.write("nobody reads this")
        environment.tell("nor this")
        assert not environment.stdout_is_terminal

    def test_it_is_the_journal_only_if_the_stream_is(
        self, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.delenv("JOURNAL_STREAM", raising=False)
        assert not real_environment().under_systemd
        status = os.fstat(2)
        monkeypatch.setattr(sys, "stderr", os.fdopen(os.dup(2), "w"))
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        assert real_environment().under_systemd
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino + 1}")
        assert not real_environment().under_systemd
        sys.stderr.close()
