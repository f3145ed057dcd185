"""Addresses and prefixes against the standard library's."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from hypothesis import given
from hypothesis import strategies as st

from lowatch.core.addresses import (
    Address,
    Prefix,
    PrefixSet,
    format_address,
    network_of,
    parse_address,
    parse_prefix,
    prefix_of,
)

Network = IPv4Network | IPv6Network

# Addresses that are near each other: prefixes cover some and miss others.
NEAR = [bytes(3), b"\xc0\0\2", b"\xff\xff\xff"]
octets = st.one_of(
    st.ip_addresses(v=4).map(lambda one: one.packed),
    st.ip_addresses(v=6).map(lambda one: one.packed),
    st.builds(lambda head, last: head + last, st.sampled_from(NEAR), st.binary(min_size=1, max_size=1)),
    st.builds(lambda last: bytes(14) + last, st.binary(min_size=2, max_size=2)),
)
addresses = octets.map(Address)


@st.composite
def prefixes(draw: st.DrawFn) -> Prefix:
    address = draw(addresses)
    return prefix_of(address, draw(st.integers(0, len(address) * 8)))


def standard(prefix: Prefix) -> Network:
    return ip_network((bytes(prefix.address), prefix.length))


@given(addresses)
def test_text_there_and_back(address: Address) -> None:
    assert format_address(address) == str(ip_address(bytes(address)))
    assert parse_address(format_address(address)) == address


@given(addresses, st.data())
def test_network_of(address: Address, data: st.DataObject) -> None:
    length = data.draw(st.integers(0, len(address) * 8))
    network = ip_network((bytes(address), length), strict=False)
    assert network_of(address, length) == network.network_address.packed
    assert prefix_of(address, length).size == network.num_addresses


@given(prefixes())
def test_prefix_text_there_and_back(prefix: Prefix) -> None:
    assert str(prefix) == str(standard(prefix))
    assert parse_prefix(str(prefix)) == prefix
    assert prefix.is_host == (standard(prefix).num_addresses == 1)


@given(prefixes(), addresses)
def test_covers(prefix: Prefix, address: Address) -> None:
    assert prefix.covers(address) == (ip_address(bytes(address)) in standard(prefix))


@given(st.lists(prefixes(), max_size=8), st.lists(addresses, min_size=1, max_size=8))
def test_prefix_set(several: list[Prefix], asked: list[Address]) -> None:
    """A set covers what one of its prefixes does; the ends of each are the addresses to try."""
    ends = [Address(end.packed) for one in several for end in (standard(one)[0], standard(one)[-1])]
    whole = PrefixSet(several)
    for address in [*asked, *ends]:
        plain = ip_address(bytes(address))
        assert whole.covers(address) == any(plain in standard(one) for one in several)
