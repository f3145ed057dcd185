"""lowatch.resolve.records.address_index: as a scan over everything would find."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lowatch.core.addresses import Address, prefix_of
from lowatch.resolve.records.address_index import AddressIndex

# Few octets, so that addresses share prefixes, and IPv4 and IPv6 begin alike.
OCTETS = st.sampled_from([0, 10, 127, 255])
ADDRESSES = st.one_of(
    st.lists(OCTETS, min_size=4, max_size=4), st.lists(OCTETS, min_size=16, max_size=16)
).map(lambda octets: Address(bytes(octets)))
CHANGES = st.lists(st.tuples(st.booleans(), ADDRESSES, st.integers(0, 5)), max_size=60)


@given(CHANGES, ADDRESSES, st.integers(0, 128))
def test_it_finds_what_a_scan_finds(
    changes: list[tuple[bool, Address, int]], address: Address, length: int
) -> None:
    index, pairs = AddressIndex(), set()
    for adds, where, number in changes:
        if adds:
            index.add(where, number)
            pairs.add((where, number))
        else:
            index.discard(where, number)
            pairs.discard((where, number))
    prefix = prefix_of(address, min(length, len(address) * 8))
    assert index.inside([prefix]) == {number for where, number in pairs if prefix.covers(where)}
    assert sorted(index.at(address)) == sorted(number for where, number in pairs if where == address)
    assert index.inside([]) == set()
