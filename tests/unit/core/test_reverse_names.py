"""Reverse names, as dnspython writes them."""

from __future__ import annotations

import dns.reversename
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lowatch.core.addresses import parse_address
from lowatch.core.policy import is_reverse_name
from lowatch.core.reverse_names import reverse_name
from lowatch.wire.dns import encode_name


@given(st.ip_addresses().map(str))
@example("::ffff:192.0.2.10")
@example("192.0.2.10")
def test_they_are_those_that_dnspython_writes(text: str) -> None:
    name = reverse_name(parse_address(text))
    assert encode_name(name) == dns.reversename.from_address(text).to_wire()
    assert is_reverse_name(name)


@pytest.mark.parametrize("name", ["www.example.com", "in-addr.arpa", "xin-addr.arpa", "ip6.arpa", "a.arpa"])
def test_other_names_are_none(name: str) -> None:
    assert not is_reverse_name(name)
