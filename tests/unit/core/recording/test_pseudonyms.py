from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowatch.core.addresses import (
    Address,
    Prefix,
    format_address,
    is_link_local,
    is_loopback,
    is_v4,
    parse_address,
    parse_prefix,
    prefix_of,
    unmapped,
)
from lowatch.core.recording.pseudonyms import Pseudonyms

addresses = st.one_of(st.binary(min_size=4, max_size=4), st.binary(min_size=16, max_size=16)).map(Address)
keys = st.binary(min_size=1, max_size=16)


def common(one: Address, other: Address) -> int:
    """How many leading bits two addresses share."""
    bits = len(one) * 8
    return bits - (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).bit_length()


@given(keys, addresses, st.integers(0, 127), st.data())
def test_as_many_leading_bits_are_shared_as_before(
    key: bytes, one: Address, shared: int, data: st.DataObject
) -> None:
    shared %= len(one) * 8
    tail = data.draw(st.binary(min_size=len(one), max_size=len(one)))
    mask = (1 << (len(one) * 8 - shared)) - 1
    number = int.from_bytes(one, "big") & ~mask | int.from_bytes(tail, "big") & mask
    other = Address(number.to_bytes(len(one), "big"))
    if unmapped(one) != one or unmapped(other) != other:
        return  # an IPv4 address in another form
    mapped = Pseudonyms(key)
    assert common(mapped.address(one), mapped.address(other)) == common(one, other)


@given(keys, addresses, st.integers(0, 128))
def test_a_prefix_covers_what_it_covered(key: bytes, address: Address, length: int) -> None:
    prefix, mapped = prefix_of(address, length % (len(address) * 8 + 1)), Pseudonyms(key)
    if unmapped(address) == address:
        assert mapped.prefix(prefix).covers(mapped.address(address))
    assert mapped.prefix(prefix).length == prefix.length


@given(keys, addresses)
def test_family_and_special_addresses_stay(key: bytes, address: Address) -> None:
    mapped = Pseudonyms(key).address(address)
    assert is_v4(mapped) is is_v4(address)
    assert is_loopback(mapped) is is_loopback(address)
    assert is_link_local(mapped) is is_link_local(address)


@pytest.mark.parametrize("text", ["127.0.0.1", "127.0.0.53", "::1", "::", "0.0.0.0", "::ffff:127.0.0.1"])
def test_what_stays_as_it_is(text: str) -> None:
    assert Pseudonyms(b"k").address(parse_address(text)) == parse_address(text)


@pytest.mark.parametrize(
    ("text", "prefix"),
    [
        ("10.1.2.3", "10.0.0.0/8"),
        ("172.31.255.1", "172.16.0.0/12"),
        ("192.168.7.7", "192.168.0.0/16"),
        ("169.254.1.1", "169.254.0.0/16"),
        ("239.1.1.1", "224.0.0.0/4"),
        ("fe80::1", "fe80::/10"),
        ("fd00::7", "fc00::/7"),
        ("64:ff9b::c000:20a", "64:ff9b::/96"),
    ],
)
def test_where_an_address_stays(text: str, prefix: str) -> None:
    mapped = Pseudonyms(b"k").address(parse_address(text))
    assert mapped != parse_address(text)
    assert parse_prefix(prefix).covers(mapped)


def test_a_mapped_address_leads_where_its_ipv4_address_does() -> None:
    mapped = Pseudonyms(b"k")
    plain = format_address(mapped.address(parse_address("192.0.2.10")))
    assert mapped.address(parse_address("::ffff:192.0.2.10")) == parse_address(f"::ffff:{plain}")


def test_each_key_has_its_own_mapping() -> None:
    one, other, address = Pseudonyms(b"1"), Pseudonyms(b"2"), parse_address("2001:db8::10")
    assert one.address(address) != other.address(address)
    assert one.address(address) == Pseudonyms(b"1").address(address)
    assert one.identity == Pseudonyms(b"1").identity != other.identity


@given(keys, st.binary(min_size=4, max_size=4).map(Address), st.integers(8, 31))
def test_a_broadcast_address_stays_one(key: bytes, address: Address, length: int) -> None:
    network = prefix_of(address, length)
    mapped = Pseudonyms(key, [network])
    assert mapped.address(last_of(network)) == last_of(mapped.prefix(network))


def last_of(network: Prefix) -> Address:
    number = int.from_bytes(network.address, "big") | (1 << (32 - network.length)) - 1
    return Address(number.to_bytes(4, "big"))
