"""When listeners are asked whether they answer: once, then rarely; soon again where they do not."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise

import pytest

from lowatch.app.listener_checks import ListenerChecks
from lowatch.core.addresses import Address, parse_address, parse_port
from lowatch.core.known import Unknown
from lowatch.core.limits.kernel import LISTENERS_CHECKED
from lowatch.core.listeners import Connect, ConnectOutcome, Endpoint, LateAnswers, Listener
from lowatch.core.snapshot import DomainObservation, PortObservation
from lowatch.core.verdicts import Verdict, judge_port
from tests.support.aio import run_async
from tests.support.virtual_time import LoopClock, run_virtually
from tests.unit.app.scripted import REFUSED, ScriptedClock, at
from tests.unit.core.worlds import FULL, NGINX, VIP, local, seen, view

NO_MEANS = Unknown("connect", "Too many open files")


class Asked:
    """Implements app.ports.Prober and ConnectListener. answers: what listeners answer now.

    full: the member of their REUSEPORT group that has a full accept queue.
    """

    def __init__(self) -> None:
        self.clock = ScriptedClock()
        self.answers: ConnectOutcome = Connect.ACCEPTED
        self.asked: list[Endpoint] = []
        self.checks = ListenerChecks(self, self.full_beside, self.clock)
        self.news = 0
        self.full: Listener | Unknown | None = None

    def full_beside(self, listener: Listener, number: int) -> Listener | Unknown | None:
        assert (listener, number) == (NGINX, 80)
        return self.full

    async def connect(self, endpoints: Sequence[Endpoint], late: LateAnswers) -> list[ConnectOutcome]:
        self.asked += endpoints
        return [self.answers] * len(endpoints)

    def connects_answered(self) -> None:
        self.news += 1

    def observe(self, listener: Listener | None = NGINX, address: Address = VIP) -> ConnectOutcome | None:
        """The answer that the observation of a domain has, with this listener there."""
        return self.observe_port(listener, address).connect

    def observe_port(self, listener: Listener | None = NGINX, address: Address = VIP) -> PortObservation:
        observed = self.checks.checked(view(local(address, *seen(("80", listener)))))
        return observed.local[0].ports[0]

    def ask(self) -> set[Endpoint]:
        """Ask those that are wanted. Returns what is to be observed again."""
        run_async(self.checks.ask_all_wanted())
        return self.checks.take_changed()

    def later(self, seconds: float) -> set[Endpoint]:
        self.clock.monotonic += seconds
        self.checks.sweep()
        return self.checks.take_changed()


def test_once_and_then_rarely() -> None:
    asked = Asked()
    assert asked.observe() is None
    assert asked.ask() == {at(VIP)}
    assert asked.observe() is Connect.ACCEPTED
    assert not asked.checks.wanted
    assert asked.later(299) == set()
    assert asked.later(2) == {at(VIP)}, "its domain is to be observed"
    assert asked.observe() is Connect.ACCEPTED, "the last answer counts meanwhile"
    assert asked.ask() == set(), "the same answer is no news"
    assert asked.asked == [at(VIP)] * 2


def test_of_many_that_answer_none_is_observed_again() -> None:
    asked = Asked()
    addresses = [Address(bytes([192, 0, 2, n])) for n in range(20)]
    for address in addresses:
        asked.observe(NGINX, address)
    assert asked.ask() == set()
    asked.later(301)
    asked.answers = Connect.REFUSED
    for address in addresses:
        asked.observe(NGINX, address)
    assert len(asked.ask()) == 20, "one that does not answer always is"


def test_one_that_does_not_answer_is_asked_again_soon() -> None:
    asked = Asked()
    asked.answers = Connect.REFUSED
    asked.observe()
    assert asked.ask() == {at(VIP)}
    times = []
    while len(times) < 5:
        asked.observe()
        asked.ask()
        before = len(asked.asked)
        while not asked.later(0.25):
            pass
        asked.observe()
        asked.ask()
        assert len(asked.asked) == before + 1
        times.append(asked.clock.monotonic)
    assert [round(b - a, 2) for a, b in pairwise(times)] == [1, 2, 4, 4]
    asked.answers = Connect.ACCEPTED
    assert asked.later(4.1) == {at(VIP)}
    assert asked.observe() is Connect.REFUSED
    assert asked.ask() == {at(VIP)}
    assert asked.observe() is Connect.ACCEPTED


def test_one_that_is_being_asked_is_not_asked_again() -> None:
    asked = Asked()
    asked.answers = Connect.PENDING
    asked.observe()
    assert asked.ask() == set()
    assert asked.observe() is None
    assert not asked.checks.wanted
    asked.checks.connect_answered(at(VIP), Connect.TIMED_OUT)
    assert asked.observe() is Connect.TIMED_OUT


def test_an_answer_of_a_listener_that_is_gone_is_not_its_successors() -> None:
    asked = Asked()
    asked.answers = Connect.PENDING
    asked.observe()
    asked.ask()
    successor = NGINX._replace(inode=8)
    asked.observe(successor)
    assert asked.checks.wanted
    asked.checks.connect_answered(at(VIP), Connect.REFUSED)
    assert asked.observe(successor) is None


def test_another_listener_is_asked_for_itself() -> None:
    asked = Asked()
    asked.answers = Connect.REFUSED
    asked.observe()
    asked.ask()
    assert asked.observe(NGINX._replace(inode=8)) is None
    assert asked.ask() == {at(VIP)}
    assert asked.observe(NGINX._replace(inode=8)) is Connect.REFUSED


@pytest.mark.parametrize(
    "listener",
    [
        None,
        FULL,
        NGINX._replace(protocol="udp"),
    ],
    ids=["none", "full", "udp"],
)
def test_who_is_never_asked(listener: Listener | None) -> None:
    asked = Asked()
    assert asked.observe(listener) is None
    assert not asked.checks.wanted


def test_a_reply_that_is_routed_elsewhere_needs_no_asking() -> None:
    asked = Asked()
    port = seen(("80", NGINX))[0]._replace(way_back=False)
    asked.checks.checked(view(local(VIP, port)))
    assert not asked.checks.wanted


def test_silence_while_the_queue_was_full_is_forgotten() -> None:
    asked = Asked()
    asked.answers = Connect.TIMED_OUT
    asked.observe()
    asked.ask()
    assert asked.observe() is Connect.TIMED_OUT
    assert asked.observe(FULL) is None
    assert asked.observe() is None, "asked again before it counts"


def test_silence_in_a_group_with_a_full_queue_is_that_queues() -> None:
    asked = Asked()
    asked.answers, asked.full = Connect.TIMED_OUT, FULL
    asked.observe()
    asked.ask()
    assert judge_port(asked.observe_port(), loopback_up=True) is Verdict.BACKLOGGED
    assert asked.observe_port().listener == FULL
    asked.answers = Connect.ACCEPTED  # by another member, as the client's port decides
    asked.later(1)
    asked.observe()
    assert asked.ask() == set()
    assert asked.observe_port().listener == FULL, "its queue is still full"
    asked.full = REFUSED
    asked.later(1)
    asked.observe()
    assert asked.ask() == set(), "whether it still is cannot be told"
    asked.full = None
    asked.later(4)
    asked.observe()
    assert asked.ask() == {at(VIP)}
    assert judge_port(asked.observe_port(), loopback_up=True) is Verdict.SERVED


def test_whether_silence_is_that_of_a_full_queue_is_unknown() -> None:
    """So it is not held against a filter."""
    asked = Asked()
    asked.answers, asked.full = Connect.TIMED_OUT, REFUSED
    asked.observe()
    asked.ask()
    assert asked.observe() == REFUSED
    assert judge_port(asked.observe_port(), loopback_up=True) is Verdict.SERVED


def test_where_it_cannot_be_asked_the_last_answer_counts() -> None:
    asked = Asked()
    asked.observe()
    asked.answers = NO_MEANS
    asked.ask()
    assert asked.observe() == NO_MEANS
    asked.answers = Connect.REFUSED
    asked.later(1)
    asked.observe()
    asked.ask()
    asked.answers = NO_MEANS
    asked.later(1)
    assert asked.observe() is Connect.REFUSED
    assert asked.ask() == set()
    assert asked.observe() is Connect.REFUSED


def test_the_daemon_asks_in_batches() -> None:
    asked = Asked()
    asked.checks = ListenerChecks(asked, asked.full_beside, LoopClock())

    async def running() -> list[int]:
        for n in range(150):
            asked.observe(NGINX, Address(bytes([192, 0, 2, n])))
        batches = []
        async with asyncio.TaskGroup() as group:
            task = group.create_task(asked.checks.run(asked))
            for _ in range(3):
                await asyncio.sleep(0.1)
                batches.append(len(asked.asked))
                await asyncio.sleep(0.15)
            task.cancel()
        return batches

    assert run_virtually(running()) == [64, 128, 150]


def test_as_many_as_the_limit_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LISTENERS_CHECKED, "value", 2)
    asked = Asked()
    addresses = [Address(bytes([192, 0, 2, n])) for n in range(5)]
    assert asked.checks.may_concern([at(addresses[4])]), "there is room"
    for n, address in enumerate(addresses):
        asked.observe(NGINX._replace(inode=n), address)
    assert len(asked.ask()) == 2
    assert asked.checks.may_concern(list(map(at, addresses)))
    assert not asked.checks.may_concern([at(addresses[4])])
    assert asked.observe(NGINX._replace(inode=0), Address(bytes([192, 0, 2, 0]))) is Connect.ACCEPTED


def test_one_that_no_domain_has_any_more_is_forgotten() -> None:
    asked = Asked()
    asked.observe()
    asked.ask()
    asked.later(301)
    asked.later(301)
    assert asked.observe() is None


def test_connects_may_be_turned_off_and_on() -> None:
    asked = Asked()
    asked.answers = Connect.REFUSED
    asked.observe()
    asked.ask()
    asked.checks.invalidate(probe=False)
    assert asked.observe() is None
    asked.checks.connect_answered(at(VIP), Connect.REFUSED)
    assert not asked.checks.wanted
    assert not asked.checks.has_changed
    asked.checks.invalidate(probe=True)
    asked.observe()
    assert asked.checks.wanted


def test_without_a_prober_nothing_is_asked() -> None:
    checks = ListenerChecks(None, Asked().full_beside, ScriptedClock())
    checks.invalidate(probe=True)
    observed: DomainObservation = view(local(VIP, *seen(("80", NGINX))))
    assert checks.checked(observed) is observed
    assert not checks.may_concern([at(VIP)])
    assert not checks.wanted


def test_several_ports() -> None:
    asked = Asked()
    other = Endpoint(parse_address("192.0.2.10"), parse_port("443"))
    both = view(local(VIP, *seen(("80", NGINX), ("443", NGINX))))
    asked.checks.checked(both)
    assert asked.ask() == {at(VIP), other}
    assert [one.connect for one in asked.checks.checked(both).local[0].ports] == [Connect.ACCEPTED] * 2
