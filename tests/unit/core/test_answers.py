"""How certain a domain's answer is: the worse of its two families."""

from __future__ import annotations

import pytest

from lowatch.core.answers import NOT_ASKED, Answer, AnswerStatus
from tests.unit.core.worlds import VIP, VIP6, WWW, rrset

RESOLVED, NXDOMAIN, NODATA = AnswerStatus.RESOLVED, AnswerStatus.NXDOMAIN, AnswerStatus.NODATA
STALE, UNKNOWN = AnswerStatus.STALE, AnswerStatus.UNKNOWN


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (RESOLVED, RESOLVED, RESOLVED),
        (RESOLVED, NODATA, RESOLVED),
        (RESOLVED, NXDOMAIN, RESOLVED),
        (NODATA, NODATA, NODATA),
        (NXDOMAIN, NXDOMAIN, NXDOMAIN),
        (NXDOMAIN, NODATA, NXDOMAIN),
        (STALE, RESOLVED, STALE),
        (STALE, NODATA, STALE),
        (UNKNOWN, RESOLVED, UNKNOWN),
        (UNKNOWN, STALE, UNKNOWN),
        (UNKNOWN, NXDOMAIN, UNKNOWN),
    ],
)
def test_status(one: AnswerStatus, other: AnswerStatus, both: AnswerStatus) -> None:
    for a, aaaa in ((one, other), (other, one)):
        assert Answer(WWW, rrset(status=a), rrset(status=aaaa)).status is both


@pytest.mark.parametrize(
    ("a", "aaaa", "unknown", "unknowns"),
    [
        (RESOLVED, NODATA, None, {}),
        (STALE, NXDOMAIN, None, {}),
        (UNKNOWN, RESOLVED, "A: why", {"ipv4": "A: why"}),
        (RESOLVED, UNKNOWN, "AAAA: why", {"ipv6": "AAAA: why"}),
        (UNKNOWN, UNKNOWN, "A: why", {"ipv4": "A: why", "ipv6": "AAAA: why"}),
    ],
)
def test_unknown(
    a: AnswerStatus, aaaa: AnswerStatus, unknown: str | None, unknowns: dict[str, str]
) -> None:
    answer = Answer(WWW, rrset(status=a, reason="why"), rrset(status=aaaa, reason="why"))
    assert answer.unknown == unknown
    assert answer.unknowns == unknowns


def test_addresses_are_kept_whatever_the_status() -> None:
    for status in AnswerStatus:
        assert Answer(WWW, rrset(VIP, status=status), rrset(VIP6)).addresses == (VIP, VIP6)


def test_before_anything_was_asked() -> None:
    answer = Answer(WWW)
    assert (answer.a, answer.aaaa) == (NOT_ASKED, NOT_ASKED)
    assert (answer.status, answer.unknown, answer.addresses) == (UNKNOWN, "A: not asked yet", ())
