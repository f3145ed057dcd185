"""How often connects are made again: soon, then seldom, and never more than a bounded number a second."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence

import pytest

from lowatch.app.confirming_connects import ConfirmingConnects
from lowatch.core.addresses import Address
from lowatch.core.listeners import Connect, ConnectOutcome, Endpoint, LateAnswers
from tests.support.aio import run_async
from tests.unit.app.scripted import ScriptedClock, at

VIP = Address(bytes([192, 0, 2, 10]))


class Met:
    """Implements app.ports.Prober. meets: what connects meet now. asked: when each was made."""

    def __init__(self) -> None:
        self.clock = ScriptedClock()
        self.meets: ConnectOutcome = Connect.REFUSED
        self.asked: list[tuple[float, Endpoint]] = []
        self.connects = ConfirmingConnects(self, self.clock)

    async def connect(self, endpoints: Sequence[Endpoint], late: LateAnswers) -> list[ConnectOutcome]:
        self.asked += [(self.clock.monotonic, endpoint) for endpoint in endpoints]
        return [self.meets] * len(endpoints)

    def again(self, until: float) -> set[Endpoint]:
        """Live on for so many seconds, asking again whenever it is due. Returns what has changed."""
        end = self.clock.monotonic + until
        while (due := self.connects.due) is not None and due <= end:
            self.clock.monotonic = max(due, self.clock.monotonic)
            asyncio.run(self.connects.make_due())
        self.clock.monotonic = end
        return self.connects.take_changed()

    def first(self, *endpoints: Endpoint) -> None:
        """The first connect to each, of which a domain's verdict depends."""
        self.connects.replace_endpoints_of("www.example.com", endpoints)
        self.connects.request(endpoints)
        asyncio.run(self.connects.make_all_wanted())
        assert self.connects.take_changed() == set(endpoints)

    def confirm(self, endpoint: Endpoint, newer_than: float) -> list[Endpoint]:
        return asyncio.run(self.connects.confirm([endpoint], newer_than))


def test_soon_and_then_seldom() -> None:
    met = Met()
    met.first(at(VIP))
    start = met.clock.monotonic
    assert met.again(60.0) == set()
    assert [when - start for when, _ in met.asked[:6]] == [0, 0.5, 1.5, 3.5, 7.5, 11.5]
    met.meets = Connect.ACCEPTED
    assert met.again(4.0) == {at(VIP)}
    assert len(met.asked) <= 22


def test_many_take_turns() -> None:
    """The longest due first: none is passed over, and there are 100 a second, as there must be."""
    met = Met()
    everyone = [at(Address(number.to_bytes(4, "big"))) for number in range(5_000)]
    met.first(*everyone)
    met.asked.clear()
    met.again(60.0)
    assert len(met.asked) <= 60 * 100 + 50
    per_second = Counter(int(when) for when, _ in met.asked)
    assert max(per_second.values()) <= 125
    counts = Counter(endpoint for _, endpoint in met.asked)
    assert len(counts) == len(everyone)
    assert max(counts.values()) - min(counts.values()) <= 1


def test_what_hangs_on_nothing_is_forgotten() -> None:
    met = Met()
    met.first(at(VIP))
    met.clock.monotonic += 1
    met.connects.replace_endpoints_of("www.example.com", ())
    assert met.again(0.0) == set()
    assert (met.connects.due, len(met.asked)) == (None, 1)


@pytest.mark.parametrize(
    ("known", "kept"),
    [
        (Connect.REFUSED, Connect.PENDING),
        (Connect.ACCEPTED, Connect.ACCEPTED),
        (Connect.TIMED_OUT, Connect.TIMED_OUT),
    ],
)
def test_no_answer_yet_puts_only_a_refusal_in_doubt(known: Connect, kept: Connect) -> None:
    met = Met()
    met.connects.connect_answered(at(VIP), known)
    assert met.connects.take_changed()
    met.connects.connect_answered(at(VIP), Connect.PENDING)
    assert bool(met.connects.take_changed()) is (known is Connect.REFUSED)
    assert met.connects.met_among({at(VIP): None}) == {at(VIP): kept}


def test_the_same_outcome_is_news_after_the_last_was_too_old_to_be_used() -> None:
    """A domain observed in between, without a connect of its own, lacks the outcome."""
    met = Met()
    met.first(at(VIP))
    met.clock.monotonic += 60.0
    assert met.connects.met_among({at(VIP): None}) == {}
    assert met.again(0.0) == {at(VIP)}
    assert met.connects.met_among({at(VIP): None}) == {at(VIP): Connect.REFUSED}
    start, _ = met.asked[-1]
    assert met.again(60.0) == set()
    assert [when - start for when, _ in met.asked[2:4]] == [1, 3]  # and is repeated no sooner for it


def test_only_what_is_old_is_renewed() -> None:
    met = Met()
    met.first(at(VIP))
    now = met.clock.monotonic
    assert met.confirm(at(VIP), now - 0.2) == []
    assert len(met.asked) == 1
    met.meets = Connect.PENDING
    assert met.confirm(at(VIP), now + 0.1) == [at(VIP)]


def test_what_was_not_refused_is_not_confirmed_however_often_that_is_asked() -> None:
    """Its domain may not have been looked at again yet: of many marked ones each has its turn."""
    met = Met()
    met.meets = Connect.ACCEPTED
    met.first(at(VIP))
    now = met.clock.monotonic
    for _ in range(2):
        assert met.confirm(at(VIP), now - 0.2) == [at(VIP)]
    assert len(met.asked) == 1


def test_a_single_audit_makes_all_at_once() -> None:
    """A firewall that drops costs some seconds each time: the prober knows how many go at a time."""

    class Counting(Met):
        calls = 0

        async def connect(self, endpoints: Sequence[Endpoint], late: LateAnswers) -> list[ConnectOutcome]:
            self.calls += 1
            return await super().connect(endpoints, late)

    met = Counting()
    met.first(*(at(Address(number.to_bytes(4, "big"))) for number in range(600)))
    assert (met.calls, met.connects.wanted) == (1, False)


class Told:
    """Implements ConnectListener."""

    def __init__(self, connects: ConfirmingConnects) -> None:
        self._connects = connects
        self.changed: list[set[Endpoint]] = []

    def connects_answered(self) -> None:
        self.changed.append(self._connects.take_changed())


async def beside(met: Met, *steps: Callable[[], None]) -> list[set[Endpoint]]:
    """run() beside these steps: what it has told of after each."""
    told = Told(met.connects)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(met.connects.run(told))
        for step in steps:
            step()
            for _ in range(10):
                await asyncio.sleep(0)
        task.cancel()
    return told.changed


def test_what_is_wanted_is_made_at_once_and_what_is_new_is_reported() -> None:
    met = Met()
    found = run_async(
        beside(
            met,
            lambda: met.connects.request([at(VIP)]),
            lambda: met.connects.connect_answered(at(VIP), Connect.REFUSED),  # no news
            lambda: met.connects.connect_answered(at(VIP), Connect.ACCEPTED),
        )
    )
    assert found == [{at(VIP)}, {at(VIP)}]
    assert len(met.asked) == 1


def test_what_is_not_answered_yet_is_no_news() -> None:
    """An observation has it so already."""
    met = Met()
    met.meets = Connect.PENDING
    assert run_async(beside(met, lambda: met.connects.request([at(VIP)]))) == []
    assert not met.connects.wanted
