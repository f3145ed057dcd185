"""answer_limits: which of too many addresses count, and that the others are reported."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowatch.config.settings import DnsSettings
from lowatch.core.addresses import (
    LOOPBACK_V4,
    LOOPBACK_V6,
    Address,
    FixedLocalPrefixes,
    Prefix,
    PrefixSet,
    is_loopback,
    parse_address,
    parse_prefix,
)
from lowatch.core.answers import AnswerStatus
from lowatch.core.limits.names import (
    ADDRESSES_HERE_PER_NAME,
    ADDRESSES_PER_NAME,
    ADDRESSES_PER_SERVICE,
    ADDRESSES_PER_TARGET,
    TARGETS_PER_SERVICE,
)
from lowatch.resolve.records.answer_book import AnswerBook
from lowatch.resolve.records.answer_limits import addresses_within_limit, inside, srv_records_within_limit
from lowatch.resolve.records.name_table import NameTable
from lowatch.resolve.records.slot_state import LookupOutcome, update
from lowatch.wire.dns import Reply, ReplyKind, srv_record

MOST, HERE = ADDRESSES_PER_NAME.value, ADDRESSES_HERE_PER_NAME.value
LOOPBACK = PrefixSet([LOOPBACK_V4, LOOPBACK_V6])
SERVICE = "_x._tcp.test"


def run_of(first: str, count: int) -> tuple[Address, ...]:
    start = parse_address(first)
    number = int.from_bytes(start, "big")
    return tuple(Address((number + n).to_bytes(len(start), "big")) for n in range(count))


def here(*prefixes: str) -> PrefixSet:
    return PrefixSet([*LOOPBACK, *map(parse_prefix, prefixes)])


def sorted_together(*addresses: Iterable[Address]) -> tuple[Address, ...]:
    return tuple(sorted({one for each in addresses for one in each}))


def test_what_this_host_has_is_looked_at_wherever_it_stands() -> None:
    vip = parse_address("203.0.113.200")
    found = sorted_together(run_of("127.0.1.0", 2000), run_of("10.0.0.0", 2000), [vip])
    assert vip in addresses_within_limit(found, (), here("203.0.113.200"))
    assert vip in addresses_within_limit(found, (), here("203.0.113.0/24"))
    assert vip not in addresses_within_limit(found, (), here())


def test_loopback_addresses_come_last_for_every_host_has_them() -> None:
    found = sorted_together(run_of("127.0.0.1", 4000), run_of("198.51.100.1", 40))
    chosen = addresses_within_limit(found, (), here())
    assert sum(map(is_loopback, chosen)) == HERE
    assert set(run_of("198.51.100.1", 40)) < set(chosen)
    v6 = sorted_together([LOOPBACK_V6.address], run_of("2001:db8::1", 4000))
    assert LOOPBACK_V6.address not in addresses_within_limit(v6, (), here())


def test_of_what_this_host_has_few_are_looked_at_and_many_of_the_others() -> None:
    found = sorted_together(run_of("127.0.1.0", 500), run_of("198.51.100.0", 200), run_of("10.0.0.0", 500))
    chosen = addresses_within_limit(found, (), here("198.51.100.0/24"))
    assert set(run_of("10.0.0.0", 500)) < set(chosen)
    assert sum(one not in run_of("10.0.0.0", 500) for one in chosen) == HERE
    assert not any(map(is_loopback, chosen))


def test_what_was_looked_at_before_stays() -> None:
    found = run_of("10.0.0.0", 4000)
    before = found[1000 : 1000 + MOST]
    assert addresses_within_limit(found, before, here()) == before


def _some(seed: int) -> tuple[Address, ...]:
    chance = random.Random(seed)
    numbers = chance.sample(range(3 * MOST), chance.randint(MOST + 1, 3 * MOST))
    return tuple(sorted(Address(bytes((10, 0, *n.to_bytes(2, "big")))) for n in numbers))


FOUND = st.integers(0, 1 << 32).map(_some)


@given(FOUND, FOUND, st.integers(0, 3 * MOST))
def test_so_many_of_them_and_always_the_same(
    found: tuple[Address, ...], known: tuple[Address, ...], mine: int
) -> None:
    vip = Address(bytes((10, 0, *mine.to_bytes(2, "big"))))
    chosen = addresses_within_limit(found, known, PrefixSet([Prefix(vip, 32)]))
    assert len(chosen) == MOST
    assert set(chosen) <= set(found)
    assert list(chosen) == sorted(chosen)
    assert (vip in chosen) == (vip in found)
    assert addresses_within_limit(found, chosen, PrefixSet([Prefix(vip, 32)])) == chosen


@given(st.sets(st.binary(min_size=4, max_size=4)), st.binary(min_size=4, max_size=4), st.integers(0, 32))
def test_inside(addresses: set[bytes], network: bytes, length: int) -> None:
    prefix = parse_prefix("0.0.0.0/0") if not length else None
    if prefix is None:
        number = int.from_bytes(network, "big") >> (32 - length) << (32 - length)
        prefix = Prefix(Address(number.to_bytes(4, "big")), length)
    found = tuple(sorted(map(Address, addresses)))
    assert inside(found, prefix) == tuple(one for one in found if prefix.covers(one))


def test_targets() -> None:
    records = tuple(sorted(srv_record(443, f"t{n}.test") for n in range(2400)))
    first = srv_records_within_limit(records, ())
    assert first == records[: TARGETS_PER_SERVICE.value]
    assert srv_records_within_limit(records, records[900:910])[-10:] == records[900:910]
    assert srv_records_within_limit(records[1:], first)[:-1] == first[1:]


class Book:
    """Names and what is said of them."""

    def __init__(self, *domains: str) -> None:
        self.names = NameTable()
        self.answers = AnswerBook(self.names, FixedLocalPrefixes(LOOPBACK))
        self.answers.added(self.names.configure(dict.fromkeys(domains)).added)

    def take(self, name: str, found: tuple[Address, ...]) -> list[int]:
        number = self.names.number_of(name)
        assert number is not None
        slot = 2 * number + (len(found) > 0 and len(found[0]) == 16)
        before = self.names.slots.load(slot)
        kind = ReplyKind.ADDRESSES if found else ReplyKind.NODATA
        outcome = LookupOutcome(Reply(kind, "NOERROR", tuple(sorted(found)), ttl=60), "192.0.2.53")
        bounded = self.answers.bounded(slot, outcome, before.rrset.addresses)
        after, _ = update(before, bounded, 1000.0, DnsSettings(), 0.0)
        self.names.slots.store(slot, after)
        assert self.names.slots.load(slot) == after
        return [] if after.rrset is before.rrset else self.answers.changed(slot, before, after)[1]


def test_a_name_of_many_addresses_is_resolved_and_says_that_it_has_more() -> None:
    book = Book("www.test", "few.test")
    before = ADDRESSES_PER_NAME.times
    book.take("www.test", run_of("10.0.0.0", 4000))
    book.take("few.test", run_of("10.0.0.0", MOST))
    assert ADDRESSES_PER_NAME.times == before + 1
    answer = book.answers.answer("www.test")
    assert (answer.a.status, len(answer.a.addresses), answer.more) == (
        AnswerStatus.RESOLVED,
        MOST,
        4000 - MOST,
    )
    assert book.answers.over_limit() == {"www.test": 4000 - MOST}
    assert book.answers.over_limit() is book.answers.over_limit()
    assert len(book.answers.inside([Prefix(parse_address("10.0.0.0"), 8)])) == 2
    book.take("www.test", run_of("10.0.0.0", 3))
    assert book.answers.over_limit() == {}


def test_a_service_of_many_targets() -> None:
    book = Book(SERVICE)
    records = tuple(sorted(srv_record(443, f"t{n}.test") for n in range(2400)))
    found = book.take(SERVICE, records)
    most = TARGETS_PER_SERVICE.value
    assert len(found) == len(set(found)) == most
    assert book.answers.over_limit() == {SERVICE: 2400 - most}
    targets = [book.names.text_of(number) for number in found]
    for at, target in enumerate(targets):
        book.take(target, run_of(f"10.{at}.0.0", 4000))
    answer = book.answers.answer(SERVICE)
    assert len(answer.a.addresses) == ADDRESSES_PER_SERVICE.value
    assert all(len(one.addresses) == ADDRESSES_PER_TARGET.value for one in answer.srv_records or ())
    assert answer.more == (2400 - most) + most * 4000 - ADDRESSES_PER_SERVICE.value
    assert len(list(answer.expected(()))) == ADDRESSES_PER_SERVICE.value
    book.answers.removed(book.names.configure({}).gone)
    assert book.answers.over_limit() == {}


@pytest.mark.parametrize("seed", range(3))
def test_expected_is_what_ports_at_says_of_each_address(seed: int) -> None:
    draw, book = random.Random(seed), Book(SERVICE)
    records = {srv_record(draw.randint(1, 5), f"t{draw.randint(1, 5)}.test") for _ in range(20)}
    found = book.take(SERVICE, tuple(sorted(records)))
    for number in found:
        addresses = draw.sample(run_of("10.0.0.0", 9), draw.randint(1, 4))
        book.take(book.names.text_of(number), tuple(sorted(addresses)))
    answer = book.answers.answer(SERVICE)
    assert list(answer.expected(())) == [(one, answer.ports_at(one, ())) for one in answer.addresses]
