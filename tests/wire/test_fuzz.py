"""20,000 mutated messages for each parser: it reads them, or says that they are malformed."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from struct import unpack_from
from typing import Any

import pytest

from lowatch.core.addresses import parse_address, parse_port
from lowatch.kernel.request_socket import NETLINK_SOCK_DIAG
from lowatch.wire import netlink_full, rtnetlink
from lowatch.wire.inet_diag import (
    SOCK_DIAG_BY_FAMILY,
    dump_bound,
    find_listener,
    parse_socket,
)
from lowatch.wire.links import dump_links, parse_link
from lowatch.wire.netlink import (
    HEADER,
    NLM_F_DUMP,
    MalformedMessageError,
    error_code,
    only_message,
    request,
    spans,
    walk_attributes,
)
from lowatch.wire.netlink_comparison import readable
from lowatch.wire.rtnetlink import AF_INET, AF_INET6, RTM_GETROUTE, get_route
from tests.support import pyroute2_decoder as second
from tests.support.mutations import mutants
from tests.support.netns import Netns
from tests.wire.captures import LO_INDEX, NETLINK_ROUTE, asked, dumped

MUTANTS = 20_000
COMPARED = 5_000
"""As many are shown to pyroute2 too, which takes fifty times as long."""

Parser = Callable[[bytes, int, int], Any]
Sizes = Mapping[int, Sequence[int]]
"""Attribute kind -> how long its payload may be."""

FIXED = {"links": 16, "addresses": 8, "routes": 12, "sockets_seen": 72}
"""Octets before the attributes."""


def every_route(family: int) -> bytes:
    return request(RTM_GETROUTE, NLM_F_DUMP, 0, bytes([family, *bytes(11)]))


def bodies(messages: list[tuple[int, bytes, int, int]]) -> list[bytes]:
    return [data[start:end] for _, data, start, end in messages]


@pytest.fixture
def links(furnished: Netns) -> list[bytes]:
    return bodies(dumped(NETLINK_ROUTE, dump_links(0)))


@pytest.fixture
def addresses(furnished: Netns) -> list[bytes]:
    return bodies(dumped(NETLINK_ROUTE, rtnetlink.dump_addresses(0)))


@pytest.fixture
def routes(furnished: Netns) -> list[bytes]:
    where = ["127.0.0.1", "203.0.113.1", "10.13.0.1", "10.9.1.1", "2001:db8::1", "2001:db8:13::1"]
    return bodies(
        [
            *dumped(NETLINK_ROUTE, every_route(AF_INET), every_route(AF_INET6)),
            *asked(NETLINK_ROUTE, *(get_route(i, parse_address(text)) for i, text in enumerate(where))),
        ]
    )


@pytest.fixture
def sockets_seen(listening: Netns) -> list[bytes]:
    dumps = [dump_bound(0, f, p) for f, p in itertools.product((AF_INET, AF_INET6), ("tcp", "udp"))]
    lookup = find_listener(0, parse_address("192.0.2.10"), parse_port("80/tcp"), LO_INDEX)
    return bodies([*dumped(NETLINK_SOCK_DIAG, *dumps), *asked(NETLINK_SOCK_DIAG, lookup)])


ADDRESS, TEXT = (4, 16), range(1, 17)
PARSERS = [
    pytest.param(
        "links", parse_link, rtnetlink.RTM_NEWLINK, second.link, {3: TEXT}, id="link"
    ),
    pytest.param(
        "addresses", rtnetlink.parse_address, rtnetlink.RTM_NEWADDR, second.address,
        {1: ADDRESS, 2: ADDRESS, 3: TEXT, 4: (4,), 6: (16,), 8: (4,), 9: (4,), 11: (1,)}, id="address",
    ),
    pytest.param(
        "routes", rtnetlink.parse_route, rtnetlink.RTM_NEWROUTE, second.route,
        {1: ADDRESS, 4: (4,), 6: (4,), 7: ADDRESS, 9: range(8, 999), 15: (4,)}, id="route",
    ),
    pytest.param(
        "sockets_seen", parse_socket, SOCK_DIAG_BY_FAMILY, second.socket,
        {11: (1,), 21: (8,)}, id="socket",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("seeds", "parse", "kind", "theirs", "sizes"), PARSERS)
def test_reads_or_refuses(
    request: pytest.FixtureRequest,
    seeds: str,
    parse: Parser,
    kind: int,
    theirs: Callable[[bytes], Any],
    sizes: Sizes,
) -> None:
    read = refused = 0
    for body in mutants(request.getfixturevalue(seeds), MUTANTS):
        try:
            parse(body, 0, len(body))
        except MalformedMessageError:
            refused += 1
        else:
            read += 1
    assert min(read, refused) > MUTANTS / 20, "a fair share of both"


@pytest.mark.parametrize(("seeds", "parse", "kind", "theirs", "sizes"), PARSERS)
def test_reads_what_pyroute2_reads(
    request: pytest.FixtureRequest,
    seeds: str,
    parse: Parser,
    kind: int,
    theirs: Callable[[bytes], Any],
    sizes: Sizes,
) -> None:
    """Payloads of other sizes than the kernel's aside: each makes of them what it likes."""
    compared = 0
    bodies_sent = request.getfixturevalue(seeds)
    for body in mutants(bodies_sent, COMPARED):
        data = HEADER.pack(HEADER.size + len(body), kind, 0, 0, 0) + body
        try:
            ours = parse(data, HEADER.size, len(data))
            seen = theirs(data)
        except Exception:  # refused by one of them
            continue
        if usual(body, FIXED[seeds], sizes) and nested_as_sent(body, FIXED[seeds], bodies_sent):
            assert readable(ours) == seen, data.hex()
            compared += 1
    assert compared > COMPARED / 10


