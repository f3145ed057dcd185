"""A name's answer in an explanation, view by view."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lowatch.core.addresses import parse_address, parse_port
from lowatch.core.answers import Answer, AnswerStatus, OtherView, RRset, SrvRecord, View
from lowatch.core.explanation import Explanation
from lowatch.core.next_questions import NextQuestion, Pace
from lowatch.report.text.explanation import render
from tests.unit.report.audit_worlds import NOW, UPTIME
from tests.unit.report.text.explained import ANSWER, ELSEWHERE, VIP

NOTHING = Explanation("www.example.com", "web-17", NOW, UPTIME, monotonic=5000.0)


def text(explanation: Explanation, *, width: int = 100) -> str:
    return render(explanation, colour=False, width=width)


@pytest.mark.parametrize(
    ("rrset", "said"),
    [
        (
            RRset(
                AnswerStatus.STALE,
                (VIP,),
                ttl=30,
                reason="timed out",
                stale_since=4277.0,
                server="192.0.2.53",
            ),
            "192.0.2.10; stale for 12 min 3 s: timed out; from 192.0.2.53, TTL 30 s",
        ),
        (
            RRset(AnswerStatus.UNKNOWN, (VIP,), ttl=30, reason="timed out", stale_since=1400.0),
            "192.0.2.10; unknown for 1 h: timed out",
        ),
        (RRset(AnswerStatus.UNKNOWN, reason="SERVFAIL (EDE 6, bogus)"), "unknown: SERVFAIL (EDE 6, bogus)"),
        (
            RRset(
                AnswerStatus.NODATA, ttl=30, server="::1", synthesised=(parse_address("64:ff9b::c000:20a"),)
            ),
            "64:ff9b::c000:20a synthesised by DNS64; nodata; from ::1, TTL 30 s",
        ),
        (RRset(AnswerStatus.UNKNOWN, reason="SERVFAIL"), "unknown: SERVFAIL"),
        (RRset(AnswerStatus.NXDOMAIN, ttl=5, server="::1"), "nxdomain; from ::1, TTL 5 s"),
    ],
)
def test_answers(rrset: RRset, said: str) -> None:
    answer = replace(ANSWER, a=rrset)
    assert f"  dns A       {said}\n" in text(replace(NOTHING, answer=answer))


@pytest.mark.parametrize(
    ("questions", "said"),
    [
        ([("A", 12.4, Pace.TTL), ("AAAA", 0.0, Pace.TTL)], "A in 12 s; AAAA now"),
        ([("SRV", 200.0, Pace.RETRY)], "SRV in 3 min 20 s (the last lookup failed)"),
        (
            [("A", 2541.0, Pace.FAR), ("AAAA", 30.0, Pace.TTL)],
            (
                "A in 42 min 21 s (it never led to this host: dns.far_ttl); AAAA in 30 s; "
                "at once when an address is added, or clients are refused where no name is known"
            ),
        ),
    ],
)
def test_when_the_name_is_asked_for_next(questions: list[tuple[str, float, Pace]], said: str) -> None:
    asked = tuple(NextQuestion(*one) for one in questions)
    shown = text(replace(NOTHING, answer=ANSWER, next_questions=asked), width=200)
    assert f"  asked next  {said}\n" in shown


def test_without_a_daemon_nothing_is_said_of_it() -> None:
    assert "asked next" not in text(replace(NOTHING, answer=ANSWER))


def said_of(answer: Answer) -> list[str]:
    """Of each view, one after the other."""
    return text(replace(NOTHING, answer=answer), width=200).split("\n\n")[1].splitlines()


def test_every_view_and_which_of_them_applications_get() -> None:
    hosts = Answer(
        "www.example.com",
        RRset(AnswerStatus.RESOLVED, (ELSEWHERE,)),
        RRset(AnswerStatus.NODATA),
        View.HOSTS,
        others=(OtherView(View.DNS, (VIP,)), OtherView(View.GETADDRINFO, None, "timed out")),
    )
    assert said_of(hosts) == [
        "  hosts A     198.51.100.7",
        "  hosts AAAA  nodata",
        "  dns         192.0.2.10",
        "  getaddrinfo unknown: timed out",
        "  in effect   hosts: what applications on this host use",
    ]
    assert not replace(NOTHING, answer=hosts).complete


@pytest.mark.parametrize(
    ("other", "said", "in_effect"),
    [
        (OtherView(View.GETADDRINFO, (ELSEWHERE,)), "198.51.100.7", "getaddrinfo"),
        (OtherView(View.GETADDRINFO, (VIP,)), "192.0.2.10", "dns"),
        (OtherView(View.GETADDRINFO, ()), "no address", "getaddrinfo"),
        (
            OtherView(View.GETADDRINFO, (VIP,), "timed out"),
            "192.0.2.10; previous answer kept: timed out",
            "dns",
        ),
    ],
)
def test_getaddrinfo_beside_dns(other: OtherView, said: str, in_effect: str) -> None:
    answer = Answer(
        "a.example", RRset(AnswerStatus.RESOLVED, (VIP,)), RRset(AnswerStatus.NODATA), others=(other,)
    )
    assert said_of(answer)[2:] == [
        f"  getaddrinfo {said}",
        f"  in effect   {in_effect}: what applications on this host use",
    ]


def test_what_srv_records_name() -> None:
    records = (
        SrvRecord("a.example.com", parse_port("5222"), (VIP, ELSEWHERE)),
        SrvRecord("b.example.com", parse_port("5223")),
    )
    answer = replace(ANSWER, srv_records=records)
    assert said_of(answer)[:3] == [
        "  SRV         a.example.com, 5222/tcp: 192.0.2.10 and 198.51.100.7",
        "  SRV         b.example.com, 5223/tcp: no address",
        "  dns A       192.0.2.10 and 198.51.100.7; via lb.example.net; from 192.0.2.53, TTL 300 s",
    ]
