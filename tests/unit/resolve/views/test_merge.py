"""Several views made into one Answer; tests/foreign_behaviour/test_name_service.py asks the C library."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lowatch.core.addresses import Address, parse_address
from lowatch.core.answers import Answer, AnswerStatus, RRset, View
from lowatch.resolve.system.getaddrinfo import Seen
from lowatch.resolve.system.nsswitch import parse_nsswitch
from lowatch.resolve.views.merge import Rules, disagrees

WWW = "www.example.com"
VIP, ELSEWHERE, SIX = map(parse_address, ("192.0.2.10", "198.51.100.7", "2001:db8::10"))
NODATA = RRset(AnswerStatus.NODATA)
HOSTS_FIRST, DNS_FIRST = (Rules(parse_nsswitch(f"hosts: {order}")) for order in ("files dns", "dns files"))
BY_DNS = Answer(WWW, RRset(AnswerStatus.RESOLVED, (ELSEWHERE,)), NODATA)
ABSENT = Answer(WWW, RRset(AnswerStatus.NXDOMAIN), RRset(AnswerStatus.NXDOMAIN))


@pytest.mark.parametrize(
    ("rules", "dns", "hosts", "view", "addresses"),
    [
        (HOSTS_FIRST, BY_DNS, None, View.DNS, (ELSEWHERE,)),
        (HOSTS_FIRST, BY_DNS, (VIP,), View.HOSTS, (VIP,)),
        (DNS_FIRST, BY_DNS, (VIP,), View.DNS, (ELSEWHERE,)),
        (DNS_FIRST, ABSENT, (VIP,), View.HOSTS, (VIP,)),
    ],
)
def test_nsswitch_decides(
    rules: Rules, dns: Answer, hosts: tuple[Address, ...] | None, view: View, addresses: tuple[Address, ...]
) -> None:
    answer = rules.compose(dns, hosts, None)
    assert (answer.view, answer.addresses) == (view, addresses)


def test_the_other_view_is_reported_too() -> None:
    [other] = HOSTS_FIRST.compose(BY_DNS, (VIP,), None).others
    assert (other.view, other.addresses) == (View.DNS, (ELSEWHERE,))
    [other] = DNS_FIRST.compose(BY_DNS, (VIP,), None).others
    assert (other.view, other.addresses) == (View.HOSTS, (VIP,))


def test_where_getaddrinfo_says_otherwise_it_is_right() -> None:
    answer = HOSTS_FIRST.compose(BY_DNS, None, Seen((VIP,)))
    assert (answer.view, answer.addresses) == (View.GETADDRINFO, (VIP,))
    assert [(one.view, one.addresses) for one in answer.others] == [(View.DNS, (ELSEWHERE,))]


def test_a_getaddrinfo_that_failed_takes_nothing_back() -> None:
    answer = HOSTS_FIRST.compose(BY_DNS, None, Seen(None, "timed out"))
    assert (answer.view, answer.addresses) == (View.DNS, (ELSEWHERE,))
    assert [(one.addresses, one.reason) for one in answer.others] == [(None, "timed out")]


def test_no_address_counts_beside_a_fresh_answer_only() -> None:
    stale = replace(BY_DNS, a=replace(BY_DNS.a, status=AnswerStatus.STALE, stale_since=1.0))
    assert disagrees(BY_DNS, Seen(()))
    assert not disagrees(stale, Seen(()))
    assert not disagrees(BY_DNS, Seen(None, "timed out"))
    assert not disagrees(BY_DNS, Seen((ELSEWHERE,)))


def test_without_aaaa_an_ipv6_address_is_not_what_applications_get() -> None:
    both = replace(BY_DNS, aaaa=RRset(AnswerStatus.RESOLVED, (SIX,)))
    answer = HOSTS_FIRST._replace(aaaa=False).compose(both, None, None)
    assert answer.addresses == (ELSEWHERE,)
    assert [one.addresses for one in answer.others] == [(SIX, ELSEWHERE)]
