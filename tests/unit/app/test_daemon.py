"""The daemon in a scripted world and virtual time: when it looks, when it speaks, when it sleeps."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from lowatch.app import finding_tracker
from lowatch.app.auditor import Auditor
from lowatch.app.daemon import SWEEP_EVERY
from lowatch.app.ports import Prober
from lowatch.core.addresses import Address, parse_address, parse_port
from lowatch.core.clock import Now
from lowatch.core.known import Known
from lowatch.core.last_served import LastServed
from lowatch.core.lifecycle import (
    Remembered,
    Tracked,
    stepping,
)
from lowatch.core.name_sources import NameSource
from lowatch.core.policy import Acknowledgement, DomainSpec, Policy
from lowatch.core.programs import TraceState
from lowatch.wiring.daemon import build_daemon
from tests.support import virtual_time
from tests.support.inline_threads import InlineThreads
from tests.support.virtual_time import run_virtually
from tests.unit.app.scripted import (
    ScriptedHost,
    ScriptedProber,
    ScriptedResolver,
    World,
    at,
    holds,
    listens,
    offers,
    policy_of,
    resolves,
    serves,
)
from tests.unit.app.served_memory import ServedMemory

WWW, SHOP = "www.example.com", "shop.example.com"
VIP, ELSEWHERE = parse_address("192.0.2.10"), parse_address("198.51.100.7")
HOLD = 20.0
START = 1000.0
TOO_MANY = 5_000
"""Looks at the clock. A daemon that spins never lets virtual time go on: it is stopped by this."""


class CountedClock:
    """The loop's time, on the wall too: acknowledgements expire by it. looks: how often it was asked."""

    def __init__(self) -> None:
        self.looks = 0

    def now(self) -> Now:
        self.looks += 1
        assert self.looks < TOO_MANY, "the daemon spins"
        time = asyncio.get_running_loop().time()
        return Now(time, time)


class Story:
    """A daemon, and all that the outside sees of it: (seconds since the start, what)."""

    def __init__(
        self,
        world: World,
        policy: Policy,
        remembered: Sequence[Remembered] = (),
        prober: Prober | None = None,
        served: ServedMemory | None = None,
    ) -> None:
        self.world = world
        self.clock = CountedClock()
        self.host = ScriptedHost(world)
        self.resolver = ScriptedResolver(world, list(policy.domains))
        self.resolver.asked.set()
        prober = prober or ScriptedProber(world)
        self.auditor = Auditor(self.host, self.resolver, prober, policy, self.clock, "web-17")
        self.said: list[tuple[float, str]] = []
        self.fixes: list[tuple[str, ...]] = []
        self.audits: list[float] = []
        self.saved: list[str] = []
        self.waiting: Sequence[Tracked] = ()
        self._remembered = remembered
        self.served = served or ServedMemory()
        self.daemon = build_daemon(
            self.auditor,
            self.host,
            self.resolver,
            policy,
            self.clock,
            self,
            self,
            self.served,
            self,
            InlineThreads(),
        )

    # An AlertSink, a StateStore and a Meter.

    dropped = 0

    def announce(self, tracked: Tracked, now: Now) -> None:
        kind = tracked.finding.subject.kind
        self.said.append((round(now.monotonic - START, 3), f"{kind} {tracked.state}"))
        self.fixes.append(tracked.finding.fix)

    def flush(self) -> None:
        pass

    def undelivered(self) -> Sequence[Tracked]:
        return self.waiting

    def load(self) -> Sequence[Remembered]:
        return self._remembered

    def end_generation(self) -> int:
        return 0

    def save(self, tracked: Mapping[str, Tracked], generation: int) -> bool:
        self.saved = sorted(tracked)
        self.announced = any(one.announced for one in tracked.values())
        return True

    def audited(self, _seconds: float) -> None:
        self.audits.append(round(self.clock.now().monotonic - START, 3))

    # What happens.

    def listener_gone(self) -> None:
        self.world.serving.pop(at(VIP), None)
        self.auditor.mark_socket(VIP, 80)
        self.daemon.wake()

    def listener_back(self) -> None:
        """No event tells of it."""
        self.world.serving[at(VIP)] = listens(at(VIP))

    def answer(self, *addresses: bytes, **failed: str) -> None:
        self.world.answers[WWW] = resolves(WWW, *addresses, **failed)  # type: ignore[arg-type]
        self.resolver.listener.answer_changed(WWW)

    def blind(self, blind: bool) -> None:
        self.world.blind = blind
        self.host.hear()
        self.auditor.mark_all()
        self.daemon.wake()


