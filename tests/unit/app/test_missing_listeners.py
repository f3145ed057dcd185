"""When missing listeners are looked for."""

from __future__ import annotations

from math import inf

import pytest

from lowatch.app.missing_listeners import MissingListeners
from lowatch.core.addresses import Address, parse_address, parse_port
from lowatch.core.programs import TraceState
from tests.unit.app.scripted import Watch, World, at, holds, listens, policy_of, resolves, serves
from tests.unit.app.story import VIP, WWW

HTTP = parse_port("80")
WILDCARD, OTHER = Address(bytes(4)), parse_address("192.0.2.99")


def watch(*, is_served: bool = False) -> tuple[Watch, MissingListeners]:
    endpoint = at(VIP, "80")
    world = World(
        held={holds("192.0.2.10/32")},
        answers={WWW: resolves(WWW, VIP)},
        serving={endpoint: listens(endpoint)} if is_served else {},
    )
    one = Watch(world, policy_of(serves("80"), hold=0.0))
    missing = MissingListeners(one.auditor, one.host, one.clock)
    one.audit()
    missing.audited()
    return one, missing


def test_nothing_is_missing() -> None:
    _, missing = watch(is_served=True)
    assert missing.due is None
    assert not missing.look_often()
    assert not missing.may_come(VIP, HTTP, {HTTP})


def test_often_at_first_and_then_rarely() -> None:
    one, missing = watch()
    now = one.clock.monotonic
    missing.poll(now)
    assert missing.due == pytest.approx(now + 0.03)
    one.clock.monotonic = now = now + 5.0
    missing.poll(now)
    assert missing.due == pytest.approx(now + 0.2)


def test_a_hint_makes_it_often_again() -> None:
    one, missing = watch()
    one.clock.monotonic = now = one.clock.monotonic + 5.0
    missing.poll(now)
    assert missing.look_often()
    assert missing.due == pytest.approx(now + 0.03)


@pytest.mark.parametrize(
    ("address", "number", "may_serve"),
    [(VIP, 80, True), (WILDCARD, 80, True), (OTHER, 80, False), (VIP, 81, False)],
)
def test_a_listener_that_may_be_missing_is_looked_for_at_once(
    address: Address, number: int, may_serve: bool
) -> None:
    one, missing = watch()
    one.clock.monotonic = now = one.clock.monotonic + 5.0
    missing.poll(now)
    assert missing.may_come(address, HTTP._replace(number=number), {HTTP}) is may_serve
    assert missing.due == pytest.approx(now if may_serve else now + 0.2)


def test_where_a_trace_reports_each_nobody_looks() -> None:
    one, missing = watch()
    one.host.trace = TraceState()
    one.clock.monotonic = now = one.clock.monotonic + 5.0
    missing.poll(now)
    assert missing.due == pytest.approx(now + 0.2), "whether it reports any is not known yet"
    one.host.trace = TraceState(heard=True)
    assert missing.due == inf
    one.host.trace = TraceState("it has ended", heard=True)
    assert missing.due == pytest.approx(now + 0.2)
