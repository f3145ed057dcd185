"""The verdict of an endpoint, as a table: by itself, among its siblings, under an uncertain answer."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest

from lowatch.core.addresses import Port, parse_address, parse_port
from lowatch.core.answers import Answer, AnswerStatus
from lowatch.core.known import Unknown
from lowatch.core.last_served import LastServed
from lowatch.core.listeners import Connect, Listener
from lowatch.core.policy import Domain
from lowatch.core.snapshot import PortObservation
from lowatch.core.verdicts import (
    JudgedEndpoint,
    Verdict,
    is_guess,
    judge_address,
    judge_endpoints,
    judge_port,
)
from tests.unit.core.worlds import (
    BLIND,
    DEAF,
    FULL,
    NGINX,
    VIP,
    VIP6,
    WWW,
    Served,
    domain,
    local,
    rrset,
    seen,
    view,
)

TCP, UDP = parse_port("443/tcp"), parse_port("443/udp")
SERVED, ORPHAN, UNUSED, UNKNOWN = Verdict.SERVED, Verdict.ORPHAN, Verdict.UNUSED, Verdict.UNKNOWN
BACKLOGGED, FILTERED, REDIRECTED = Verdict.BACKLOGGED, Verdict.FILTERED, Verdict.REDIRECTED


@pytest.mark.parametrize(
    ("listener", "connect", "lo_up", "lo_down"),
    [
        (NGINX, None, SERVED, FILTERED),
        (NGINX._replace(queued=128), None, SERVED, FILTERED),
        (FULL, None, BACKLOGGED, FILTERED),
        (FULL, Connect.TIMED_OUT, BACKLOGGED, FILTERED),
        (FULL._replace(protocol="udp"), None, SERVED, FILTERED),
        (None, None, ORPHAN, ORPHAN),
        (None, Connect.REFUSED, ORPHAN, ORPHAN),
        (None, Connect.TIMED_OUT, UNKNOWN, ORPHAN),
        (None, Connect.PENDING, UNKNOWN, ORPHAN),
        (None, Connect.ACCEPTED, REDIRECTED, REDIRECTED),
        (None, BLIND, UNKNOWN, UNKNOWN),
        (BLIND, None, UNKNOWN, UNKNOWN),
        (BLIND, Connect.ACCEPTED, UNKNOWN, UNKNOWN),
        (BLIND, Connect.REFUSED, UNKNOWN, UNKNOWN),
    ],
)
def test_one_port_by_itself(
    listener: Served, connect: Connect | Unknown | None, lo_up: Verdict, lo_down: Verdict
) -> None:
    one = PortObservation(TCP, listener, connect)
    assert judge_port(one, loopback_up=True) is lo_up
    assert judge_port(one, loopback_up=False) is lo_down


def test_ports_are_a_guess_until_something_has_listened_there() -> None:
    learned = Domain(WWW, guessed=True)
    last = PortObservation(TCP, None, last_served=LastServed("nginx.service", 0.0))
    for port, guess in [
        (PortObservation(TCP, None), True),
        (PortObservation(TCP, NGINX), False),
        (PortObservation(TCP, BLIND), False),
        (last, False),
    ]:
        seen_here = local(VIP, PortObservation(UDP, None), port)
        assert is_guess(learned, seen_here) is guess
        assert not is_guess(Domain(WWW), seen_here)
        judged = judge_address(learned, view(seen_here), seen_here, loopback_up=True)
        assert [one.guessed for one in judged] == [guess, guess]


@pytest.mark.parametrize(
    ("queued", "backlog", "full"), [(0, 0, False), (1, 0, True), (128, 128, False), (129, 128, True)]
)
def test_a_queue_is_full_beyond_its_limit(queued: int, backlog: int, full: bool) -> None:
    """sk_acceptq_is_full(): more than the limit."""
    assert NGINX._replace(queued=queued, backlog=backlog).accept_queue_full is full


NOBODY, SOMEBODY, WAITING, DONT_KNOW = None, NGINX, FULL, BLIND

# What serves 80 and 443 -> the verdicts where one will do, and where each is required.
SIBLINGS: dict[tuple[Served, Served], tuple[tuple[Verdict, Verdict], tuple[Verdict, Verdict]]] = {
    (SOMEBODY, SOMEBODY): ((SERVED, SERVED), (SERVED, SERVED)),
    (SOMEBODY, NOBODY): ((SERVED, UNUSED), (SERVED, ORPHAN)),
    (SOMEBODY, WAITING): ((SERVED, BACKLOGGED), (SERVED, BACKLOGGED)),
    (SOMEBODY, DONT_KNOW): ((SERVED, UNKNOWN), (SERVED, UNKNOWN)),
    (WAITING, NOBODY): ((BACKLOGGED, UNUSED), (BACKLOGGED, ORPHAN)),
    (WAITING, WAITING): ((BACKLOGGED, BACKLOGGED), (BACKLOGGED, BACKLOGGED)),
    (WAITING, DONT_KNOW): ((BACKLOGGED, UNKNOWN), (BACKLOGGED, UNKNOWN)),
    (NOBODY, NOBODY): ((ORPHAN, ORPHAN), (ORPHAN, ORPHAN)),
    (NOBODY, DONT_KNOW): ((UNKNOWN, UNKNOWN), (ORPHAN, UNKNOWN)),
    (DONT_KNOW, DONT_KNOW): ((UNKNOWN, UNKNOWN), (UNKNOWN, UNKNOWN)),
}


def judged(any_of: bool, *serving: Served, lo_up: bool = True) -> list[Verdict]:
    views = [PortObservation(Port(80 + i, "tcp"), served) for i, served in enumerate(serving)]
    return [one.verdict for one in at_vip(domain(any_of=any_of), views, lo_up)]


def at_vip(of: Domain, views: Sequence[PortObservation], lo_up: bool = True) -> list[JudgedEndpoint]:
    there = local(VIP, *views)
    return judge_address(of, view(there), there, loopback_up=lo_up)


@pytest.mark.parametrize("serving", [*itertools.product([SOMEBODY, NOBODY, WAITING, DONT_KNOW], repeat=2)])
def test_siblings(serving: tuple[Served, Served]) -> None:
    """The default ports excuse each other; a domain's own do not. The order says nothing."""
    if serving in SIBLINGS:
        any_of, all_of = SIBLINGS[serving]
    else:
        any_of, all_of = (one[::-1] for one in SIBLINGS[serving[::-1]])
    assert judged(True, *serving) == list(any_of)
    assert judged(False, *serving) == list(all_of)