@pytest.mark.parametrize(("seeds", "parse", "kind", "theirs", "sizes"), PARSERS)
def test_what_the_lean_decoder_refuses_is_not_guessed_at(
    request: pytest.FixtureRequest,
    seeds: str,
    parse: Parser,
    kind: int,
    theirs: Callable[[bytes], Any],
    sizes: Sizes,
) -> None:
    """pyroute2 alone reads most of these, without what is broken in them (Decoded.last's default)."""
    fallback = getattr(netlink_full, theirs.__name__)
    refused = 0
    for body in mutants(request.getfixturevalue(seeds), COMPARED):
        try:
            parse(body, 0, len(body))
        except MalformedMessageError:
            refused += 1
            with pytest.raises(MalformedMessageError):
                fallback(body, 0, len(body))
    assert refused > COMPARED / 20


def usual(body: bytes, fixed: int, sizes: Sizes) -> bool:
    """Whether each attribute that counts has a size that the kernel's has, and a text is plain text."""
    rest = body[fixed:]
    while len(rest) >= 4:
        length, kind = unpack_from("=HH", rest)
        payload, kind = rest[4:length], kind & 0x3FFF
        if kind in sizes and len(payload) not in sizes[kind]:
            return False
        if sizes.get(kind) is TEXT and not (payload[-1] == 0 and payload[:-1].isalnum()):
            return False
        rest = rest[length + -length % 4 :]
    return True


def nested_as_sent(body: bytes, fixed: int, sent: list[bytes]) -> bool:
    """Whether what lies deeper in a message was left alone, and in its place."""
    return _nested(body, fixed) <= {nested for one in sent for nested in _nested(one, fixed)}


def _nested(body: bytes, fixed: int) -> set[tuple[int, bytes]]:
    found = walk_attributes(body, fixed, len(body))
    # RTA_MULTIPATH, IFLA_LINKINFO, IFLA_AF_SPEC
    deep = {kind: found[kind] for kind in (9, 18, 26) if kind in found}
    return {(kind, body[first:last]) for kind, (first, last) in deep.items()}


def test_datagrams(addresses: list[bytes]) -> None:
    """Whatever the headers say: spans lie inside the datagram, one after the other, or it is refused."""
    whole = [HEADER.pack(HEADER.size + len(body), 20, 2, 0, 0) + body for body in addresses]
    datagrams = [b"".join(whole[first : first + 4]) for first in range(len(whole) - 4)]
    refused = 0
    for data in mutants(datagrams, MUTANTS):
        try:
            found = spans(data)
        except MalformedMessageError:
            refused += 1
            continue
        edges = [edge for span in found for edge in (span.start, span.end)]
        assert edges == sorted(edges)
        assert all(0 <= edge <= len(data) for edge in edges)
    assert MUTANTS / 20 < refused < MUTANTS * 19 / 20


def test_replies(addresses: list[bytes]) -> None:
    """only_message and error_code, as the readers of single replies call them."""
    error = HEADER.pack(36, 2, 0, 0, 0) + (-2).to_bytes(4, "little", signed=True) + bytes(16)
    seeds = [error, *(HEADER.pack(HEADER.size + len(body), 20, 0, 0, 0) + body for body in addresses)]
    for data in mutants(seeds, MUTANTS):
        try:
            span = only_message(data)
            assert HEADER.size == span.start <= span.end <= len(data)
            assert 0 <= error_code(data, span) < 4096
        except MalformedMessageError:
            continue


def test_attributes(addresses: list[bytes]) -> None:
    for data in mutants(addresses, MUTANTS):
        try:
            found = walk_attributes(data, 8, len(data))
        except MalformedMessageError:
            continue
        assert all(8 < first <= last <= len(data) for first, last in found.values())
        assert all(kind <= 0x3FFF for kind in found)
