"""A file may be damaged, hostile, older or newer: one line, with the place, in bounded time and memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from lowatch import __version__
from lowatch.core.limits.files import SNAPSHOT_VALUES
from lowatch.core.recording import parse
from lowatch.core.recording.parse import RecordingError, parse_recording
from lowatch.report.recording import render_recording

from .samples import recording

GOOD = render_recording(recording())
BY = f"(recorded by lowatch 0.1.0, this is {__version__})"


def changed(change: Callable[[Any], object]) -> bytes:
    data = json.loads(GOOD)
    change(data)
    return json.dumps(data).encode()


def test_a_good_one() -> None:
    assert parse_recording(GOOD) == recording()


def without(*names: str) -> Callable[[Any], object]:
    return lambda data: [data.pop(name) for name in names]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "line 1, column 1: Expecting value"),
        (b"\x00", "line 1, column 1: Expecting value"),
        (GOOD[:-3], "line "),
        (GOOD[: len(GOOD) // 2], "line "),
        (GOOD + b"{}", "line "),
        (b'{\n"a": "\xff"}', "line 2: not UTF-8"),
        (b"\xff\xfe{\x00}\x00", "line 1: not UTF-8"),
        (b"[]", "is not a recording: it has no snapshot"),
        (b"3", "is not a recording: it has no snapshot"),
        (b'{"schema": 1, "host": "web-17", "findings": []}', "is not a recording: it has no snapshot"),
        (b'{"a": 1, "a": 2}', "has 'a' twice"),
        (changed(without("schema")), f"schema: must be 1, not None {BY}"),
        (changed(lambda data: data.update(schema=2)), f"schema: must be 1, not 2 {BY}"),
        (changed(lambda data: data.update(schema=True)), f"schema: must be 1, not True {BY}"),
        (changed(lambda data: data.update(schema=1.0)), f"schema: must be 1, not 1.0 {BY}"),
        (changed(without("lowatch")), "has no 'lowatch'"),
        (changed(lambda data: data.update(colour="red")), f"colour: not known to this version {BY}"),
        (
            changed(lambda data: data["snapshot"].update(imagined={})),
            f"snapshot.imagined: not known to this version {BY}",
        ),
        (
            changed(lambda data: data["snapshot"]["held"]["known"][1].update(prefixlen="64")),
            "snapshot.held.known[1].prefixlen: must be an integer, not '64'",
        ),
        (
            GOOD.replace(b'"prefixlen": 128', b'"prefixlen": NaN'),
            "snapshot.held.known[1].prefixlen: must be an integer, not nan",
        ),
        (GOOD.replace(b'"at": 1000000.0', b'"at": NaN'), "snapshot.at: must be a number, not nan"),
        (GOOD.replace(b'"at": 1000000.0', b'"at": -Infinity'), "snapshot.at: must be a number, not -inf"),
        (GOOD.replace(b'"at": 1000000.0', b'"at": 1e999'), "snapshot.at: must be a number, not inf"),
        (
            GOOD.replace(b'"at": 1000000.0', b'"at": ' + b"9" * 10_000),
            "snapshot.at: must be a number, not inf",
        ),
        (
            GOOD.replace(b'"label": "lo:vip"', b'"label": "a", "label": "b"'),
            "snapshot.held.known[0]: has 'label' twice",
        ),
        (
            GOOD.replace(b'"mail.example.com": {"answer"', b'"www.example.com": {"answer"'),
            "snapshot.domains: has 'www.example.com' twice",
        ),
        (b"[" * 10_000, "line 1: nested too deeply"),
        (b'{"snapshot":\n' + b'{"a":[' * 100_000, "line 2: nested too deeply"),
        (b'["\\"[[[", ' + b"[" * 100_000, "line 1: nested too deeply"),
    ],
)
def test_one_line_with_the_place(content: bytes, message: str) -> None:
    with pytest.raises(RecordingError) as error:
        parse_recording(content)
    assert str(error.value).startswith(message)
    assert len(str(error.value)) < 300
    assert "\n" not in str(error.value)


def test_an_older_one_lacks_what_has_a_default() -> None:
    older = changed(lambda data: data["snapshot"].pop("monotonic", None))
    assert parse_recording(older) == recording()


def test_too_many_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SNAPSHOT_VALUES, "value", 100)
    monkeypatch.setattr(parse.json, "loads", lambda *_: pytest.fail("it was read"))
    before = SNAPSHOT_VALUES.times
    with pytest.raises(RecordingError, match="has more than 100 values"):
        parse_recording(b"[" * 101)
    assert SNAPSHOT_VALUES.times == before + 1
