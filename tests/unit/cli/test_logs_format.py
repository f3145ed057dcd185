"""How log lines read: whatever is logged, a record is a line."""

from __future__ import annotations

import json
import logging
import re
import shlex
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowatch.cli.arguments import LOG_FORMATS
from lowatch.cli.logs import ALERT, Formatter

HOSTILE = 'evil\x1b[2J\u202e\u2028\r\n2026-01-01 ERROR lowatch: all is "lost" = \\'


def record(message: str, *, error: bool = False, **extra: Any) -> logging.LogRecord:
    """At 2026-11-23T03:12:07.250Z."""
    info: Any = None
    if error:
        info = (ValueError, ValueError(HOSTILE), None)
    made = logging.LogRecord("lowatch.test", logging.WARNING, "", 1, "%s", (message,), info)
    made.created = 1795403527.25
    vars(made).update(extra)
    return made


def lines(form: str, made: logging.LogRecord, *, for_journal: bool = False) -> list[str]:
    return Formatter(form, for_journal=for_journal).format(made).split("\n")


@pytest.mark.parametrize("form", LOG_FORMATS)
@pytest.mark.parametrize("for_journal", [False, True])
@given(message=st.text() | st.just(HOSTILE))
def test_a_record_is_one_line_of_printable_ascii(form: str, for_journal: bool, message: str) -> None:
    [line] = lines(form, record(message), for_journal=for_journal)
    assert re.fullmatch("[ -~]*", line)
    assert line.startswith("<4>") is for_journal


def test_text() -> None:
    [line] = lines("text", record("careful"))
    assert re.fullmatch(r"2026-11-2\d \d\d:\d\d:07,\d+ WARNING lowatch\.test: careful", line)
    assert lines("text", record("careful"), for_journal=True) == ["<4>careful"]


def test_a_traceback_has_lines_of_its_own_and_the_journal_a_priority_for_each() -> None:
    first, second, *_, last = lines("text", record("careful", error=True), for_journal=True)
    assert first == "<4>careful"
    assert second.startswith(r"<4>ValueError: evil\x1b[2J\u202e")
    assert last.startswith("<4>2026-01-01")


def test_json() -> None:
    [line] = lines("json", record(HOSTILE))
    assert json.loads(line) == {
        "time": "2026-11-23T03:12:07.250Z",
        "level": "warn",
        "logger": "lowatch.test",
        "msg": HOSTILE,
    }
    [line] = lines("json", record("careful", error=True))
    assert json.loads(line)["traceback"].startswith("ValueError: evil")


def test_logfmt() -> None:
    [line] = lines("logfmt", record("careful now"))
    assert line == 'time=2026-11-23T03:12:07.250Z level=warn logger=lowatch.test msg="careful now"'
    [line] = lines("logfmt", record("a=b"))
    assert shlex.split(line)[-1] == "msg=a=b"
    assert lines("logfmt", record("")) == [
        'time=2026-11-23T03:12:07.250Z level=warn logger=lowatch.test msg=""'
    ]


def test_an_alert_has_its_fields() -> None:
    fields = {"MESSAGE": "m", "PRIORITY": "3", "LOWATCH_KIND": "orphan-vip", "LOWATCH_PORT": ""}
    [line] = lines("json", record("m", **{ALERT: fields}))
    assert json.loads(line)["lowatch_kind"] == "orphan-vip"
    assert "lowatch_port" not in line
    [line] = lines("text", record("m", **{ALERT: fields}))
    assert "orphan-vip" not in line
