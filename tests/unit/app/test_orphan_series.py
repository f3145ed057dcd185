"""lo_orphan_vip from audit to audit: 1, 0, the last known value, or no series at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowatch.app.orphan_series import OrphanValues
from lowatch.core.addresses import Address, Port, format_address
from lowatch.core.findings import FindingKind, Subject
from lowatch.core.judgement import Judgement, judge, judge_domain
from lowatch.core.known import Unknown
from lowatch.core.listeners import Connect
from lowatch.core.policy import Domain
from lowatch.core.snapshot import DomainObservation
from lowatch.core.verdicts import OrphanKey
from lowatch.report.metrics.audit import orphan_values
from tests.unit.app.scripted import policy_of, serves
from tests.unit.core.worlds import (
    BLIND,
    FULL,
    NGINX,
    VIP,
    VIP6,
    WWW,
    Served,
    local,
    ports,
    seen,
    snapshot,
    view,
)

POLICY = policy_of(serves("80 443"), serves("80", "shop.example.com"))
SHOP = "shop.example.com"


class Series:
    """`www 192.0.2.10 80/tcp` -> value, after each audit."""

    def __init__(self) -> None:
        self._orphans = OrphanValues()

    def after(self, **views: DomainObservation) -> dict[str, int]:
        named = {{"www": WWW, "shop": SHOP}[name]: one for name, one in views.items()}
        world = snapshot(domains=named)
        self._orphans.update(world, judge(world, POLICY))
        return {
            f"{key.domain.split('.')[0]} {format_address(key.address)} {key.port}": value
            for key, value in self._orphans.values.items()
        }


def www(first: Served, second: Served = NGINX, address: Address = VIP) -> DomainObservation:
    return view(local(address, *seen(("80", first), ("443", second))))


@pytest.mark.parametrize(
    ("one", "value"),
    [
        (view(local(VIP, *seen(("80", None)))), 1),
        (view(local(VIP, *seen(("80", None, Connect.REFUSED)))), 1),
        (view(local(VIP, *seen(("80", NGINX)))), 0),
        (view(local(VIP, *seen(("80", FULL)))), 0),
        (view(local(VIP, *seen(("80", None, Connect.ACCEPTED)))), 0),
        (view(local(VIP, *seen(("80", BLIND)))), None),
        (view(undecided=[(VIP, "overrun")]), None),
    ],
    ids=["orphan", "confirmed", "served", "backlogged", "redirected", "unknown", "undecided"],
)
def test_the_first_value(one: DomainObservation, value: int | None) -> None:
    """What was never known has none."""
    series = Series().after(shop=one)
    assert series == ({} if value is None else {"shop 192.0.2.10 80/tcp": value})


def test_a_silent_sibling_of_a_served_port_is_no_orphan() -> None:
    values = OrphanValues()
    world = snapshot(domains={WWW: www(None)})
    values.update(world, judge(world, policy_of(serves("80 443", any_of=True))))
    assert set(values.values.values()) == {0}


def test_values_follow_the_verdicts() -> None:
    series = Series()
    assert series.after(www=www(None)) == {"www 192.0.2.10 80/tcp": 1, "www 192.0.2.10 443/tcp": 0}
    assert series.after(www=www(NGINX)) == {"www 192.0.2.10 80/tcp": 0, "www 192.0.2.10 443/tcp": 0}


def test_unknown_keeps_the_last_value() -> None:
    series = Series()
    series.after(www=www(None))
    assert series.after(www=www(BLIND, BLIND)) == {"www 192.0.2.10 80/tcp": 1, "www 192.0.2.10 443/tcp": 0}
    assert series.after(www=www(BLIND)) == {"www 192.0.2.10 80/tcp": 1, "www 192.0.2.10 443/tcp": 0}


def test_undecided_locality_keeps_all_series_of_that_address() -> None:
    series = Series()
    both = view(local(VIP, *seen(("80", None))), local(VIP6, *seen(("80", NGINX))))
    before = series.after(www=both)
    unsure = view(local(VIP, *seen(("80", None))), undecided=[(VIP6, "overrun")])
    assert series.after(www=unsure) == before
    assert series.after(www=view(local(VIP, *seen(("80", NGINX))))) == {"www 192.0.2.10 80/tcp": 0}


def test_series_go_when_the_address_goes() -> None:
    series = Series()
    series.after(www=www(None), shop=view(local(VIP, *seen(("80", None)))))
    assert series.after(www=www(None, None, VIP6), shop=view(local(VIP, *seen(("80", None))))) == {
        "www 2001:db8::10 80/tcp": 1,
        "www 2001:db8::10 443/tcp": 1,
        "shop 192.0.2.10 80/tcp": 1,
    }


def test_series_go_when_the_domain_goes() -> None:
    series = Series()
    series.after(www=www(None), shop=view(local(VIP, *seen(("80", None)))))
    assert list(series.after(shop=view(local(VIP, *seen(("80", None)))))) == ["shop 192.0.2.10 80/tcp"]
    assert series.after() == {}
    assert series.after(www=www(BLIND, BLIND)) == {}, "what went has no last value"


def test_series_move_with_the_interface() -> None:
    series = Series()
    series.after(shop=view(local(VIP, *seen(("80", None)))))
    values = OrphanValues()
    for interface in ("lo", "dummy0"):
        world = snapshot(domains={SHOP: view(local(VIP, *seen(("80", None)), interface=interface))})
        values.update(world, judge(world, POLICY))
        assert [key.interface for key in values.values] == [interface]


served = st.sampled_from([None, NGINX, FULL, BLIND])


@given(st.lists(st.lists(served, min_size=2, max_size=2) | st.none(), max_size=10))
def test_as_a_plain_replay_has_it(audits: list[list[Served] | None]) -> None:
    """Each series by itself: the last value that was known since the pair came."""
    series, expected = Series(), dict[str, int]()
    for serving in audits:
        if serving is None:
            expected = {}
            assert series.after() == {}
            continue
        for port, served in zip(("80/tcp", "443/tcp"), serving, strict=True):
            if not isinstance(served, Unknown):
                expected[f"www 192.0.2.10 {port}"] = int(served is None)
        assert series.after(www=www(*serving)) == expected


REVIVED = Subject(FindingKind.ORPHAN_VIP, "lo", VIP, WWW, Port(80, "tcp"))


def test_what_the_last_run_knew_stays_until_something_is_known() -> None:
    """A restart while DNS is dead must not resolve an alert on the series (docs/internals/cases.md 23)."""
    values = OrphanValues([REVIVED, Subject(FindingKind.HOLDER_DOWN, "lo")])
    key = OrphanKey("lo", VIP, WWW, Port(80, "tcp"))
    assert values.values == {key: 1}
    for reason in ("not asked yet", "timed out"):
        world = snapshot(unresolved={WWW: (reason, reason)})
        values.update(world, judge(world, POLICY))
        assert values.values == {key: 1}
    world = snapshot(domains={})
    values.update(world, judge(world, POLICY))
    assert values.values == {}


@pytest.mark.parametrize(
    ("unresolved", "kept"),
    [(("timed out", ""), True), (("", "timed out"), False), (("timed out", "SERVFAIL"), True)],
)
def test_only_the_family_without_an_answer_keeps_it(unresolved: tuple[str, str], kept: bool) -> None:
    values = OrphanValues([REVIVED])
    world = snapshot(unresolved={WWW: unresolved})
    values.update(world, judge(world, POLICY))
    assert bool(values.values) is kept


def test_what_this_run_saw_go_is_gone_whatever_dns_says_later() -> None:
    """Only of the last run's is it not known what the name led to."""
    orphans = OrphanValues()
    world = snapshot(domains={SHOP: view(local(VIP, *seen(("80", None))))})
    orphans.update(world, judge(world, POLICY))
    world = snapshot(unresolved={SHOP: ("timed out", "timed out")})
    orphans.update(world, judge(world, POLICY))
    assert orphans.values == {}


def test_ports_that_are_only_guessed_have_no_series() -> None:
    observed = view(local(VIP, *seen(("80", None, Connect.REFUSED))))
    for guessed in (True, False):
        name = Domain(WWW, ports("80"), guessed=guessed)
        judged = judge_domain(name, observed, loopback_up=True)
        values = OrphanValues()
        values.update(snapshot(domains={WWW: observed}), Judgement({WWW: judged}, (), ()))
        assert len(values.values) == len(orphan_values(judged.endpoints)) == (not guessed)