@pytest.mark.parametrize(
    ("serving", "verdicts"),
    [
        ([NGINX, None], [FILTERED, UNUSED]),
        ([FULL, None], [FILTERED, UNUSED]),
        ([None, None], [ORPHAN, ORPHAN]),
    ],
)
def test_siblings_with_lo_down(serving: list[Served], verdicts: list[Verdict]) -> None:
    assert judged(True, *serving, lo_up=False) == verdicts


def test_redirected_sibling_excuses_the_silent() -> None:
    views = seen(("80/tcp", None, Connect.ACCEPTED), ("443/tcp", None, Connect.REFUSED))
    found = at_vip(domain(), views)
    assert [one.verdict for one in found] == [REDIRECTED, UNUSED]


@pytest.mark.parametrize("met", [Connect.TIMED_OUT, Connect.PENDING, DEAF, None])
def test_what_a_connect_met_beside_a_served_sibling_says_nothing(met: Connect | Unknown | None) -> None:
    """A new audit would make none there, and the verdict does not depend on what was so before."""
    found = at_vip(domain(), seen(("80/tcp", NGINX), ("443/tcp", None, met)))
    assert [(one.verdict, one.reason) for one in found] == [(SERVED, ""), (UNUSED, "")]


@pytest.mark.parametrize(("any_of", "verdict"), [(True, UNKNOWN), (False, ORPHAN)])
def test_a_sibling_that_is_led_to_another_host_may_be_served_there(any_of: bool, verdict: Verdict) -> None:
    there = local(VIP, *seen(("80/tcp", None, Connect.REFUSED)))._replace(away=(Port(443, "tcp"),))
    (found,) = judge_address(domain(any_of=any_of), view(there), there, loopback_up=True)
    assert found.verdict is verdict
    assert ("443/tcp" in found.reason) is any_of


