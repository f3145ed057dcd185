"""lowatch.resolve.records.slot_state: its table, row by row, and what must hold whatever comes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowatch.config.settings import DnsSettings
from lowatch.core.addresses import Address, parse_address
from lowatch.core.answers import AnswerStatus, RRset
from lowatch.resolve.records.slot_state import BACKOFF_LIMIT, JITTER, LookupOutcome, SlotState, update
from lowatch.wire.dns import Reply, ReplyKind, failure

SETTINGS = DnsSettings(min_ttl=5.0, max_ttl=3600.0, unknown_after=3600.0)
ONE, TWO = parse_address("192.0.2.1"), parse_address("192.0.2.2")


def good(*addresses: Address, ttl: int = 60) -> LookupOutcome:
    return LookupOutcome(Reply(ReplyKind.ADDRESSES, "NOERROR", addresses or (ONE,), (), ttl), "192.0.2.53")


NXDOMAIN = LookupOutcome(Reply(ReplyKind.NXDOMAIN, "NXDOMAIN", ttl=60), "192.0.2.53")
NODATA = LookupOutcome(Reply(ReplyKind.NODATA, "NOERROR", ttl=60), "192.0.2.53")
FAILURE = LookupOutcome(failure("SERVFAIL", "192.0.2.53: SERVFAIL"))


class Story:
    """A state and its clock: each outcome comes when it is due."""

    def __init__(self, settings: DnsSettings = SETTINGS) -> None:
        self.settings = settings
        self.state = SlotState()
        self.now = 1000.0
        self.waited = 0.0

    def tell(self, *outcomes: LookupOutcome) -> RRset:
        for outcome in outcomes:
            self.state, due = update(self.state, outcome, self.now, self.settings, 0.0)
            self.waited = due - self.now
            self.now = due
        return self.state.rrset


@pytest.mark.parametrize(
    ("outcomes", "status", "addresses", "waited"),
    [
        ([good()], AnswerStatus.RESOLVED, [ONE], 61),
        ([good(), good(TWO)], AnswerStatus.RESOLVED, [TWO], 61),
        ([NXDOMAIN], AnswerStatus.NXDOMAIN, [], 61),
        ([NODATA], AnswerStatus.NODATA, [], 61),
        ([NXDOMAIN, NODATA], AnswerStatus.NODATA, [], 61),
        ([NXDOMAIN, good()], AnswerStatus.RESOLVED, [ONE], 61),
        ([good(), NXDOMAIN], AnswerStatus.RESOLVED, [ONE], 6),
        ([good(), NXDOMAIN, NXDOMAIN], AnswerStatus.NXDOMAIN, [], 61),
        ([good(), NXDOMAIN, NODATA], AnswerStatus.NODATA, [], 61),
        ([good(), NODATA, good(), NODATA], AnswerStatus.RESOLVED, [ONE], 6),
        ([good(), NXDOMAIN, FAILURE], AnswerStatus.STALE, [ONE], 1),
        ([good(), NXDOMAIN, FAILURE, NXDOMAIN], AnswerStatus.NXDOMAIN, [], 61),
        ([good(), FAILURE], AnswerStatus.STALE, [ONE], 1),
        ([good(), FAILURE, FAILURE, FAILURE], AnswerStatus.STALE, [ONE], 4),
        ([good(), FAILURE, FAILURE, good(), FAILURE], AnswerStatus.STALE, [ONE], 1),
        ([good(), FAILURE, NXDOMAIN], AnswerStatus.STALE, [ONE], 6),
        ([good(), FAILURE, NXDOMAIN, NXDOMAIN], AnswerStatus.NXDOMAIN, [], 61),
        ([NXDOMAIN, FAILURE], AnswerStatus.STALE, [], 1),
        ([NXDOMAIN, FAILURE, NXDOMAIN], AnswerStatus.NXDOMAIN, [], 61),
        ([FAILURE], AnswerStatus.UNKNOWN, [], 1),
        ([FAILURE] * 9, AnswerStatus.UNKNOWN, [], 256),
        ([FAILURE] * 10, AnswerStatus.UNKNOWN, [], 300),
        ([FAILURE] * 2000, AnswerStatus.UNKNOWN, [], 300),
        ([FAILURE, good()], AnswerStatus.RESOLVED, [ONE], 61),
        ([FAILURE, NODATA], AnswerStatus.NODATA, [], 61),
        ([good(ttl=0)], AnswerStatus.RESOLVED, [ONE], 6),
        ([good(ttl=2**31 - 1)], AnswerStatus.RESOLVED, [ONE], 3601),
    ],
)
def test_table(
    outcomes: Sequence[LookupOutcome], status: AnswerStatus, addresses: Sequence[Address], waited: float
) -> None:
    story = Story()
    rrset = story.tell(*outcomes)
    assert (rrset.status, list(rrset.addresses)) == (status, addresses)
    assert story.waited == pytest.approx(waited)
    assert bool(rrset.reason) == (status in (AnswerStatus.STALE, AnswerStatus.UNKNOWN))
    assert (rrset.stale_since is not None) == (status in (AnswerStatus.STALE, AnswerStatus.UNKNOWN))


def test_stale_since_is_the_first_failure_after_the_last_good_answer() -> None:
    story = Story()
    story.tell(good())
    failed_at = story.now
    assert story.tell(FAILURE, FAILURE, FAILURE).stale_since == failed_at
    assert story.tell(good()).stale_since is None


def test_stale_becomes_unknown_exactly_then_and_keeps_its_addresses() -> None:
    story = Story()
    story.tell(good(ONE, TWO))
    failed_at = story.now
    while story.now < failed_at + 3600:
        assert story.tell(FAILURE).status is AnswerStatus.STALE
    assert story.now == failed_at + 3600
    rrset = story.tell(FAILURE)
    assert rrset.status is AnswerStatus.UNKNOWN
    assert rrset.addresses == (ONE, TWO)
    assert rrset.reason == "no answer for more than 3600 s: 192.0.2.53: SERVFAIL"
    assert story.tell(FAILURE) is rrset
    assert story.tell(good(ONE)).status is AnswerStatus.RESOLVED


def test_a_renewed_ttl_is_no_change() -> None:
    story = Story()
    rrset = story.tell(good(ttl=60))
    assert story.tell(good(ttl=30)) is rrset
    assert story.waited == 31


def test_the_same_failure_again_is_no_change() -> None:
    story = Story()
    rrset = story.tell(good(), FAILURE)
    assert story.tell(FAILURE) is rrset


def test_an_alias_that_moves_is_a_change() -> None:
    story = Story()
    before = story.tell(good())
    via = LookupOutcome(Reply(ReplyKind.ADDRESSES, "NOERROR", (ONE,), ("cdn.test",), 60), "192.0.2.53")
    assert story.tell(via).chain == ("cdn.test",)
    assert story.state.rrset is not before


def test_a_name_that_rotates_has_all_the_addresses_of_its_window() -> None:
    story = Story()
    assert story.tell(good(ONE), good(TWO)).addresses == (TWO,)  # might be a move
    assert story.tell(good(ONE)).addresses == (ONE,)  # or a failover that has ended
    rrset = story.tell(good(TWO))  # back, and back again: it rotates
    assert rrset.addresses == (ONE, TWO)
    assert story.tell(good(ONE), good(TWO)) is rrset
    story.tell(good(ONE), good(ONE), good(ONE))
    assert story.tell(good(ONE)).addresses == (ONE,)  # it has stopped


ADDRESSES = st.sets(st.sampled_from([ONE, TWO, parse_address("192.0.2.3")]), min_size=1)
TTLS = st.sampled_from([0, 1, 5, 60, 3600, 2**31 - 1])
ANSWERS = st.builds(lambda addresses, ttl: good(*sorted(addresses), ttl=ttl), ADDRESSES, TTLS)
OUTCOMES = st.one_of(ANSWERS, st.sampled_from([NXDOMAIN, NODATA, FAILURE]))
JITTERS = st.floats(0, 1, exclude_max=True)


@given(st.lists(st.tuples(OUTCOMES, JITTERS), max_size=30))
def test_whatever_comes(story: list[tuple[LookupOutcome, float]]) -> None:
    state, now, denied = SlotState(), 1000.0, False
    for outcome, jitter in story:
        before = state.rrset
        state, due = update(state, outcome, now, SETTINGS, jitter)
        rrset, kind = state.rrset, outcome.reply.kind
        least, most = _wait_bounds(outcome, denied=denied, had=bool(before.addresses))
        assert now + least - 1e-6 <= due <= now + most * (1 + JITTER) + 1e-6
        if kind is ReplyKind.FAILURE:
            assert rrset.addresses == before.addresses
            assert rrset.status in (AnswerStatus.STALE, AnswerStatus.UNKNOWN)
        elif kind is ReplyKind.ADDRESSES:
            assert set(outcome.reply.addresses) <= set(rrset.addresses)
            assert rrset.status is AnswerStatus.RESOLVED
        elif before.addresses and not denied:
            assert rrset is before
        else:
            assert (rrset.addresses, rrset.status) == ((), AnswerStatus(kind.value))
        denied = kind in (ReplyKind.NXDOMAIN, ReplyKind.NODATA) or (denied and kind is ReplyKind.FAILURE)
        now = due


def _wait_bounds(outcome: LookupOutcome, *, denied: bool, had: bool) -> tuple[float, float]:
    """Seconds until the next query, before jitter."""
    if outcome.reply.kind is ReplyKind.FAILURE:
        return 1.0, BACKOFF_LIMIT
    clamped = min(max(outcome.reply.ttl, SETTINGS.min_ttl), SETTINGS.max_ttl)
    if outcome.reply.kind is not ReplyKind.ADDRESSES and had and not denied:
        clamped = SETTINGS.min_ttl
    return clamped + 1, clamped + 1
