"""Which addresses of this host names may lead to."""

from __future__ import annotations

import pytest

from lowatch.config.zones.destinations import Destinations
from lowatch.core.addresses import parse_address, parse_prefix


def covered(*prefixes: str) -> Destinations:
    return Destinations(map(parse_prefix, prefixes))


@pytest.mark.parametrize("address", ["192.0.2.10", "::ffff:192.0.2.10", "198.51.100.7", "2001:db8::7"])
def test_addresses_and_prefixes(address: str) -> None:
    assert covered("192.0.2.10/32", "198.51.100.0/28", "2001:db8::/64").cover(parse_address(address))


@pytest.mark.parametrize("address", ["192.0.2.11", "198.51.100.17", "2001:db9::7"])
def test_others(address: str) -> None:
    assert not covered("192.0.2.10/32", "198.51.100.0/28", "2001:db8::/64").cover(parse_address(address))


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1"])
def test_loopback_is_none_of_them(address: str) -> None:
    everything = covered("127.0.0.0/8", "::1/128", "0.0.0.0/0", "::/0", "126.0.0.0/7")
    assert not everything.cover(parse_address(address))