@pytest.fixture(autouse=True)
def nothing_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """No socket and no thread is to be waited for: time may jump at once."""
    monkeypatch.setattr(virtual_time, "_DELIVERY", 0.0)


Script = Sequence[tuple[float, Callable[[Story], Any]]]


def told(script: Script, until: float, policy: Policy | None = None, **rest: Any) -> Story:
    """The story of a host whose only domain is served at first; script: (seconds, what happens then)."""

    async def run() -> Story:
        world = World(
            held={holds("192.0.2.10/32")},
            answers={WWW: resolves(WWW, VIP)},
            serving={at(VIP): listens(at(VIP))},
        )
        story = Story(world, policy or policy_of(serves("80"), hold=HOLD), **rest)
        loop = asyncio.get_running_loop()
        for seconds, happens in script:
            loop.call_at(START + seconds, happens, story)
        try:
            async with asyncio.timeout_at(START + until):
                await story.daemon.run()
        except TimeoutError:
            pass
        return story

    return run_virtually(run())


def test_idle_means_idle() -> None:
    """Where nothing happens, a sweep now and then is all."""
    story = told([], 10 * SWEEP_EVERY + 1)
    assert story.audits == [SWEEP_EVERY * n for n in range(11)]
    assert story.said == []
    assert story.clock.looks < 200


def test_a_table_that_keeps_changing_is_looked_at_now_and_then() -> None:
    """Also where a listener is polled for at the same time."""

    def unsettled(value: bool) -> Callable[[Story], None]:
        return lambda story: setattr(story.host, "unsettled", value)

    story = told([(5.0, Story.listener_gone), (31.0, unsettled(True)), (61.0, unsettled(False))], 100.0)
    looks = [at for at in story.audits if 31.0 < at < 61.0]
    assert 100 <= len(looks) <= 130, "every quarter of a second"
    assert story.said == [(25.0, "orphan-vip firing")]


def test_it_speaks_when_the_hold_is_over() -> None:
    """To the moment, though no event comes then."""
    story = told([(5.0, Story.listener_gone), (45.0, Story.listener_back)], 100.0)
    assert story.said[0] == (25.0, "orphan-vip firing")
    ((resolved, words),) = story.said[1:]
    assert words == "orphan-vip resolved"
    assert 45.0 + HOLD <= resolved <= 45.3 + HOLD, "polled for"


def with_trace(story: Story) -> None:
    story.host.trace = TraceState(heard=True)


def comes(address: bytes, port: int) -> Callable[[Story], None]:
    return lambda story: story.daemon.listener_comes(Address(address), port)


def test_with_a_trace_a_listener_that_comes_is_an_event_and_nothing_is_polled() -> None:
    script: Script = [
        (0.0, with_trace),
        (5.0, Story.listener_gone),
        (45.0, Story.listener_back),
        (45.0, comes(bytes(4), 80)),
    ]
    story = told(script, 100.0)
    assert story.said[0] == (25.0, "orphan-vip firing")
    assert story.said[1][1] == "orphan-vip resolved"
    assert story.said[1][0] == pytest.approx(45.0 + HOLD, abs=0.01)
    looks = story.clock.looks
    assert looks < told(script[1:], 100.0).clock.looks / 2


def test_a_listener_that_is_reported_just_before_it_can_be_found_is_polled_for() -> None:
    script: Script = [
        (0.0, with_trace),
        (5.0, Story.listener_gone),
        (45.0, comes(VIP, 80)),
        (45.01, Story.listener_back),
    ]
    resolved = told(script, 100.0).said[1][0]
    assert 45.0 + HOLD <= resolved <= 45.1 + HOLD


@pytest.mark.parametrize("happens", [comes(bytes(4), 8080), comes(ELSEWHERE, 80)])
def test_a_listener_elsewhere_is_no_event(happens: Callable[[Story], None]) -> None:
    script: Script = [(0.0, with_trace), (5.0, Story.listener_gone)]
    without, story = told(script, 60.0), told([*script, (45.5, happens)], 60.0)
    assert (story.audits, story.said) == (without.audits, without.said)
    assert story.clock.looks == without.clock.looks, "it was not even woken"


