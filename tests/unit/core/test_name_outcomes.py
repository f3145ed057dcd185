"""name_report: what became of a name."""

from __future__ import annotations

from lowatch.core.answers import Answer, AnswerStatus, RRset, View
from lowatch.core.name_outcomes import name_report
from tests.unit.core.worlds import VIP, VIP6, rrset

WWW = "www.example.com"


def test_one_that_resolves() -> None:
    report = name_report(Answer(WWW, rrset(VIP), rrset(VIP6), View.HOSTS), 5.0)
    assert report == (WWW, AnswerStatus.RESOLVED, "", (VIP, VIP6), None)


def test_one_that_has_no_address_says_who_says_so() -> None:
    nxdomain = RRset(AnswerStatus.NXDOMAIN, server="192.0.2.53")
    assert name_report(Answer(WWW, nxdomain, nxdomain), 5.0).reason == (
        "the name does not exist, according to 192.0.2.53"
    )
    nodata = RRset(AnswerStatus.NODATA)
    report = name_report(Answer(WWW, nodata, nodata), 5.0)
    assert (report.status, report.reason) == (AnswerStatus.NODATA, "the name has no address")


def test_a_stale_one_says_why_and_since_when() -> None:
    stale = RRset(AnswerStatus.STALE, (VIP,), reason="timed out", stale_since=2.0)
    report = name_report(Answer(WWW, stale, rrset()), 5.0)
    assert report == (WWW, AnswerStatus.STALE, "A: timed out", (VIP,), 3.0)


def test_the_family_that_is_in_doubt_is_reported() -> None:
    report = name_report(Answer(WWW, rrset(VIP), RRset(AnswerStatus.UNKNOWN, reason="SERVFAIL")), 5.0)
    assert (report.status, report.reason, report.addresses) == (
        AnswerStatus.UNKNOWN,
        "AAAA: SERVFAIL",
        (VIP,),
    )