@pytest.mark.parametrize("serving", [NOBODY, SOMEBODY, WAITING, DONT_KNOW])
def test_a_single_port_has_no_siblings(serving: Served) -> None:
    assert judged(True, serving) == judged(False, serving)


def test_unknown_says_why() -> None:
    views = seen(("80/tcp", BLIND), ("443/tcp", None, DEAF))
    found = at_vip(domain(any_of=False), views)
    assert [one.reason for one in found] == [
        "sock_diag: Operation not permitted",
        "netlink: the receive buffer overran",
    ]


def test_sibling_of_an_unknown_says_whose_fault_it_is() -> None:
    views = seen(("80/tcp", None), ("443/tcp", BLIND))
    found = at_vip(domain(), views)
    assert [one.reason for one in found] == [
        "a sibling port is unknown: sock_diag: Operation not permitted",
        "sock_diag: Operation not permitted",
    ]


def test_only_the_unknown_have_a_reason_and_only_the_seen_a_listener() -> None:
    views = seen(("80/tcp", NGINX), ("443/tcp", None), ("53/udp", BLIND))
    found = at_vip(domain(any_of=False), views)
    assert [bool(one.reason) for one in found] == [False, False, True]
    listeners: list[Listener | None] = [one.listener for one in found]
    assert listeners == [NGINX, None, None]


def test_addresses_do_not_excuse_each_other() -> None:
    """A client takes any of them: each must be served."""
    www = view(local(VIP, *seen(("80", NGINX))), local(VIP6, *seen(("80", None))))
    found = judge_endpoints(domain(WWW, "80"), www, loopback_up=True)
    assert [(one.address, one.verdict) for one in found] == [(VIP, SERVED), (VIP6, ORPHAN)]


SECOND = parse_address("192.0.2.20")


@pytest.mark.parametrize(
    ("a", "aaaa", "verdicts"),
    [
        (AnswerStatus.RESOLVED, AnswerStatus.RESOLVED, [ORPHAN, SERVED, ORPHAN]),
        (AnswerStatus.STALE, AnswerStatus.RESOLVED, [ORPHAN, SERVED, ORPHAN]),
        (AnswerStatus.STALE, AnswerStatus.STALE, [ORPHAN, SERVED, ORPHAN]),
        (AnswerStatus.UNKNOWN, AnswerStatus.RESOLVED, [UNKNOWN, SERVED, ORPHAN]),
        (AnswerStatus.RESOLVED, AnswerStatus.UNKNOWN, [ORPHAN, SERVED, UNKNOWN]),
        (AnswerStatus.UNKNOWN, AnswerStatus.UNKNOWN, [UNKNOWN, SERVED, UNKNOWN]),
    ],
)
def test_uncertain_answers(a: AnswerStatus, aaaa: AnswerStatus, verdicts: list[Verdict]) -> None:
    """Stale is an answer. Unknown makes unknown what hangs on it: what nobody serves of that family."""
    of = Answer(
        WWW,
        rrset(VIP, SECOND, status=a, reason="" if a is AnswerStatus.RESOLVED else "SERVFAIL"),
        rrset(VIP6, status=aaaa, reason="" if aaaa is AnswerStatus.RESOLVED else "timed out"),
    )
    www = view(
        local(VIP, *seen(("80", None))),
        local(SECOND, *seen(("80", NGINX))),
        local(VIP6, *seen(("80", None))),
        of=of,
    )
    found = judge_endpoints(domain(WWW, "80"), www, loopback_up=True)
    assert [one.verdict for one in found] == verdicts
    assert all((one.verdict is UNKNOWN) is bool(one.reason) for one in found)