@pytest.mark.parametrize("state", [TraceState("it has ended"), None])
def test_without_a_trace_that_is_read_it_polls(state: TraceState | None) -> None:
    script: Script = [
        (0.0, with_trace),
        (5.0, Story.listener_gone),
        (40.0, lambda story: setattr(story.host, "trace", state)),
        (40.0, lambda story: story.daemon.listeners_lost()),
        (45.0, Story.listener_back),
    ]
    resolved = told(script, 100.0).said[1][0]
    assert 45.0 + HOLD <= resolved <= 45.3 + HOLD


def test_a_unit_that_starts_is_polled_for_and_it_polls_less_often_otherwise() -> None:
    script: Script = [
        (0.0, lambda story: setattr(story.host, "notices_starts", True)),
        (5.0, Story.listener_gone),
        (45.5, Story.listener_back),
    ]
    story = told(script, 100.0)
    assert 45.5 + HOLD <= story.said[1][0] <= 46.5 + HOLD
    hinted = told([*script, (45.44, lambda story: story.daemon.unit_starts())], 100.0)
    assert 45.5 + HOLD <= hinted.said[1][0] <= 45.54 + HOLD


def test_a_unit_that_starts_wakes_nobody_where_nothing_is_missing() -> None:
    story = told([(5.0, lambda story: story.daemon.unit_starts())], 2 * SWEEP_EVERY)
    assert story.audits == [0.0, SWEEP_EVERY]


@pytest.mark.parametrize("before", [0.001, 0.5, 3.0, 19.0])
def test_it_fires_by_what_a_connect_meets_then(before: float) -> None:
    """NAT accepts again shortly before the hold is over: no event tells, and nobody is paged."""

    def redirect(story: Story) -> None:
        story.world.redirected = {at(VIP)}

    story = told([(5.0, Story.listener_gone), (25.0 - before, redirect)], 100.0)
    assert story.said == []
    assert set(story.daemon.orphans.values()) == {0}


@pytest.mark.parametrize("used", [False, True])
def test_it_fires_with_a_fix_that_is_harmless_then(used: bool) -> None:
    """Somebody binds to the address shortly before the hold is over: no event tells."""

    def bind(story: Story) -> None:
        story.world.bound = frozenset({VIP}) if used else frozenset()

    story = told([(5.0, Story.listener_gone), (23.0, bind)], 29.0)
    assert story.said == [(25.0, "orphan-vip firing")]
    assert story.fixes == [() if used else ("ip address del 192.0.2.10/32 dev lo",)]
    assert len(story.audits) <= 4


def test_a_redirect_that_ends_is_seen_within_seconds() -> None:
    def redirect(story: Story) -> None:
        story.world.redirected = {at(VIP)}

    def ends(story: Story) -> None:
        story.world.redirected = set()

    story = told([(5.0, Story.listener_gone), (6.0, redirect), (1000.0, ends)], 1100.0)
    ((fired, words),) = story.said
    assert words == "orphan-vip firing"
    assert 1000.0 + HOLD <= fired <= 1004.3 + HOLD
    assert len(story.audits) < 50


