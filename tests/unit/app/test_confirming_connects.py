"""How often connects are made again: soon, then seldom, and never more than a bounded number a second."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

import pytest

from lowatch.app.confirming_connects import Probe, Probes
from lowatch.core.addresses import Address
from lowatch.core.listeners import Connect, Endpoint
from tests.unit.app.scripted import ScriptedClock, ScriptedHost, World, at

VIP = Address(bytes([192, 0, 2, 10]))


class Met:
    """Probes, and what its connects meet now; asked: when each was made."""

    def __init__(self) -> None:
        self.clock = ScriptedClock()
        self.meets: Probe = Connect.REFUSED
        self.asked: list[tuple[float, Endpoint]] = []
        self.probes = Probes(ScriptedHost(World()), self._probe, self.clock)

    async def _probe(self, endpoints: Sequence[Endpoint]) -> list[Probe]:
        self.asked += [(self.clock.monotonic, endpoint) for endpoint in endpoints]
        return [self.meets] * len(endpoints)

    def again(self, until: float) -> list[Endpoint]:
        """Live on for so many seconds, asking again whenever it is due."""
        end, changed = self.clock.monotonic + until, list[Endpoint]()
        while (due := self.probes.due) is not None and due <= end:
            self.clock.monotonic = max(due, self.clock.monotonic)
            changed += asyncio.run(self.probes.again(lambda _: True))
        self.clock.monotonic = end
        return changed

    def connect(self, *endpoints: Endpoint) -> None:
        asyncio.run(self.probes.connect(endpoints))


def test_soon_and_then_seldom() -> None:
    met = Met()
    met.connect(at(VIP))
    start = met.clock.monotonic
    assert met.again(60.0) == []
    assert [when - start for when, _ in met.asked[:6]] == [0, 0.5, 1.5, 3.5, 7.5, 11.5]
    met.meets = Connect.ACCEPTED
    assert met.again(4.0) == [at(VIP)]
    assert len(met.asked) <= 22


def test_many_take_turns() -> None:
    """The longest due first: none is passed over, and there are 100 a second, as there must be."""
    met = Met()
    everyone = [at(Address(number.to_bytes(4, "big"))) for number in range(5_000)]
    met.connect(*everyone)
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
    met.connect(at(VIP))
    met.clock.monotonic += 1
    assert asyncio.run(met.probes.again(lambda _: False)) == []
    assert (met.probes.due, len(met.asked)) == (None, 1)


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
    met.probes.learn(at(VIP), known)
    assert met.probes.learn(at(VIP), Connect.PENDING) is (known is Connect.REFUSED)
    assert met.probes.believed({at(VIP): None}) == {at(VIP): kept}


def test_only_what_is_old_is_renewed() -> None:
    met = Met()
    met.connect(at(VIP))
    now = met.clock.monotonic
    assert asyncio.run(met.probes.renew([at(VIP)], now - 0.2)) == []
    assert len(met.asked) == 1
    met.meets = Connect.PENDING
    assert asyncio.run(met.probes.renew([at(VIP)], now + 0.1)) == [at(VIP)]


def test_what_was_not_refused_is_not_confirmed_however_often_that_is_asked() -> None:
    """Its domain may not have been looked at again yet: of many marked ones each has its turn."""
    met = Met()
    met.meets = Connect.ACCEPTED
    met.connect(at(VIP))
    now = met.clock.monotonic
    for _ in range(2):
        assert asyncio.run(met.probes.renew([at(VIP)], now - 0.2)) == [at(VIP)]
    assert len(met.asked) == 1
