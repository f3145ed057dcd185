"""lowatch.resolve.records.address_index: as a scan over everything would find."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lowatch.core.addresses import Address, PrefixSet, prefix_of
from lowatch.resolve.records.address_index import AddressIndex

# Few octets, so that addresses share prefixes, and IPv4 and IPv6 begin alike.
OCTETS = st.sampled_from([0, 10, 127, 255])
ADDRESSES = st.one_of(
    st.lists(OCTETS, min_size=4, max_size=4), st.lists(OCTETS, min_size=16, max_size=16)
).map(lambda octets: Address(bytes(octets)))
CHANGES = st.lists(st.tuples(st.booleans(), ADDRESSES, st.integers(0, 5)), max_size=60)


@given(CHANGES, st.lists(st.tuples(ADDRESSES, st.integers(0, 128)), min_size=1, max_size=20))
def test_it_finds_what_a_scan_finds(
    changes: list[tuple[bool, Address, int]], searched: list[tuple[Address, int]]
) -> None:
    index, pairs = AddressIndex(), set()
    for adds, where, number in changes:
        if adds:
            index.add(where, number)
            pairs.add((where, number))
        else:
            index.discard(where, number)
            pairs.discard((where, number))
    prefixes = [prefix_of(one, min(length, len(one) * 8)) for one, length in searched]
    expected = {number for where, number in pairs if any(one.covers(where) for one in prefixes)}
    assert index.inside(prefixes) == index.inside(PrefixSet(prefixes)) == expected
    address = searched[0][0]
    assert sorted(index.at(address)) == sorted(number for where, number in pairs if where == address)
    assert index.inside([]) == set()
