"""What a verification makes of a scripted host: rounds, changes, faults, and whom it connects to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from lowatch.app import verify as module
from lowatch.app.verify import ROUNDS, Verified, Verifier
from lowatch.core.listeners import ConnectOutcome, Endpoint, LateAnswers
from lowatch.core.verification import Outcome
from tests.support.aio import run_async
from tests.unit.app.scripted import (
    ScriptedHost,
    ScriptedProber,
    Watch,
    World,
    at,
    listens,
    policy_of,
    resolves,
    serves,
)
from tests.unit.app.story import SECOND, SHOP, VIP, WWW, world

UDP = "53/udp"


class Scene:
    """An audit, and its verification. before_round: called as each round begins, with its number."""

    def __init__(self, now: World, *, probe: bool = True) -> None:
        policy = policy_of(serves("80"), serves(f"80 {UDP}", SHOP), probe=probe)
        self.world, self.watch = now, Watch(now, policy)
        self.prober = ScriptedProber(now)
        self.rounds = 0
        self.before_round: Callable[[int], None] = lambda number: None

    @contextmanager
    def _opened(self) -> Iterator[ScriptedHost]:
        self.rounds += 1
        self.before_round(self.rounds)
        yield ScriptedHost(self.world)

    def verify(self) -> Verified:
        watch = self.watch
        verifier = Verifier(
            watch.auditor,
            watch.host,
            watch.resolver,
            watch.policy,
            self.prober,
            self._opened,
            per_second=1e6,
            pause=0.0,
        )

        async def run() -> Verified:
            return await verifier.verify(*await watch.auditor.audit_with_connects())

        return run_async(run())


def two_names() -> World:
    """www is served, shop is an orphan by TCP and UDP."""
    now = world()
    now.held |= world(SECOND).held
    now.answers[SHOP] = resolves(SHOP, SECOND)
    now.serving[at(VIP)] = listens(at(VIP))
    return now


def test_agreement_takes_one_round_and_a_connect_for_each_tcp_endpoint() -> None:
    scene = Scene(two_names())
    found = scene.verify().verification
    assert found.confirmed
    assert found.outcomes == Counter({Outcome.AGREES: 2, Outcome.NOT_MET: 1})
    assert scene.rounds == 1
    assert sorted(scene.prober.probed) == [at(VIP), at(SECOND)]


def test_an_endpoint_of_two_names_is_tried_once() -> None:
    now = two_names()
    now.answers[SHOP] = resolves(SHOP, VIP)
    scene = Scene(now)
    assert scene.verify().verification.outcomes[Outcome.AGREES] == 2
    assert scene.prober.probed == [at(VIP)]


def test_a_service_that_stopped_since_is_audited_again() -> None:
    scene = Scene(two_names())
    scene.before_round = lambda number: scene.world.serving.pop(at(VIP), None)
    verified = scene.verify()
    assert verified.verification.confirmed
    assert scene.rounds == 2
    assert {one.verdict for one in verified.judgement.domains[WWW].endpoints} == {"orphan"}
    assert scene.prober.probed.count(at(SECOND)) == 1, "what agreed is not asked again"


def test_an_address_that_came_since_is_audited_again() -> None:
    now = two_names()
    address = now.held - world().held
    now.held -= address
    scene = Scene(now)
    scene.before_round = lambda number: now.held.update(address)
    verified = scene.verify()
    assert verified.verification.disagreements == ()
    assert SHOP in verified.judgement.domains


@pytest.mark.parametrize("steady_from", [2, ROUNDS + 1])
def test_what_flaps_was_changing(steady_from: int) -> None:
    """It is up at each audit and stops at each connect; in later rounds it has stopped right before."""
    scene = Scene(two_names())
    audit, connect = scene.watch.auditor.audit_with_connects, scene.prober.connect

    def stop() -> None:
        scene.world.serving.pop(at(VIP), None)

    async def up_at_each_audit() -> object:
        scene.world.serving[at(VIP)] = listens(at(VIP))
        return await audit()

    async def stop_and_connect(endpoints: list[Endpoint], late: LateAnswers) -> list[ConnectOutcome]:
        if at(VIP) in endpoints:
            stop()
        return await connect(endpoints, late)

    scene.watch.auditor.audit_with_connects = up_at_each_audit  # type: ignore[assignment,method-assign]
    scene.prober.connect = stop_and_connect  # type: ignore[assignment,method-assign]
    scene.before_round = lambda number: stop() if number >= steady_from else None
    found = scene.verify().verification
    assert scene.rounds == ROUNDS
    assert found.disagreements == ()
    assert (found.outcomes[Outcome.CHANGING], found.confirmed) == (1, False)


def test_a_verdict_that_stays_wrong_is_a_disagreement(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stale cache: the auditor's own host keeps its first answers, and another host does not."""
    scene = Scene(two_names())
    kept: dict[Endpoint, object] = {}
    listeners = scene.watch.host.listeners

    def stale(endpoints: list[Endpoint]) -> list[object]:
        return [kept.setdefault(one, listeners([one])[0]) for one in endpoints]

    monkeypatch.setattr(scene.watch.host, "listeners", stale)
    scene.before_round = lambda number: scene.world.serving.pop(at(VIP), None)
    found = scene.verify().verification
    assert scene.rounds == ROUNDS
    [said] = found.disagreements
    assert said.startswith(f"{WWW} at 192.0.2.10, 80/tcp: lowatch says served")


def test_an_address_that_is_overlooked_is_a_disagreement(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(two_names())
    monkeypatch.setattr(scene.watch.resolver, "inside", lambda prefixes: {WWW})
    found = scene.verify().verification
    assert found.disagreements == (
        f"{SHOP} at 192.0.2.20: lowatch says not local, but the kernel delivers it here",
    )


def test_without_the_probe_a_redirect_is_not_seen_by_the_audit() -> None:
    now = two_names()
    now.redirected.add(at(SECOND))
    assert Scene(now).verify().verification.confirmed
    found = Scene(now, probe=False).verify().verification
    assert (found.disagreements, len(found.unseen)) == ((), 1)


def test_nothing_is_sent_to_what_is_not_local(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel no longer delivers it here as the connect is due."""
    scene = Scene(two_names())
    scene.before_round = lambda number: scene.world.routed_away.add(VIP)
    scene.verify()
    assert at(VIP) not in scene.prober.probed


def test_what_is_beyond_the_limit_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.ENDPOINTS_VERIFIED, "value", 1)
    times = module.ENDPOINTS_VERIFIED.times
    found = Scene(two_names()).verify().verification
    assert found.outcomes == Counter({Outcome.AGREES: 1, Outcome.BEYOND: 2})
    assert module.ENDPOINTS_VERIFIED.times == times + 1
