"""lowatch.resolve.records.dns64: RFC 6052's own examples, and what RFC 7050 makes of them."""

from __future__ import annotations

import pytest

from lowatch.core.addresses import parse_address, parse_prefix
from lowatch.resolve.records.dns64 import embedded, looks_synthesised, prefixes_of, split

# RFC 6052, 2.4: how 192.0.2.33 is embedded.
EXAMPLES = {
    32: "2001:db8:c000:221::",
    40: "2001:db8:1c0:2:21::",
    48: "2001:db8:122:c000:2:2100::",
    56: "2001:db8:122:3c0:0:221::",
    64: "2001:db8:122:344:c0:2:2100::",
    96: "2001:db8:122:344::192.0.2.33",
}


@pytest.mark.parametrize("length", EXAMPLES)
def test_the_examples_of_rfc_6052(length: int) -> None:
    address = parse_address(EXAMPLES[length])
    assert embedded(address, length) == parse_address("192.0.2.33")
    assert looks_synthesised([address], [parse_address("192.0.2.33")])
    assert not looks_synthesised([address], [parse_address("192.0.2.34")])


@pytest.mark.parametrize(
    ("answer", "prefix"),
    [
        ("64:ff9b::c000:aa", "64:ff9b::/96"),
        ("64:ff9b::c000:ab", "64:ff9b::/96"),
        ("2001:db8:122:344:c0:0:aa00:0", "2001:db8:122:344::/64"),
        ("2001:db8:c000:aa::", "2001:db8::/32"),
    ],
)
def test_the_prefix_is_found_by_the_well_known_addresses(answer: str, prefix: str) -> None:
    assert prefixes_of([parse_address(answer)]) == {parse_prefix(prefix)}


def test_any_other_address_shows_no_prefix() -> None:
    assert prefixes_of([parse_address("2001:db8::1")]) == frozenset()


def test_addresses_of_a_prefix_are_set_apart() -> None:
    own, made = parse_address("2001:db8::1"), parse_address("64:ff9b::c000:20a")
    assert split((own, made), [parse_prefix("64:ff9b::/96")]) == ((own,), (made,))
    assert split((own, made), []) == ((own, made), ())
