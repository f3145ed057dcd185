"""The times that --since and --until accept: those of systemd.time(7), as journalctl, and RFC 3339."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

_DAY = 86400.0
_UNITS = {
    ("us", "usec", "µs", "μs"): 1e-6,
    ("ms", "msec"): 1e-3,
    ("", "s", "sec", "second", "seconds"): 1.0,
    ("m", "min", "minute", "minutes"): 60.0,
    ("h", "hr", "hour", "hours"): 3600.0,
    ("d", "day", "days"): _DAY,
    ("w", "week", "weeks"): 7 * _DAY,
    ("M", "month", "months"): 365.25 / 12 * _DAY,
    ("y", "year", "years"): 365.25 * _DAY,
}
_SECONDS = {name: seconds for names, seconds in _UNITS.items() for name in names}

_PART = re.compile(r"(\d{1,15}(?:\.\d{0,9})?|\.\d{1,9})(?!\d)\s*([a-zA-Zµμ]*)\s*", re.ASCII)
_POINT = re.compile(
    r"(?:(?P<weekday>mon|tue|wed|thu|fri|sat|sun)(?:day|sday|nesday|rsday|urday)? )?"
    r"(?:(?P<year>\d{4}|\d\d)-(?P<month>\d\d?)-(?P<day>\d\d?)(?:[ t]|$))?"
    r"(?:(?P<hour>\d\d?):(?P<minute>\d\d?)(?::(?P<second>\d\d?)(?:\.(?P<fraction>\d{1,9}))?)?)?"
    r"(?: (?P<zone>[a-z][a-z0-9_+/-]*))?",
    re.ASCII | re.IGNORECASE,
)
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAYS = {"yesterday": -1, "today": 0, "tomorrow": 1}
_LATEST = 253_402_300_799.0
"""The last second that datetime can show."""


def parse_time(text: str, now: float) -> float:
    """Seconds since the epoch, from 1970 to 9999. Dates without a zone are local. Raises ValueError."""
    try:
        seconds = _seconds(" ".join(text.split()), now)
    except (ValueError, OverflowError, KeyError, OSError):  # ZoneInfo raises the last two as well
        seconds = None
    if seconds is None:
        raise ValueError(f"{text!r} is not a time (write it like -1h, yesterday or '2026-11-25 03:00')")
    return min(max(seconds, 0.0), _LATEST)


def _seconds(text: str, now: float) -> float | None:
    if text == "now":
        return now
    if text in _DAYS:
        midnight = datetime.fromtimestamp(now).replace(hour=0, minute=0, second=0, microsecond=0)  # noqa: DTZ006  # local
        return (midnight + timedelta(days=_DAYS[text])).timestamp()
    if text[:1] in ("-", "+"):
        span = _span(text[1:])
        return now - span if text[0] == "-" else now + span
    if text[:1] == "@":
        return _span(text[1:])
    for ending, sign in ((" ago", -1), (" left", 1)):
        if text.endswith(ending):
            return now + sign * _span(text.removesuffix(ending))
    match = _POINT.fullmatch(text)
    return _moment(match, now) if match is not None and text else datetime.fromisoformat(text).timestamp()


def _span(text: str) -> float:
    """The seconds of a time span: "2h 30min", "90". Raises ValueError."""
    seconds, place = 0.0, 0
    text = text.strip()
    while not place or place < len(text):
        part = _PART.match(text, place)
        if part is None or part[2] not in _SECONDS:
            raise ValueError(text)
        seconds += float(part[1]) * _SECONDS[part[2]]
        place = part.end()
    return seconds


def _moment(match: re.Match[str], now: float) -> float | None:
    """A date, a time or both. A time alone is today's."""
    year, month, day, hour, minute = match.group("year", "month", "day", "hour", "minute")
    if year is None and hour is None:
        return None
    moment = datetime.fromtimestamp(now, _zone(match["zone"]))
    if year is not None:
        # As strptime(3): 69 to 99 are of the last century.
        whole = int(year) + (0 if len(year) == 4 else 2000 if int(year) < 69 else 1900)
        moment = moment.replace(whole, int(month), int(day))
    fraction = int((match["fraction"] or "0").ljust(6, "0")[:6])
    moment = moment.replace(
        hour=int(hour or 0), minute=int(minute or 0), second=int(match["second"] or 0), microsecond=fraction
    )
    weekday = match["weekday"]
    if weekday is not None and _WEEKDAYS[moment.weekday()] != weekday.lower():
        return None
    return moment.timestamp()


def _zone(name: str | None) -> tzinfo | None:
    """None: the host's own."""
    if name is None:
        return None
    return UTC if name.upper() == "UTC" else ZoneInfo(name)
