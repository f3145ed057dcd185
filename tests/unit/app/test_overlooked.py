"""Addresses that are local, and that an audit took for another host's."""

from __future__ import annotations

from dataclasses import replace

from lowatch.app.overlooked import overlooked
from lowatch.core.addresses import Address, parse_address
from tests.support.aio import run_async
from tests.unit.app.scripted import Watch, World, policy_of, resolves, serves
from tests.unit.app.story import SECOND, SHOP, VIP, WWW, world

FAR = parse_address("203.0.113.9")


def found_in(now: World, *forgotten: str) -> list[tuple[str, Address]]:
    """What is overlooked by an audit that has forgotten some names."""
    watch = Watch(now, policy_of(serves("80"), serves("53/udp", SHOP)))
    snapshot, _ = watch.audit()
    kept = {name: one for name, one in snapshot.domains.items() if name not in forgotten}
    return run_async(overlooked(watch.host, watch.resolver, watch.policy, replace(snapshot, domains=kept)))


def test_an_audit_that_is_right_overlooks_nothing() -> None:
    now = world(VIP, SECOND)
    now.answers[SHOP] = resolves(SHOP, FAR)
    assert found_in(now) == []


def test_each_address_that_is_missing_is_found() -> None:
    now = world(VIP, SECOND)
    now.answers[SHOP] = resolves(SHOP, VIP, FAR)
    assert found_in(now, WWW) == [(WWW, VIP), (WWW, SECOND)]
    assert found_in(now, WWW, SHOP) == [(WWW, VIP), (WWW, SECOND), (SHOP, VIP)]


def test_the_hosts_own_resolver_is_not_missing() -> None:
    now = world()
    now.answers[SHOP] = resolves(SHOP, VIP)
    now.stub = frozenset({VIP})
    assert found_in(now, SHOP) == []
