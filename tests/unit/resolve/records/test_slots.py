"""lowatch.resolve.records.slots: what goes in comes out, and the short way ends where the long one does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowatch.config.settings import DnsSettings
from lowatch.core.addresses import Address
from lowatch.core.answers import NOT_ASKED, AnswerStatus, RRset
from lowatch.resolve.records.rotation import STEADY, Rotation
from lowatch.resolve.records.slot_state import LookupOutcome, SlotState, renewed_due, update
from lowatch.resolve.records.slots import NEVER, Slots
from lowatch.wire.dns import Reply, ReplyKind, failure, srv_record

SETTINGS = DnsSettings()
V4 = st.binary(min_size=4, max_size=4).map(Address)
V6 = st.binary(min_size=16, max_size=16).map(Address)
NAMES = st.sampled_from(["a.test", "b.test", "c.test"])
TTLS = st.integers(0, 2**31 - 1)


def replies(address: st.SearchStrategy[Address]) -> st.SearchStrategy[Reply]:
    chains = st.lists(NAMES, max_size=2, unique=True).map(tuple)
    some = st.lists(address, min_size=1, max_size=3, unique=True).map(lambda each: tuple(sorted(each)))
    return st.one_of(
        st.builds(Reply, st.just(ReplyKind.ADDRESSES), st.just("NOERROR"), some, chains, TTLS),
        st.builds(Reply, st.just(ReplyKind.NODATA), st.just("NOERROR"), st.just(()), chains, TTLS),
        st.builds(Reply, st.just(ReplyKind.NXDOMAIN), st.just("NXDOMAIN"), st.just(()), chains, TTLS),
        st.sampled_from(["SERVFAIL", "TIMEOUT"]).map(lambda rcode: failure(rcode, f"it says {rcode}")),
    )


def rrsets(address: st.SearchStrategy[Address]) -> st.SearchStrategy[RRset]:
    return st.builds(
        RRset,
        st.sampled_from(AnswerStatus),
        st.lists(address, max_size=3).map(tuple),
        st.lists(NAMES, max_size=2).map(tuple),
        TTLS,
        st.sampled_from(["", "SERVFAIL"]),
        st.none() | st.floats(0, 1e6),
        NAMES,
    ).filter(lambda rrset: rrset.status is not AnswerStatus.UNKNOWN or rrset.reason)


def states(address: st.SearchStrategy[Address]) -> st.SearchStrategy[SlotState]:
    rotations = st.builds(Rotation, st.lists(st.tuples(address, st.floats(0, 9)), max_size=2).map(tuple))
    counts = st.integers(0, 255)
    return st.builds(SlotState, rrsets(address), counts, counts, st.floats(0, 1e6), rotations)


@given(states(V4), states(V6))
def test_what_is_stored_is_loaded(a: SlotState, aaaa: SlotState) -> None:
    slots = Slots()
    slots.grow()
    slots.grow()
    for slot, state in enumerate((a, aaaa)):
        slots.store(slot, state)
    for slot, state in enumerate((a, aaaa)):
        assert slots.load(slot) == state
        assert slots.status_of(slot) is state.rrset.status
        assert slots.addresses_of(slot) == state.rrset.addresses
        assert slots.has_failed(slot) == (state.failures > 0)


def test_a_new_slot_was_never_asked_for() -> None:
    slots = Slots()
    slots.grow()
    assert slots.load(0) == SlotState()
    assert slots.load(0).rrset is NOT_ASKED
    assert slots.unknown_because(0) == "not asked yet"
    assert slots.due[0] == NEVER


def test_records_of_services_are_kept_as_they_are() -> None:
    records = (srv_record(443, "a.test"), srv_record(8443, "b.test"))
    slots = Slots()
    slots.grow()
    slots.store(0, SlotState(RRset(AnswerStatus.RESOLVED, records)))
    assert slots.load(0).rrset.addresses == records
    slots.store(0, SlotState())
    assert slots.load(0) == SlotState()


@given(st.lists(replies(V4), max_size=8), st.data())
def test_renewing_is_what_the_long_way_comes_to(outcomes: list[Reply], data: st.DataObject) -> None:
    """Whatever came before: where renew() takes a reply, update() would have changed nothing else."""
    slots = Slots()
    slots.grow()
    now = 100.0
    for reply in outcomes:
        state, _ = update(slots.load(0), LookupOutcome(reply, "192.0.2.53"), now, SETTINGS, 0.0)
        slots.store(0, state)
        now += data.draw(st.floats(0, 500))
        again = data.draw(st.sampled_from(outcomes))
        before = slots.load(0)
        after, due = update(before, LookupOutcome(again, "192.0.2.53"), now, SETTINGS, 0.5)
        if slots.renew(0, again, now):
            assert renewed_due(again.ttl, SETTINGS, now, 0.5) == due
            assert after.rrset is before.rrset
            assert slots.load(0) == after._replace(denials=before.denials)


@pytest.mark.parametrize("kind", [ReplyKind.ADDRESSES, ReplyKind.NODATA])
def test_what_is_said_again_is_renewed(kind: ReplyKind) -> None:
    """Were it not, every reply would go the long way, and nothing else would show it."""
    addresses = (Address(b"abcd"),) if kind is ReplyKind.ADDRESSES else ()
    reply = Reply(kind, "NOERROR", addresses, ttl=60)
    slots = Slots()
    slots.grow()
    assert not slots.renew(0, reply, 100.0)
    state, _ = update(slots.load(0), LookupOutcome(reply), 100.0, SETTINGS, 0.0)
    slots.store(0, state)
    assert slots.renew(0, reply._replace(ttl=30), 161.0)
    assert slots.load(0).rotation == STEADY
