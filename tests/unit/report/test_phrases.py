from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowatch.core.addresses import parse_address, parse_port
from lowatch.core.clock import Now
from lowatch.core.findings import FindingKind, Subject
from lowatch.core.plan import Rehearsal
from lowatch.core.programs import Program, Programs, with_one_more
from lowatch.core.victims import Hurt, Refused
from lowatch.core.words import rfc3339
from lowatch.report.phrases import count, duration, failed_clients, listed, outcome, place


@pytest.mark.parametrize(
    ("wall", "text"),
    [
        (0.0, "1970-01-01T00:00:00Z"),
        (1795403527.999999, "2026-11-23T03:12:07Z"),
        (-5.0, "1970-01-01T00:00:00Z"),
        (1e300, "9999-12-31T23:59:59Z"),
    ],
)
def test_rfc3339(wall: float, text: str) -> None:
    assert rfc3339(wall) == text


@given(st.floats(allow_nan=False))
def test_every_time_can_be_written(wall: float) -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", rfc3339(wall))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "0 s"),
        (0.9, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (843, "14 min 3 s"),
        (3600, "1 h"),
        (3659, "1 h"),
        (11520, "3 h 12 min"),
        (90061, "1 d 1 h"),
        (41 * 86400, "41 d"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_counts_and_lists() -> None:
    assert count(1, "name") == "1 name"
    assert count(1059, "address", "addresses") == "1,059 addresses"
    assert [listed(["a", "b", "c"][:n]) for n in range(4)] == ["", "a", "a and b", "a, b and c"]


V4 = parse_address("192.0.2.10")


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        (
            Subject(FindingKind.ORPHAN_VIP, "lo", V4, "www.example.com", parse_port("443/tcp")),
            "www.example.com at 192.0.2.10 on lo, 443/tcp",
        ),
        (Subject(FindingKind.IDLE_VIP, "lo", V4), "192.0.2.10 on lo"),
        (Subject(FindingKind.MISSING_VIP, address=V4), "192.0.2.10"),
        (
            Subject(FindingKind.WIDE_PREFIX, "lo", parse_address("10.0.0.0"), prefixlen=8),
            "10.0.0.0/8 on lo",
        ),
        (Subject(FindingKind.HOLDER_DOWN, "lo"), "lo"),
        (Subject(FindingKind.HOLDER_DOWN, "lo\x1b"), r"lo\x1b"),
    ],
)
def test_place(subject: Subject, text: str) -> None:
    assert place(subject) == text


def test_place_of_several_ports() -> None:
    ports = [parse_port("80/tcp"), parse_port("443/tcp"), parse_port("443/udp")]
    assert place(Subject(FindingKind.IDLE_VIP, "lo", V4), ports) == (
        "192.0.2.10 on lo, 80/tcp, 443/tcp and 443/udp"
    )


def test_a_rehearsal() -> None:
    assert outcome(Rehearsal("safe")) == "rehearsed: ends the finding, takes nothing else away"
    assert outcome(Rehearsal("not-possible", "no process")) == "not rehearsed: no process"


FIVE = "has failed local clients 5 times since 2026-11-23T03:12:07Z, last 1 h ago"
A_TWICE = "a in web.service (2 times, last PID 1)"
AN_HOUR_AGO = Now(1, 1795403527.0)


def programs(*times: int) -> Programs:
    """Program a has failed as often as the first says, b as the second."""
    found: Programs = ()
    for number, weight in enumerate(times, 1):
        found = with_one_more(found, Program("abcdefgh"[number - 1], number, "web.service"), weight)
    return found


@pytest.mark.parametrize(
    ("refused", "text"),
    [
        (
            Refused(41, Now(1, 1795403527.0), Now(2, 1795407124.0)),
            "has failed local clients 41 times since 2026-11-23T03:12:07Z, last 3 s ago",
        ),
        (
            Refused(12_000, Now(1, 1795403527.0), Now(2, 1795407127.0), estimated=True),
            "has failed local clients about 12,000 times since 2026-11-23T03:12:07Z, last 0 s ago",
        ),
        (Refused(1, Now(1, 1795403527.0), Now(1, 1795403527.0)), "has failed a local client 1 h ago"),
        (
            Refused(1, AN_HOUR_AGO, AN_HOUR_AGO, programs=programs(1)),
            "has failed a local client 1 h ago: a in web.service (PID 1)",
        ),
        (
            Refused(5, AN_HOUR_AGO, AN_HOUR_AGO, programs=programs(1, 3)),
            f"{FIVE}: b in web.service (3 times, last PID 2), a in web.service (PID 1) and unknown ones",
        ),
        (
            Refused(5, AN_HOUR_AGO, AN_HOUR_AGO, programs=programs(2, 1, 1, 1)),
            f"{FIVE}: {A_TWICE}, b in web.service (PID 2), c in web.service (PID 3) and others",
        ),
    ],
)
def test_failed_clients(refused: Refused, text: str) -> None:
    assert failed_clients(Hurt(refused, 1795407127.0)) == text
