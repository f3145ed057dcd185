"""However answers and addresses change, far_ttl delays only what it may, and an address ends that."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from lowatch.core.addresses import FixedLocalPrefixes, PrefixSet, parse_address
from tests.support.virtual_time import run_virtually
from tests.unit.resolve.answering_channels import ELSEWHERE, Guarded, addresses, guarded, held

NAMES = [f"n{number}.example.com" for number in range(8)]
VIPS = ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
MAX_QPS = 8
LATEST = 1.05 * 61 + 2.5
"""Seconds from one query of a name of TTL 60 to the next, at the latest, with what max_qps adds."""

moves = st.lists(
    st.one_of(
        st.tuples(st.just("answer"), st.sampled_from(NAMES), st.sampled_from([None, *VIPS])),
        st.tuples(st.just("hold"), st.sampled_from(VIPS), st.booleans()),
        st.tuples(st.just("wait"), st.floats(1, 5000), st.none()),
    ),
    max_size=25,
)


class Life:
    """What was done to an engine, and since when each name has led here, by what it answers."""

    def __init__(self, it: Guarded, local: FixedLocalPrefixes, far_ttl: float) -> None:
        self.it = it
        self.local = local
        self.far_ttl = far_ttl
        self.held: set[str] = set()
        self.now = 0.0
        self.added: list[float] = []
        self.near: dict[str, float] = {}

    async def move(self, kind: str, what: object, value: object) -> None:
        if kind == "answer":
            self.it.answers.replies[str(what)] = ELSEWHERE if value is None else addresses(str(value))
        elif kind == "hold" and value != (what in self.held):
            self.held ^= {str(what)}
            here = [(parse_address(one), 32) for one in ("127.0.0.1", *self.held)]
            self.local.prefixes = PrefixSet(here)
            self.it.engine.follow_held(held(*self.held))
            if value:
                self.added.append(self.now)
        elif kind == "wait":
            self.now += float(str(what))
            await self.it.until(self.now)
        for name in NAMES:
            known = map(addresses_text, self.it.engine.answer(name).addresses)
            if not self.held.isdisjoint(known):
                self.near.setdefault(name, self.now)

    def check(self) -> None:
        longest = max(self.far_ttl, LATEST) + 2.5
        for name in NAMES:
            times = [*self.it.answers.times(name), self.now]
            assert all(later - sooner <= longest for sooner, later in pairwise(times))
            near = self.near.get(name, self.now)
            since = [near, *(at for at in times if at > near)]
            assert all(later - sooner <= LATEST for sooner, later in pairwise(since))
            for added in self.added:
                rested = not any(added - LATEST <= at <= added for at in times)
                within = added + 2.5 + len(NAMES) / (MAX_QPS / 2)
                assert not rested or within > self.now or any(added <= at <= within for at in times)


def addresses_text(address: bytes) -> str:
    return ".".join(map(str, address))


@settings(max_examples=60, deadline=None)
@given(moves, st.sampled_from([0.0, 600.0, 3600.0]), st.integers(0, 1000))
def test_only_names_that_lead_elsewhere_wait_and_no_longer_than_far_ttl(
    done: list[tuple[str, object, object]], far_ttl: float, seed: int
) -> None:
    async def scenario() -> None:
        local = FixedLocalPrefixes(PrefixSet([(parse_address("127.0.0.1"), 32)]))
        async with guarded(NAMES, local=local, seed=seed, far_ttl=far_ttl, max_qps=MAX_QPS) as it:
            life = Life(it, local, far_ttl)
            for each in [*done, ("wait", 100.0, None)]:
                await life.move(*each)
            life.check()

    run_virtually(scenario())
