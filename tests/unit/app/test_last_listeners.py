"""Who served an endpoint last: remembered when a listener goes, and forgotten when one is back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lowatch.app.last_listeners import LastListeners
from lowatch.core.last_served import LastServed
from lowatch.core.limits.names import LAST_SERVED
from lowatch.core.listeners import Connect, Endpoint
from lowatch.core.snapshot import DomainObservation
from tests.unit.core.worlds import BLIND, FULL, NGINX, VIP, VIP6, Served, local, ports, seen, view

HAPROXY = NGINX._replace(inode=8, unit="haproxy.service")
AT80, AT443 = (Endpoint(VIP, port) for port in ports("80 443"))


def observed(http: Served, https: Served = None) -> DomainObservation:
    return view(local(VIP, *seen(("80", http), ("443", https))))


def last_of(followed: DomainObservation | None) -> list[LastServed | None]:
    assert followed is not None
    return [port.last_served for each in followed.local for port in each.ports]


class Life(LastListeners):
    """One domain, observed once a second."""

    def __init__(self) -> None:
        super().__init__()
        self.before: DomainObservation | None = None

    def sees(self, now: DomainObservation | None) -> DomainObservation | None:
        self.at += 1.0
        self.before = self.followed(self.before, now)
        return self.before


@pytest.fixture
def life() -> Life:
    return Life()


@pytest.fixture
def room_for_three(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(LAST_SERVED, "value", 3)
    times = LAST_SERVED.times
    yield
    LAST_SERVED.times = times


def test_a_listener_that_goes_is_remembered_with_the_time(life: Life) -> None:
    assert last_of(life.sees(observed(NGINX))) == [None, None]
    gone = life.sees(observed(None))
    assert last_of(gone) == [LastServed("nginx.service", 2.0), None]
    assert life.sees(observed(None)) == gone, "the time must stay what it was"
    assert life.gone == {AT80: LastServed("nginx.service", 2.0)}


def test_one_that_is_back_is_forgotten(life: Life) -> None:
    for http in (NGINX, None, HAPROXY):
        life.sees(observed(http))
    assert life.gone == {}
    assert last_of(life.sees(observed(None))) == [LastServed("haproxy.service", 4.0), None]


def test_another_one_that_took_over_without_a_gap(life: Life) -> None:
    for http in (NGINX, HAPROXY):
        life.sees(observed(http))
    assert last_of(life.sees(observed(None)))[0] == LastServed("haproxy.service", 3.0)


def test_a_full_queue_is_served(life: Life) -> None:
    life.sees(observed(FULL))
    assert last_of(life.sees(observed(None)))[0] == LastServed("nginx.service", 2.0)


def test_what_the_kernel_did_not_tell_was_only_seen_until_then(life: Life) -> None:
    life.sees(observed(NGINX))
    assert last_of(life.sees(observed(BLIND))) == [None, None], "it may be served"
    assert last_of(life.sees(observed(None)))[0] == LastServed("nginx.service", 2.0, ended=False)


def test_a_name_that_leaves_and_comes_back(life: Life) -> None:
    """Its listener may have stopped meanwhile, at any time."""
    life.sees(observed(NGINX))
    news = life.changes
    assert life.sees(None) is None
    assert life.changes == news, "nobody knows of a change"
    assert last_of(life.sees(observed(None)))[0] == LastServed("nginx.service", 2.0, ended=False)


def test_a_name_that_rotates_is_no_news(life: Life) -> None:
    """Its addresses come and go at each TTL, and the same units serve them."""
    other = view(local(VIP6, *seen(("80", NGINX), ("443", NGINX))))
    for now in (observed(NGINX, NGINX), other):
        life.sees(now)
    news = life.changes
    for now in (observed(NGINX, NGINX), other) * 3:
        life.sees(now)
    assert life.changes == news


def test_what_is_served_without_a_socket_has_no_last_listener(life: Life) -> None:
    """DNAT took over: it is not nginx that served it last."""
    for http in (NGINX, None):
        life.sees(observed(http))
    life.sees(view(local(VIP, *seen(("80", None, Connect.ACCEPTED), ("443", None)))))
    assert last_of(life.sees(view(local(VIP, *seen(("80", None, Connect.REFUSED), ("443", None)))))) == [
        None,
        None,
    ]


def test_two_names_at_one_endpoint_agree(life: Life) -> None:
    other = life.followed(None, observed(NGINX))
    life.sees(observed(NGINX))
    first = life.sees(observed(None))
    life.at += 7.0
    assert last_of(life.followed(other, observed(None))) == last_of(first)


def test_the_end_that_is_seen_counts_more_than_a_name_that_left(life: Life) -> None:
    other = life.followed(None, observed(NGINX))
    life.sees(observed(NGINX))
    life.sees(None)
    life.at += 7.0
    assert last_of(life.followed(other, observed(None)))[0] == LastServed("nginx.service", life.at)


@pytest.mark.parametrize(
    ("lives", "news"),
    [
        ([NGINX], 1),
        ([NGINX, NGINX, NGINX], 1),
        ([NGINX, NGINX._replace(inode=9, queued=3)], 1),
        ([NGINX, HAPROXY], 2),
        ([NGINX, None, None], 2),
        ([NGINX, None, NGINX], 3),
        ([None, None], 0),
    ],
)
def test_only_who_serves_is_news(life: Life, lives: list[Served], news: int) -> None:
    for http in lives:
        life.sees(observed(http))
    assert life.changes == news


def test_what_an_earlier_process_knew(life: Life) -> None:
    life.remember({AT80: LastServed("nginx.service", 0.5, ended=False), AT443: LastServed(None, 0.1)})
    assert last_of(life.sees(observed(None))) == [
        LastServed("nginx.service", 0.5, ended=False),
        LastServed(None, 0.1),
    ]
    assert life.sees(observed(NGINX)) is not None
    assert life.gone == {AT443: LastServed(None, 0.1)}
    assert life.changes == 0, "the same unit serves what it served before the restart"


@pytest.mark.usefixtures("room_for_three")
def test_it_is_bounded_and_the_oldest_go_first(life: Life) -> None:
    port = ports("80")[0]
    several = [Endpoint(bytes((192, 0, 2, last)), port) for last in range(5)]
    reached = LAST_SERVED.times
    life.remember({endpoint: LastServed("nginx.service", 0.0) for endpoint in several})
    assert list(life.gone) == several[2:]
    assert LAST_SERVED.times == reached + 2
