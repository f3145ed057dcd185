"""Links in unusual messages."""

from __future__ import annotations

from struct import pack

import pytest

from lowatch.wire.links import parse_link
from lowatch.wire.netlink import MalformedMessageError, attribute
from lowatch.wire.rtnetlink import AF_INET, AF_INET6


@pytest.mark.parametrize(
    ("raw", "name"),
    [(b"lo\0", "lo"), (b"lo", "lo"), (b"lo\0junk\0", "lo"), (b"\xff\0", "\\xff"), (b"", "")],
)
def test_names_are_read_to_their_end(raw: bytes, name: str) -> None:
    """A link's name is octets: what is no UTF-8 shows escaped."""
    data = pack("=BxHiII", 0, 772, 1, 9, 0) + attribute(3, raw)
    link = parse_link(data, 0, len(data))
    assert (link.name, link.ifindex, link.flags) == (name, 1, 9)


@pytest.mark.parametrize(
    ("families", "ipv6"),
    [
        (b"", False),
        (attribute(AF_INET6, attribute(1, bytes(4))), False),
        (attribute(AF_INET6, attribute(2, pack("=60i", *[1] * 26, 0, *[1] * 33))), True),
        (attribute(AF_INET6, attribute(2, pack("=60i", *[0] * 26, 1, *[0] * 33))), False),
    ],
    ids=["no IPv6 in the kernel", "flags only", "disable_ipv6=0", "disable_ipv6=1"],
)
def test_whether_it_can_have_ipv6_addresses(families: bytes, ipv6: bool) -> None:
    data = pack("=BxHiII", 0, 772, 1, 9, 0) + attribute(26, families)
    assert parse_link(data, 0, len(data)).ipv6 == ipv6


def test_settings_cut_short_are_refused() -> None:
    """An older kernel's `struct ipv4_devconf` would not be; none lacks these two."""
    for size in (0, 4, 72, 75):
        ipv4 = attribute(26, attribute(AF_INET, attribute(1, bytes(size))))
        data = pack("=BxHiII", 0, 772, 1, 9, 0) + ipv4
        with pytest.raises(MalformedMessageError):
            parse_link(data, 0, len(data))
