"""Which addresses were added, and how fast the names that rested are asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from lowatch.core.addresses import parse_address, parse_prefix
from lowatch.core.held import Held
from lowatch.core.known import Known, Unknown
from lowatch.resolve.far_sweep import EVERY, FarSweep, HeldAddresses
from lowatch.resolve.records.far_slots import RESTING, FarSlots
from lowatch.resolve.records.name_table import NameTable
from tests.support.virtual_time import LoopClock, run_virtually
from tests.unit.resolve.answering_channels import held


def added(addresses: HeldAddresses, now: Known[tuple[Held, ...]] | Unknown) -> list[str]:
    return sorted(map(str, addresses.replace(now)))


def test_what_is_held_at_first_was_not_added() -> None:
    addresses = HeldAddresses()
    assert added(addresses, held("192.0.2.1")) == []
    assert added(addresses, held("192.0.2.1", "192.0.2.2")) == ["192.0.2.2/32"]
    assert added(addresses, held("192.0.2.1", "192.0.2.2")) == []


def test_what_came_back_was_added_unless_it_was_only_unknown() -> None:
    addresses = HeldAddresses()
    for now, expected in (
        (held("192.0.2.1"), []),
        (Unknown("netlink", "EPERM"), []),
        (held("192.0.2.1"), []),
        (held(), []),
        (held("192.0.2.1"), ["192.0.2.1/32"]),
        (held("192.0.2.1", "fe80::1"), []),
        (held("2001:db8::1"), ["2001:db8::1/128"]),
    ):
        assert added(addresses, now) == expected


def test_an_address_adds_its_prefix_and_its_peers() -> None:
    addresses = HeldAddresses()
    addresses.replace(Known(()))
    one, peer = parse_address("192.0.2.1"), parse_address("198.51.100.1")
    assert added(addresses, Known((Held(one, 24, "lo"),))) == ["192.0.2.0/24", "192.0.2.1/32"]
    assert added(addresses, Known((Held(one, 32, "lo", peer=peer),))) == ["192.0.2.1/32", "198.51.100.1/32"]
    route = Held(parse_prefix("203.0.113.0/24").address, 24, "lo", by="route")
    assert "203.0.113.0/24" in added(addresses, Known((route,)))


class Session:
    """Implements far_sweep.Asking. asked: the slots of each turn."""

    def __init__(self) -> None:
        self.has_backlog = False
        self.half_the_pace = 100.0
        self.asked: list[list[int]] = []

    def ask_idle(self, slots: Iterable[int]) -> None:
        self.asked.append(list(slots))


def resting(count: int) -> FarSlots:
    names = NameTable()
    names.configure([f"n{number}.test" for number in range(count)])
    far = FarSlots(names, 0.0)
    names.slots.calm[:] = bytes([RESTING]) * (2 * count)
    return far


def test_it_asks_at_half_the_pace_and_then_has_no_timer() -> None:
    async def scenario() -> None:
        session = Session()
        sweep = FarSweep(resting(25), session, LoopClock())
        sweep.address_added(v4=True, v6=False)
        sweep.look_around()
        assert list(map(len, session.asked)) == [10]
        await asyncio.sleep(10 * EVERY)
        assert list(map(len, session.asked)) == [10, 10, 5]

    run_virtually(scenario())


def test_while_others_wait_it_asks_for_one_at_a_time() -> None:
    async def scenario() -> None:
        session = Session()
        session.has_backlog = True
        sweep = FarSweep(resting(25), session, LoopClock())
        sweep.address_added(v4=True, v6=False)
        await asyncio.sleep(3.5 * EVERY)
        assert list(map(len, session.asked)) == [1, 1, 1, 1]
        session.has_backlog = False
        await asyncio.sleep(EVERY)
        assert list(map(len, session.asked)) == [1, 1, 1, 1, 10]
        sweep.close()

    run_virtually(scenario())


def test_closed_it_asks_no_more() -> None:
    async def scenario() -> None:
        session = Session()
        sweep = FarSweep(resting(25), session, LoopClock())
        sweep.address_added(v4=True, v6=False)
        sweep.close()
        sweep.close()
        await asyncio.sleep(10 * EVERY)
        assert len(session.asked) == 1

    run_virtually(scenario())
