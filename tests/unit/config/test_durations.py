from __future__ import annotations

import pytest

from lowatch.config.durations import LONGEST, format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("250ms", 0.25),
        ("30s", 30.0),
        ("5m", 300.0),
        ("1h", 3600.0),
        ("1h30m", 5400.0),
        ("1d", 86400.0),
        ("2w", 1209600.0),
        ("1w1d1h1m1s1ms", 694861.001),
        ("90s", 90.0),
        ("0s", 0.0),
        ("007s", 7.0),
    ],
)
def test_reads(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "30",
        "s",
        "-1s",
        "+1s",
        "1.5s",
        "1s ",
        " 1s",
        "1 s",
        "1S",
        "1y",
        "30m1h",
        "1s1s",
        "1hs",
        "٣s",
        "1s\n",
    ],
)
def test_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["521w", "99999999999999w", "87361h"])
def test_refuses_what_would_outlast_everybody(text: str) -> None:
    with pytest.raises(ValueError, match="too long"):
        parse_duration(text)


def test_the_longest_is_readable() -> None:
    assert parse_duration(format_duration(LONGEST)) == LONGEST


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.25, "250ms"), (30.0, "30s"), (5400.0, "1h30m"), (0.0, "0s"), (604800.0, "1w"), (0.0004, "0s")],
)
def test_writes(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
