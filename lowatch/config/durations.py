"""Durations as people write them: "30s", "5m", "1h30m", "250ms". Inside, they are seconds."""

from __future__ import annotations

import re

_UNITS = {"w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
"""Milliseconds in each unit, the longest first, as Prometheus has them (without years)."""

_DURATION = re.compile("".join(rf"(?:(\d{{1,15}}){unit}(?![a-z]))?" for unit in _UNITS), re.ASCII)

LONGEST = 520 * 604_800.0
"""Seconds. Ten years: longer is a slip of the hand, and would overflow somewhere."""


def parse_duration(text: str) -> float:
    """Seconds. Units go from long to short, each at most once. Raises ValueError with one line."""
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        raise ValueError(f'{text!r} is not a duration (write it like "250ms", "30s", "5m" or "1h30m")')
    parts = zip(match.groups(default="0"), _UNITS.values(), strict=True)
    seconds = sum(int(number) * unit for number, unit in parts) / 1000
    if seconds > LONGEST:
        raise ValueError(f"{text!r} is too long (at most {format_duration(LONGEST)})")
    return seconds


def format_duration(seconds: float) -> str:
    """The shortest text that parse_duration() reads as these seconds, to the millisecond."""
    left = round(seconds * 1000)
    text = ""
    for unit, length in _UNITS.items():
        number, left = divmod(left, length)
        if number:
            text += f"{number}{unit}"
    return text or "0s"