def test_a_poll_that_sees_nothing_new_costs_no_more_than_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five a second for as long as something is missing; to step 20,000 findings takes 60 ms."""
    steps = list[float]()

    def noted(*arguments: Any) -> Any:
        steps.append(asyncio.get_running_loop().time() - START)
        return stepping(*arguments)

    monkeypatch.setattr(finding_tracker, "stepping", noted)
    told([(5.0, Story.listener_gone)], 29.0)
    # It came, it went, and it had lasted; between them and the next sweep were a hundred polls.
    assert len(steps) <= 5


def test_flapping_says_nothing() -> None:
    script = [(t, Story.listener_gone) for t in range(5, 60, 5)]
    script += [(t + 1.0, Story.listener_back) for t in range(5, 60, 5)]
    assert told(script, 100.0).said == []


@pytest.mark.parametrize(
    "unknown", [lambda story: story.answer(VIP, a="timed out"), lambda story: story.blind(True)]
)
def test_pending_and_then_unknown_waits_without_spinning(unknown: Callable[[Story], Any]) -> None:
    """Its hold ends while it cannot be judged: nothing is due until that is over."""
    story = told([(5.0, Story.listener_gone), (6.0, unknown)], 100.0)
    assert story.said == []
    assert len(story.audits) < 50


def test_served_and_then_unknown_is_resolved_for_it_is_served_whatever_dns_says() -> None:
    story = told(
        [
            (5.0, Story.listener_gone),
            (40.0, Story.listener_back),
            (50.0, lambda story: story.answer(VIP, a="timed out")),
            (500.0, lambda story: story.answer(VIP)),
        ],
        600.0,
    )
    assert [words for _, words in story.said] == ["orphan-vip firing", "orphan-vip resolved"]
    assert 60.0 <= story.said[1][0] < 80.0
    assert len(story.audits) < 100


def test_an_acknowledgement_expires_and_it_fires_then() -> None:
    known = Acknowledgement(START + 77.0, "until the move")
    story = told(
        [(5.0, Story.listener_gone)], 200.0, policy_of(serves("80"), hold=HOLD, acknowledgements=(known,))
    )
    assert story.said == [(77.0, "orphan-vip firing")]


def test_what_was_announced_before_a_restart_is_not_announced_again() -> None:
    before = told([(5.0, Story.listener_gone)], 60.0)
    (tracked,) = before.daemon.tracked
    remembered = [Remembered(tracked.finding, tracked.since, tracked.announced)]
    after = told([(0.0, Story.listener_gone)], 100.0, remembered=remembered)
    assert after.said == []
    assert after.saved == before.saved == [tracked.finding.subject.key]
    mended = told([], 100.0, remembered=remembered)
    assert [words for _, words in mended.said] == ["orphan-vip resolved"]
    assert mended.saved == []


def test_names_with_findings_of_the_last_run_are_not_far() -> None:
    before = told([(5.0, Story.listener_gone)], 60.0)
    (tracked,) = before.daemon.tracked
    remembered = [Remembered(tracked.finding, tracked.since, tracked.announced)]
    assert told([], 1.0, remembered=remembered).resolver.near == {WWW}
    assert before.resolver.near == set()


def test_the_resolver_hears_after_an_audit_which_addresses_are_held() -> None:
    def another(story: Story) -> None:
        story.world.held.add(holds("192.0.2.20/32"))
        story.host.hear()
        story.auditor.mark_prefix(None)
        story.daemon.wake()

    story = told([(5.0, another)], 5.1)
    assert isinstance(story.resolver.held, Known)
    assert {one.address for one in story.resolver.held.value} == {VIP, parse_address("192.0.2.20")}


def test_what_waits_for_the_journal_is_saved_as_not_announced() -> None:
    """And as announced soon after it has arrived, though nothing else happens."""
    seen: list[bool] = []

    def nobody_takes_it(story: Story) -> None:
        story.waiting = [*story.daemon.tracked]

    def saved(story: Story) -> None:
        seen.append(story.announced)

    script: Script = [
        (5.0, Story.listener_gone),
        (24.0, nobody_takes_it),
        (30.0, saved),
        (40.0, lambda story: setattr(story, "waiting", ())),
        (46.0, saved),
    ]
    told(script, 50.0)
    assert seen == [False, True]


def test_ready_when_every_name_was_asked_and_judged() -> None:
    async def run() -> tuple[bool, bool]:
        story = Story(World(), policy_of(serves("80"), hold=HOLD))
        story.resolver.asked.clear()
        async with asyncio.TaskGroup() as group:
            task = group.create_task(story.daemon.run())
            await asyncio.sleep(10.0)
            before = story.daemon.ready
            story.resolver.asked.set()
            await asyncio.sleep(1.0)
            task.cancel()
        return before, story.daemon.ready

    assert run_virtually(run()) == (False, True)


def test_a_reload_in_the_middle_of_an_audit_harms_nobody() -> None:
    """It is probing when www goes and shop comes."""
    new = policy_of(serves("80", SHOP), hold=HOLD)

    def happens(story: Story) -> None:
        story.world.answers[SHOP] = resolves(SHOP, VIP)
        story.listener_gone()
        asyncio.get_running_loop().call_soon(story.daemon.replace_policy, new)

    story = told([(5.0, happens)], 60.0)
    assert story.saved == ["orphan-vip/lo/192.0.2.10/shop.example.com/80/tcp"]
    assert story.said == [(25.0, "orphan-vip firing")]


XMPP = "_xmpp-client._tcp.example.com"


def test_it_hears_of_closed_sockets_wherever_one_is_expected() -> None:
    """On the ports of the policy, and on those that SRV records name by now."""
    new = policy_of(serves("443"), serves("", XMPP), hold=HOLD)

    def srv_comes(story: Story) -> None:
        story.world.answers[XMPP] = offers(XMPP, ("im.example.com", "5222", VIP))
        story.resolver.listener.answer_changed(XMPP)

    def srv_leads_elsewhere(story: Story) -> None:
        story.world.answers[XMPP] = offers(XMPP, ("im.example.com", "5223", ELSEWHERE))
        story.resolver.listener.answer_changed(XMPP)

    story = told(
        [
            (5.0, srv_comes),
            (10.0, srv_leads_elsewhere),
            (15.0, lambda story: story.daemon.replace_policy(new)),
        ],
        25.0,
        policy_of(serves("80"), serves("", XMPP), hold=HOLD),
    )
    followed = [" ".join(sorted(map(str, ports))) for ports in story.host.followed]
    assert followed == ["80/tcp", "5222/tcp 80/tcp", "5223/tcp 80/tcp", "443/tcp 5223/tcp"]


def test_answers_that_lead_elsewhere_are_looked_at_together() -> None:
    """Of a hundred thousand names some change all the time. What leads here is looked at, at once."""

    def elsewhere(story: Story) -> None:
        story.world.answers[SHOP] = resolves(SHOP, ELSEWHERE)
        story.resolver.listener.answer_changed(SHOP)

    def here(story: Story) -> None:
        story.world.answers[SHOP] = resolves(SHOP, VIP)
        story.resolver.listener.answer_changed(SHOP)

    domains = (serves("80"), serves("80", SHOP))
    often = [(5.0 + n / 100, elsewhere) for n in range(150)]
    script = [*often, (10.0, here), (15.0, here), (20.0, elsewhere), (20.1, elsewhere)]
    story = told(script, 29.0, policy_of(*domains, hold=HOLD))
    assert story.audits[0] == 0.0
    assert story.audits[1:] == [6.0, 7.01, 11.0, 15.0, 20.0, 21.1]
    _, judgement = asyncio.run(story.auditor.audit())
    assert judgement.domains.keys() == {WWW}


def test_a_learned_name_is_judged_at_once() -> None:
    def learned(story: Story) -> None:
        specs, sources = {SHOP: DomainSpec((parse_port("80"),), any_of=False)}, {SHOP: NameSource.DNSTAP}
        story.daemon.replace_policy(policy.with_learned(specs, sources))

    def answered(story: Story) -> None:
        story.world.answers[SHOP] = resolves(SHOP, VIP)
        story.resolver.listener.answer_changed(SHOP)

    policy = policy_of(serves("81"), hold=HOLD)
    story = told([(5.0, learned), (5.5, answered)], 7.0, policy)
    assert story.audits[1:] == [5.0, 5.5]


def test_a_name_that_comes_to_lead_here_is_judged_within_a_second() -> None:
    def orphan_comes(story: Story) -> None:
        story.world.answers[SHOP] = resolves(SHOP, VIP)
        story.resolver.listener.answer_changed(SHOP)

    policy = policy_of(serves("80"), serves("81", SHOP), hold=HOLD)
    story = told([(5.0, orphan_comes)], 40.0, policy)
    ((when, what),) = story.said
    assert (when, what) == (5.0 + 1.0 + HOLD, "orphan-vip firing")


def test_who_served_it_last_is_told_once_and_saved_when_it_changes() -> None:
    """Sweeps go on, and neither the message nor the file changes with them."""
    served = ServedMemory()
    story = told([(40.0, Story.listener_gone)], 130.0, served=served)
    assert story.said == [(60.0, "orphan-vip firing")]
    (tracked,) = story.daemon.tracked
    last = LastServed(None, START + 40.0)
    assert tracked.finding.last_served == last
    assert tracked.finding.message.endswith(f"; {last}")
    assert [round(state.at - START, 1) for state in served.saved] == [5.0, 45.0, 130.0]
    assert [len(state.gone) for state in served.saved] == [0, 1, 1]


def test_what_an_earlier_process_saw_is_told_after_a_restart() -> None:
    last = LastServed("nginx.service", 1000.0, ended=False)
    story = told([(0.0, Story.listener_gone)], 100.0, served=ServedMemory({at(VIP): last}))
    (tracked,) = story.daemon.tracked
    assert tracked.finding.last_served == last
    assert "; served by nginx.service, last seen at " in tracked.finding.message
