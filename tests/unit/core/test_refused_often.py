"""When refused clients are more than a chance."""

from __future__ import annotations

from lowatch.core.addresses import Address, Port, parse_address
from lowatch.core.limits.kernel import REFUSED_ENDPOINTS
from lowatch.core.listeners import Endpoint
from lowatch.core.policy import VictimsPolicy
from lowatch.core.refused_often import OftenRefused

VIP, OTHER = parse_address("192.0.2.10"), parse_address("192.0.2.11")
HTTP, HTTPS = Endpoint(VIP, Port(80, "tcp")), Endpoint(VIP, Port(443, "tcp"))


def noting(*times: float, policy: VictimsPolicy = VictimsPolicy()) -> tuple[OftenRefused, list[bool]]:  # noqa: B008
    often = OftenRefused(policy)
    return often, [often.note(HTTP, now) for now in times]


def test_the_third_within_ten_minutes_makes_it_often() -> None:
    often, news = noting(0, 300, 599, 599)
    assert news == [False, False, True, False]
    assert often.often(599) == [HTTP]


def test_three_that_are_further_apart_are_not() -> None:
    often, news = noting(0, 300, 601, 950)
    assert news == [False] * 4
    assert often.often(950) == []


def test_it_ends_when_the_last_ones_are_too_old_and_may_come_again() -> None:
    often, _ = noting(0, 1, 2)
    assert often.often(599) == [HTTP]
    assert often.often(600) == []
    assert [often.note(HTTP, now) for now in (700, 701, 702)] == [False, False, True]


def test_what_was_often_until_now_goes_on() -> None:
    often = OftenRefused(VictimsPolicy())
    often.remember(HTTP, 1.0)
    assert often.often(1.0) == [HTTP]


def test_each_endpoint_counts_for_itself() -> None:
    often, _ = noting(0, 1)
    often.note(HTTPS, 2)
    assert often.often(3) == []
    often.note(HTTPS, 3)
    often.note(HTTPS, 4)
    often.note(HTTP, 4)
    assert often.often(5) == [HTTP, HTTPS]
    often.keep([OTHER])
    assert often.often(5) == []


def test_another_policy_counts_what_is_remembered() -> None:
    often, _ = noting(0, 1, 2, 3)
    often.replace_policy(VictimsPolicy(at_least=2, within=10.0))
    assert often.often(9) == [HTTP]
    often.replace_policy(VictimsPolicy(at_least=5, within=600.0))
    assert often.often(9) == []
    assert [often.note(HTTP, now) for now in (10, 11, 12)] == [False, False, True]


def test_it_remembers_no_more_endpoints_than_are_counted() -> None:
    often = OftenRefused(VictimsPolicy(at_least=1))
    for number in range(REFUSED_ENDPOINTS.value + 5):
        often.note(Endpoint(Address((0x0A000000 + number).to_bytes(4)), HTTP.port), 1.0)
    assert len(often.often(2.0)) == REFUSED_ENDPOINTS.value


def test_which_ports_refused_anybody() -> None:
    often, _ = noting(0)
    assert often.has(HTTP.port)
    assert not often.has(HTTPS.port)
