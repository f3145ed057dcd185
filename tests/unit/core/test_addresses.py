"""Addresses, prefixes and ports: from text, to text, and who covers whom."""

from __future__ import annotations

import re

import pytest

from lowatch.core.addresses import (
    EVERYWHERE,
    Port,
    Prefix,
    PrefixSet,
    family_name,
    format_address,
    is_link_local,
    is_loopback,
    is_v4,
    local_size,
    parse_address,
    parse_port,
    parse_prefix,
    prefix_of,
    prefixes_inside,
)


@pytest.mark.parametrize(
    ("text", "octets", "family"),
    [
        ("192.0.2.10", b"\xc0\0\2\x0a", "ipv4"),
        ("0.0.0.0", bytes(4), "ipv4"),
        ("::", bytes(16), "ipv6"),
        ("2001:db8::10", b"\x20\1\x0d\xb8" + bytes(11) + b"\x10", "ipv6"),
        ("::ffff:192.0.2.1", bytes(10) + b"\xff\xff\xc0\0\2\1", "ipv6"),
    ],
)
def test_addresses(text: str, octets: bytes, family: str) -> None:
    address = parse_address(text)
    assert address == octets
    assert family_name(address) == family
    assert is_v4(address) is (family == "ipv4")


def test_addresses_are_written_in_their_shortest_form() -> None:
    """RFC 5952: one text for one address, for labels and keys hang on it."""
    for text in ("2001:DB8:0:0:0:0:0:10", "2001:db8::0010", "2001:0db8::10"):
        assert format_address(parse_address(text)) == "2001:db8::10"


@pytest.mark.parametrize("text", ["", "192.0.2", "192.0.2.256", "192.0.2.01", "www", "1::2::3", "1"])
def test_no_addresses(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(text))):
        parse_address(text)


@pytest.mark.parametrize(
    ("text", "length", "size"),
    [
        ("192.0.2.0/24", 24, 256),
        ("192.0.2.10", 32, 1),
        ("192.0.2.10/32", 32, 1),
        ("0.0.0.0/0", 0, 1 << 32),
        ("2001:db8::/64", 64, 1 << 64),
        ("::1", 128, 1),
    ],
)
def test_prefixes(text: str, length: int, size: int) -> None:
    prefix = parse_prefix(text)
    assert (prefix.length, prefix.size, prefix.is_host) == (length, size, size == 1)
    assert parse_prefix(str(prefix)) == prefix


def test_a_set_of_prefixes_is_a_collection_of_them() -> None:
    texts = ["192.0.2.10/32", "192.0.2.0/24", "10.0.0.0/8", "2001:db8::10/128", "2001:db8::/64", "::/0"]
    prefixes = {parse_prefix(text) for text in texts}
    together = PrefixSet([*prefixes, *prefixes])
    assert (len(together), set(together), len(list(together))) == (6, prefixes, 6)
    assert all(prefix in together for prefix in prefixes)
    for other in ("192.0.2.11/32", "192.0.2.0/25", "0.0.0.0/0"):
        assert parse_prefix(other) not in together
    assert "10.0.0.0/8" not in together


def test_a_set_of_prefixes_from_groups_of_one_length_each() -> None:
    groups = ["192.0.2.10/32", "192.0.2.11/32"], ["10.0.0.0/8"], ["2001:db8::10/128"], ["10.0.0.0/8"]
    prefixes = [[parse_prefix(text) for text in group] for group in groups]
    grouped = PrefixSet.grouped((group[0].length, [one.address for one in group]) for group in prefixes)
    assert set(grouped) == {one for group in prefixes for one in group}
    assert len(grouped) == 4


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1", True), ("127.255.0.9", True), ("::1", True), ("0.0.0.0", True), ("::", True),
        ("::ffff:127.0.0.1", True), ("128.0.0.1", False), ("::2", False), ("::ffff:192.0.2.1", False),
    ],
)  # fmt: skip
def test_what_connect_takes_to_this_host_everywhere(text: str, expected: bool) -> None:
    assert is_loopback(parse_address(text)) is expected


@pytest.mark.parametrize("text", ["0.0.0.0", "255.255.255.255", "::", "2001:db8::1"])
def test_everywhere(text: str) -> None:
    assert PrefixSet(EVERYWHERE).covers(parse_address(text))


@pytest.mark.parametrize(
    "text", ["192.0.2.1/24", "192.0.2.0/33", "2001:db8::1/64", "::/129", "x/8", "/8", ""]
)
def test_no_prefixes(text: str) -> None:
    """Host bits set: whoever writes 192.0.2.1/24 may mean the address or the network."""
    with pytest.raises(ValueError):  # noqa: PT011  # ipaddress words them
        parse_prefix(text)


