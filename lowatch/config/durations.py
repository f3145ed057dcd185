"""Durations as text: "30s", "5m", "1h30m", "250ms". Everywhere else they are seconds."""

from __future__ import annotations

import re

_UNITS = {"w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
"""Milliseconds per unit, the longest first. These are Prometheus's units, without years."""

_DURATION = re.compile("".join(rf"(?:(\d{{1,15}}){unit}(?![a-z]))?" for unit in _UNITS), re.ASCII)

LONGEST = 520 * 604_800.0
"""Seconds: ten years. A longer duration is a typing error, and could overflow."""


def parse_duration(text: str) -> float:
    """The seconds in a duration. Units go from long to short, each at most once. Raises ValueError."""
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        raise ValueError(f'{text!r} is not a duration (write it like "250ms", "30s", "5m" or "1h30m")')
    parts = zip(match.groups(default="0"), _UNITS.values(), strict=True)
    seconds = sum(int(number) * unit for number, unit in parts) / 1000
    if seconds > LONGEST:
        raise ValueError(f"{text!r} is too long (at most {format_duration(LONGEST)})")
    return seconds


def format_duration(seconds: float) -> str:
    """The shortest text for these seconds, to the millisecond; parse_duration() reads it back."""
    rest = round(seconds * 1000)
    text = ""
    for unit, length in _UNITS.items():
        number, rest = divmod(rest, length)
        if number:
            text += f"{number}{unit}"
    return text or "0s"
