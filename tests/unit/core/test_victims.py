"""How failed local clients are counted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lowatch.core.addresses import Address, Port, parse_address
from lowatch.core.clock import Now
from lowatch.core.limits.kernel import REFUSED_ENDPOINTS, REFUSED_PORTS
from lowatch.core.listeners import Endpoint
from lowatch.core.victims import Hurt, Refused, RefusedConnects, most

VIP, OTHER = parse_address("192.0.2.10"), parse_address("192.0.2.11")


def at(seconds: float) -> Now:
    return Now(seconds, 1_000_000 + seconds, 500 + seconds)


def port(number: int, address: Address = VIP) -> Endpoint:
    return Endpoint(address, Port(number, "tcp"))


@pytest.fixture
def reached() -> Iterator[None]:
    """The limits count from 0."""
    before = REFUSED_PORTS.times, REFUSED_ENDPOINTS.times
    REFUSED_PORTS.times = REFUSED_ENDPOINTS.times = 0
    yield
    REFUSED_PORTS.times, REFUSED_ENDPOINTS.times = before


def test_each_endpoint_has_its_count_and_times() -> None:
    counted = RefusedConnects()
    for second in (1, 5, 9):
        counted.count(port(80), at(second))
    counted.count(port(0), at(7))
    counted.count(port(80, OTHER), at(8))
    assert counted.at(port(80)) == Refused(3, at(1), at(9))
    assert counted.at(port(0)) == Refused(1, at(7), at(7))
    assert counted.at(port(443)) is None
    assert dict(counted) == {
        port(80): Refused(3, at(1), at(9)),
        port(0): Refused(1, at(7), at(7)),
        port(80, OTHER): Refused(1, at(8), at(8)),
    }


def test_one_that_stands_for_many_makes_it_an_estimate() -> None:
    counted = RefusedConnects()
    counted.count(port(80), at(1))
    counted.count(port(80), at(2), 16)
    counted.count(port(80), at(3))
    assert counted.at(port(80)) == Refused(18, at(1), at(3), estimated=True)
    counted.count(port(81), at(3), 4)
    assert counted.at(port(81)) == Refused(4, at(3), at(3), estimated=True)


def test_after_a_loss_all_are_estimates() -> None:
    counted = RefusedConnects()
    counted.count(port(80), at(1))
    counted.lost()
    counted.count(port(81), at(2))
    assert [refused.estimated for _, refused in counted] == [True, False]


def test_addresses_that_are_gone_are_forgotten() -> None:
    counted = RefusedConnects()
    counted.count(port(80), at(1))
    counted.count(port(80, OTHER), at(1))
    counted.keep([OTHER])
    assert [endpoint for endpoint, _ in counted] == [port(80, OTHER)]


def test_two_counts_add_up() -> None:
    one, other = Refused(3, at(1), at(9)), Refused(2, at(4), at(12), estimated=True)
    assert one.and_also(other) == other.and_also(one) == Refused(5, at(1), at(12), estimated=True)
    assert one.and_also(None) is one


def test_the_clients_of_a_finding_that_is_over_are_not_those_of_the_next() -> None:
    counted = RefusedConnects()
    for second in (1, 2):
        counted.count(port(80), at(second), 4)
    counted.count(port(443), at(3))
    counted.end(VIP, [port(80).port, port(81).port])
    assert counted.at(port(80)) is None
    assert counted.of_any(VIP, [port(80).port, port(443).port]) == Refused(1, at(3), at(3))
    assert {endpoint.port.number: one.total for endpoint, one in counted} == {80: 8, 443: 1}
    counted.count(port(80), at(100))
    assert counted.at(port(80)) == Refused(1, at(100), at(100), earlier=8)


def test_the_clients_of_several_ports_are_counted_together() -> None:
    counted = RefusedConnects()
    for number, second in ((80, 1), (443, 2), (443, 5), (0, 3)):
        counted.count(port(number), at(second))
    ports = [port(number).port for number in (443, 8080, 0, 0)]
    assert counted.of_any(VIP, ports) == Refused(3, at(2), at(5))
    assert counted.of_any(OTHER, ports) is None


def test_the_most_is_shown_of_several() -> None:
    one, other = Hurt(Refused(3, at(1), at(2)), 9.0), Hurt(Refused(4, at(1), at(1)), 9.0)
    assert most([None, one, other]) is other
    assert most([None]) is None


def test_a_scanner_does_not_take_the_place_of_real_clients(reached: None) -> None:
    counted = RefusedConnects()
    for number in range(1, 65_536):
        counted.count(port(number), at(number))
        if number % 20 == 0:
            counted.count(port(443), at(number))
    assert len(list(counted)) == REFUSED_PORTS.value
    found = counted.at(port(443))
    assert found is not None
    assert found.count >= 65_536 // 20 - 1
    assert REFUSED_PORTS.times > 65_000


def test_ports_that_are_all_in_use_are_kept(reached: None) -> None:
    counted = RefusedConnects()
    for number in range(REFUSED_PORTS.value):
        counted.count(port(number), at(1), 3)
    before = dict(counted)
    counted.count(port(9_999), at(2))
    assert dict(counted) == before
    assert REFUSED_PORTS.times == 1


def test_all_addresses_together_have_a_limit(reached: None) -> None:
    counted = RefusedConnects()
    addresses = [Address((0x0A000000 + n).to_bytes(4)) for n in range(REFUSED_ENDPOINTS.value + 10)]
    for address in addresses[:100]:
        counted.count(port(80, address), at(1), 3)
    for address in addresses[100:]:
        counted.count(port(80, address), at(2))
    kept = dict(counted)
    assert {port(80, address) for address in addresses[:100]} <= kept.keys(), "clients keep coming back"
    assert port(80, addresses[-1]) in kept
    assert len(kept) == 110
    assert REFUSED_ENDPOINTS.times == 1


def test_beyond_it_the_rare_are_looked_for_only_now_and_then(reached: None) -> None:
    counted = RefusedConnects()
    addresses = [Address((0x0A000000 + n).to_bytes(4)) for n in range(REFUSED_ENDPOINTS.value + 3)]
    for address in addresses[:-3]:
        counted.count(port(80, address), at(1), 3)
    for second, address in enumerate(addresses[-3:]):
        counted.count(port(80, address), at(2 + second))
    assert len(list(counted)) == REFUSED_ENDPOINTS.value
    assert REFUSED_ENDPOINTS.times == 3
    counted.keep(addresses[1:])
    counted.count(port(80, addresses[-1]), at(20))
    assert Refused(1, at(20), at(20)) == counted.at(port(80, addresses[-1]))