@pytest.mark.parametrize(
    ("prefix", "address", "covered"),
    [
        ("192.0.2.0/24", "192.0.2.0", True),
        ("192.0.2.0/24", "192.0.2.255", True),
        ("192.0.2.0/24", "192.0.3.0", False),
        ("0.0.0.0/0", "255.255.255.255", True),
        ("0.0.0.0/0", "::1", False),
        ("::/0", "192.0.2.1", False),
        ("::/0", "2001:db8::1", True),
        ("192.0.2.1/32", "192.0.2.1", True),
        ("192.0.2.1/32", "192.0.2.2", False),
    ],
)
def test_who_covers_whom(prefix: str, address: str, covered: bool) -> None:
    assert parse_prefix(prefix).covers(parse_address(address)) is covered


def test_prefix_of_an_address() -> None:
    assert prefix_of(parse_address("192.0.2.10"), 24) == Prefix(parse_address("192.0.2.0"), 24)
    assert str(prefix_of(parse_address("2001:db8::10"), 64)) == "2001:db8::/64"


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("443", Port(443, "tcp")),
        ("443/tcp", Port(443, "tcp")),
        ("53/udp", Port(53, "udp")),
        ("1", Port(1, "tcp")),
        ("65535/udp", Port(65535, "udp")),
    ],
)
def test_ports(text: str, port: Port) -> None:
    assert parse_port(text) == port
    assert parse_port(str(port)) == port


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("0", "from 1 to 65535"),
        ("65536", "from 1 to 65535"),
        ("70000/tcp", "from 1 to 65535"),
        ("-1", "from 1 to 65535"),
        ("", "from 1 to 65535"),
        (" 80", "from 1 to 65535"),
        ("8_0", "from 1 to 65535"),
        ("٨٠", "from 1 to 65535"),
        ("²", "from 1 to 65535"),
        ("http", "from 1 to 65535"),
        ("80/", "tcp or udp"),
        ("80/sctp", "tcp or udp"),
        ("80/TCP", "tcp or udp"),
        ("80/tcp/udp", "tcp or udp"),
    ],
)
def test_no_ports(text: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        parse_port(text)


@pytest.mark.parametrize(
    ("text", "loopback", "link_local"),
    [
        ("127.0.0.1", True, False),
        ("127.255.255.254", True, False),
        ("128.0.0.1", False, False),
        ("126.255.255.255", False, False),
        ("::1", True, False),
        ("::2", False, False),
        ("fe80::1", False, True),
        ("febf::1", False, True),
        ("fec0::1", False, False),
        ("169.254.0.1", False, False),
    ],
)
def test_special_addresses(text: str, loopback: bool, link_local: bool) -> None:
    address = parse_address(text)
    assert (is_loopback(address), is_link_local(address)) == (loopback, link_local)


@pytest.mark.parametrize(
    ("local", "away", "size"),
    [
        ([], [], 256),
        ([], ["192.0.2.128/25"], 128),
        ([], ["192.0.2.128/25", "192.0.2.192/26"], 128),
        (["192.0.2.200/32"], ["192.0.2.128/25"], 129),
        (["192.0.2.192/26"], ["192.0.2.128/25", "192.0.2.200/32"], 191),
        (["192.0.2.10/32"], ["192.0.2.128/25"], 128),
        (["192.0.2.128/25"], ["192.0.2.128/25"], 256),
        ([], ["192.0.2.0/25", "192.0.2.128/25"], 0),
    ],
)
def test_how_many_of_a_prefix_are_local(local: list[str], away: list[str], size: int) -> None:
    prefix = parse_prefix("192.0.2.0/24")
    assert local_size(prefix, map(parse_prefix, local), map(parse_prefix, away)) == size


def test_the_prefixes_inside_one() -> None:
    texts = [
        "192.0.2.0/24",
        "192.0.2.0/25",
        "192.0.2.7/32",
        "192.0.3.0/24",
        "2001:db8::/32",
        "192.0.0.0/16",
    ]
    ordered = sorted(map(parse_prefix, texts))
    assert prefixes_inside(parse_prefix("192.0.2.0/24"), ordered) == [
        parse_prefix("192.0.2.0/25"), parse_prefix("192.0.2.7/32")
    ]  # fmt: skip
    assert prefixes_inside(parse_prefix("2001::/16"), ordered) == [parse_prefix("2001:db8::/32")]
