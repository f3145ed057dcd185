"""Findings through random lives, beside a model that only looks at what was seen.

The model knows no states and no table: it keeps what each look showed, and asks how long the last run
of equal looks has lasted. A look that could not tell is no look at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from lowatch.core.addresses import parse_address, parse_port
from lowatch.core.clock import Now
from lowatch.core.findings import Finding, FindingKind, Subject, Undecided
from lowatch.core.judgement import Judgement
from lowatch.core.lifecycle import (
    FindingState,
    Remembered,
    Tracked,
    next_due,
    revive,
    step,
)
from lowatch.core.policy import Acknowledgement, Policy

WWW = "www.example.com"
PORTS = [parse_port(number) for number in ("80", "443", "8080")]
FINDINGS = [
    Finding(
        Subject(FindingKind.ORPHAN_VIP, "lo", parse_address("192.0.2.10"), WWW, port), f"nobody on {port}"
    )
    for port in PORTS
]
KEYS = [finding.subject.key for finding in FINDINGS]
WALL_AT_0 = 1_000_000.0

# Instants and intervals are multiples of 1/4: floating point adds them exactly.
quarters = st.integers(0, 60).map(lambda n: n / 4)
Look = bool | None
"""Shows, is gone, or cannot be told."""


class Lives(RuleBasedStateMachine):
    @initialize(hold=st.sampled_from([0.0, 0.25, 2.0, 10.0]))
    def begin(self, hold: float) -> None:
        self.time = 0.0
        self.policy = Policy(hold=hold)
        self.tracked: dict[str, Tracked] = {}
        self.without_unknowns: dict[str, Tracked] = {}
        self.seen: dict[str, list[tuple[float, bool]]] = {key: [] for key in KEYS}
        self.firing = dict.fromkeys(KEYS, False)
        self.silenced = dict.fromkeys(KEYS, False)
        self.judgement = Judgement({}, (), ())
        self.stepped = Now(0.0, WALL_AT_0)

    # What happens.

    @rule(wait=quarters)
    def time_passes(self, wait: float) -> None:
        self.time += wait

    @rule(
        hold=st.sampled_from([0.0, 0.25, 2.0, 10.0]),
        accepted=st.lists(st.tuples(st.sampled_from([*PORTS, None]), quarters), max_size=2),
        looks=st.tuples(*[st.sampled_from([True, False, None])] * 3),
    )
    def policy_changes(self, hold: float, accepted: list[Any], looks: tuple[Look, ...]) -> None:
        self.policy = Policy(
            hold=hold,
            acknowledgements=tuple(
                Acknowledgement(WALL_AT_0 + self.time + lasts, "accepted", port=port)
                for port, lasts in accepted
            ),
        )
        self.look(looks)

    @rule()
    def dns_says_nothing(self) -> None:
        """The name has no view then, and its domain is told of by itself."""
        self.look((None, None, None), judgement_of((), unresolved={WWW: ("timed out", "")}))

    @rule(looks=st.tuples(*[st.sampled_from([True, True, False, None])] * 3))
    def look(self, looks: tuple[Look, ...], judgement: Judgement | None = None) -> None:
        now = self.now()
        self.judgement = judgement or judgement_of(looks)
        before = dict(self.tracked)
        self.tracked, announced = unpacked(step(self.tracked, self.judgement, now, self.policy))
        self.stepped = now
        expected = [
            told for key, look in zip(KEYS, looks, strict=True) if (told := self.model(key, look, now))
        ]
        assert sorted(announced) == sorted(expected)
        for key, look in zip(KEYS, looks, strict=True):
            if look is None:
                assert self.tracked.get(key) == before.get(key), "an Unknown changes nothing"
            else:
                self.check_state(key, look, before.get(key), now)
        self.look_without_unknowns(looks, now)

    @rule()
    def restart(self) -> None:
        """Only the findings, since when and whether they were announced or acknowledged outlive it."""
        kept = [
            Remembered(
                one.finding,
                one.since,
                one.announced,
                acknowledged=one.state is FindingState.ACKNOWLEDGED,
            )
            for one in self.tracked.values()
        ]
        self.tracked = revive(kept, self.now(), self.policy)
        self.without_unknowns = dict(self.tracked)
        self.seen = {key: [(self.time, True)] if key in self.tracked else [] for key in KEYS}
        self.judgement = judgement_of((None, None, None))
        self.stepped = self.now()

    # What must hold.

    @invariant()
    def nothing_happens_before_it_is_due(self) -> None:
        """By time alone, under the same judgement: nothing changes until next_due."""
        due = next_due(self.tracked, self.stepped, self.policy)
        assert due is None or due > self.stepped.monotonic
        moment = self.stepped.monotonic
        until = moment + 20.0 if due is None else due
        for part in (0.0, 0.25, 0.5, 0.75, 0.999):
            later = moment + (until - moment) * part
            now = Now(later, WALL_AT_0 + later)
            assert unpacked(step(self.tracked, self.judgement, now, self.policy)) == (self.tracked, [])

    @invariant()
    def announced_is_what_the_model_says(self) -> None:
        for key, one in self.tracked.items():
            assert one.announced is self.firing[key]
        assert not [key for key in KEYS if self.firing[key] and key not in self.tracked]

    # The model.

    def now(self) -> Now:
        return Now(self.time, WALL_AT_0 + self.time)

    def model(self, key: str, look: Look, now: Now) -> tuple[str, str] | None:
        """What is to be announced of it now, if anything."""
        if look is None:
            return None
        self.seen[key].append((now.monotonic, look))
        lasted = now.monotonic - self.run_began(key) >= self.policy.hold
        if look:
            was_silenced, self.silenced[key] = self.silenced[key], self.accepted(key, now)
            if not self.silenced[key] and (was_silenced if self.firing[key] else lasted):
                self.firing[key] = True
                return (key, "firing")
        elif lasted:
            self.silenced[key] = False
            if self.firing[key]:
                self.firing[key] = False
                return (key, "resolved")
        return None

    def run_began(self, key: str) -> float:
        """When the looks that are like the last one began."""
        began, last = self.seen[key][-1]
        for moment, look in reversed(self.seen[key]):
            if look is not last:
                break
            began = moment
        return began

    def accepted(self, key: str, now: Now) -> bool:
        subject = FINDINGS[KEYS.index(key)].subject
        return any(
            one.port in (None, subject.port) and now.wall < one.until
            for one in self.policy.acknowledgements
        )

    def check_state(self, key: str, look: bool, before: Tracked | None, now: Now) -> None:
        after = self.tracked.get(key)
        if look:
            shown = FindingState.FIRING if self.firing[key] else FindingState.PENDING
            assert after is not None
            assert after.state is (FindingState.ACKNOWLEDGED if self.accepted(key, now) else shown)
            assert after.since == (before.since if before else now.wall)
        elif after is not None:
            assert before is not None
            assert after.state is before.state, "what is gone stays what it was, until that is resolved"
            assert after.state in (FindingState.FIRING, FindingState.ACKNOWLEDGED)
            assert now.monotonic - self.run_began(key) < self.policy.hold

    def look_without_unknowns(self, looks: tuple[Look, ...], now: Now) -> None:
        """The same life, in which the looks that could not tell were never made."""
        told = {key: look for key, look in zip(KEYS, looks, strict=True) if look is not None}
        part = {key: one for key, one in self.without_unknowns.items() if key in told}
        known = judgement_of(tuple(told.get(key, False) for key in KEYS))
        after, _ = unpacked(step(part, known, now, self.policy))
        rest = {key: one for key, one in self.without_unknowns.items() if key not in told}
        self.without_unknowns = rest | after
        assert self.without_unknowns == self.tracked


def judgement_of(
    looks: tuple[Look, ...], unresolved: Mapping[str, tuple[str, str]] = MappingProxyType({})
) -> Judgement:
    """looks: none where they are all of a domain that is unresolved."""
    looked = list(zip(FINDINGS, looks, strict=False))
    shown = [finding for finding, look in looked if look]
    unknown = [
        Undecided(one.subject.kind, "?", WWW, one.subject.address, one.subject.port)
        for one, look in looked
        if look is None
    ]
    return Judgement({}, shown, unknown, unresolved)


def unpacked(stepped: Any) -> tuple[dict[str, Tracked], list[tuple[str, str]]]:
    announced = [(one.finding.subject.key, one.state.value) for one in stepped.announcements]
    return dict(stepped.tracked), announced


TestLives = Lives.TestCase
TestLives.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
