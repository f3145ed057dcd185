"""The times of --since and --until. systemd-analyze, which reads them as journalctl does, is the oracle."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator

import pytest

from lowatch.cli.times import parse_time

NOW = 1795403527.25  # 2026-11-23T03:12:07Z, a Monday


@pytest.fixture(autouse=True)
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An hour ahead of UTC at that time. No file of zones is needed for this form."""
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def seconds_by_systemd(texts: list[str]) -> list[float]:
    command = ["systemd-analyze", "timestamp", "--", *texts]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [float(line.partition("@")[2]) for line in shown.splitlines() if "UNIX seconds" in line]


AS_SYSTEMD = [
    *("now", "today", "yesterday", "tomorrow"),
    *(
        "-1h",
        "-1.5h",
        "-.5h",
        "+1h",
        "-1h30min",
        "-1h 30 min",
        "- 1h",
        "-90",
        "-1M",
        "-1y2w",
        "-5us",
        "-1h 2",
    ),
    *("3 days ago", "2 days left", "2h30s ago"),
    *("@1395716396", "@1395716396.5"),
    *(
        "2026-11-20",
        "2026-11-20 03:00",
        "2026-11-20  3:5",
        "2026-11-20 03:00:01.25",
        "26-11-20",
        "2026-1-3",
    ),
    *("2026-11-20 11:12 UTC", "2026-11-20 11:12 utc", "2026-03-29 02:30", "2026-07-01 12:00"),
    *("Fri 2026-11-20", "friday 2026-11-20 11:12", "03:00", "3:00:07", "11:12:13 UTC"),
]


def test_each_is_what_it_is_for_systemd() -> None:
    before = time.time()
    theirs = seconds_by_systemd(AS_SYSTEMD)
    after = time.time()
    assert len(theirs) == len(AS_SYSTEMD)
    for text, seconds in zip(AS_SYSTEMD, theirs, strict=True):
        early, late = parse_time(text, before), parse_time(text, after)
        assert early - 0.001 <= seconds <= late + 0.001, text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-11-23T03:12:07Z", 1795403527),
        ("2026-11-23T03:12Z", 1795403520),  # as on a narrow terminal
        ("2026-11-23T04:12:07+01:00", 1795403527),
        ("2026-11-23T04:12:07", 1795403527),
        ("2026-11-23 04:12:07+01:00", 1795403527),
        (" -1h ", NOW - 3600),
        ("-9999999y", 0),  # nothing is older than the epoch
        ("1969-01-01", 0),
        ("+9999999y", 253402300799),
    ],
)
def test_those_that_only_newer_ones_know(text: str, seconds: float) -> None:
    assert parse_time(text, NOW) == seconds


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "-", "@", "@-5", "1h", "-1x", "-1h ago", "-1h-2m", "NOW", "yesterday 03:00"),
        *(
            "2026-11",
            "2026-13-01",
            "2026-11-31",
            "24:00",
            "12:61",
            "UTC",
            "Fri",
            "Mon 2026-11-20",
            "half past never",
        ),
        *("2026-11-20 03:00 ../../etc/passwd", "2026-11-20 03:00 Nowhere/At_All", "2026-11-25T25:00:00Z"),
        "-" + "9" * 5000 + "h",
    ],
)
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(
        ValueError, match=r"is not a time \(write it like -1h, yesterday or '2026-11-25 03:00'\)"
    ):
        parse_time(text, NOW)
