"""What the daemon says of its findings, or why it does not."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from lowatch.cli import clean_daemon
from lowatch.cli.clean_daemon import Remembered, remembered
from lowatch.cli.client import NOT_RUNNING, DaemonResponse, NotRunning
from lowatch.cli.exit_codes import CommandError
from lowatch.core.changes.candidates import Known
from lowatch.core.lifecycle import FindingState
from tests.unit.cli.conftest import CommandLine, meanwhile
from tests.unit.service.control_clients import Controlled


def asked(monkeypatch: pytest.MonkeyPatch, reply: DaemonResponse | Exception) -> Remembered:
    def ask(*_: Any) -> DaemonResponse:
        if isinstance(reply, Exception):
            raise reply
        return reply

    monkeypatch.setattr(clean_daemon, "ask", ask)
    environment: Any = None
    return remembered(argparse.Namespace(), environment)


def test_states_and_times(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        {"key": "a", "state": "firing", "since": "2026-11-23T03:12:07Z"},
        {"key": "b", "state": "pending", "since": None},
    ]
    found = asked(monkeypatch, DaemonResponse(200, json.dumps({"findings": rows})))
    assert found == Remembered(
        {"a": Known(FindingState.FIRING, 1795403527.0), "b": Known(FindingState.PENDING, None)}
    )


@pytest.mark.parametrize(
    "body",
    ["", "[]", "{}", '{"findings": [{}]}', '{"findings": [{"key": "a", "state": "x", "since": null}]}'],
)
def test_an_answer_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    assert asked(monkeypatch, DaemonResponse(200, body)) == (None, "the daemon's answer cannot be read")


def test_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = NotRunning(NOT_RUNNING, ["lowatch: not running: there is no /run/x"])
    assert asked(monkeypatch, gone) == (None, "not running: there is no /run/x")
    stuck = CommandError(NOT_RUNNING, ["lowatch: /run/x: no answer within 10 s"])
    assert asked(monkeypatch, stuck) == (None, "/run/x: no answer within 10 s")
    assert asked(monkeypatch, DaemonResponse(503, "not audited yet\n")) == (None, "not audited yet")


def test_of_a_daemon_that_runs(lowatch: CommandLine, controlled: Controlled, tmp_path: Path) -> None:
    said = meanwhile(controlled.served(), lambda: lowatch("clean"))
    assert said.code == 0
    assert "Since when is not known" not in said.stdout
