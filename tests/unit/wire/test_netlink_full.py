"""pyroute2 behind our types: it guesses nothing. What the kernel sends: tests/wire/test_dumps.py."""

from __future__ import annotations

from struct import pack

import pytest

from lowatch.core.addresses import parse_address
from lowatch.wire import netlink_full as full
from lowatch.wire.links import parse_link
from lowatch.wire.netlink import MalformedMessageError, attribute
from lowatch.wire.rtnetlink import AF_INET, AF_INET6, parse_route
from lowatch.wire.rtnetlink import parse_address as parse_address_message

V4, V6 = parse_address("192.0.2.10"), parse_address("2001:db8::10")
LABEL = attribute(3, b"lo:vip\0")


def address_body(*attributes: bytes, family: int = AF_INET, prefixlen: int = 32) -> bytes:
    return pack("=BBBBI", family, prefixlen, 0x80, 0, 1) + b"".join(attributes)


def route_body(*attributes: bytes, family: int = AF_INET, length: int = 32) -> bytes:
    return pack("=BBBBBBBBI", family, length, 0, 0, 255, 2, 254, 2, 0) + b"".join(attributes)


def link_body(*attributes: bytes, family: int = 0) -> bytes:
    return pack("=BxHiII", family, 0, 1, 0, 0) + attribute(3, b"lo\0") + b"".join(attributes)


@pytest.mark.parametrize(
    "body",
    [
        address_body(attribute(1, V4), attribute(2, V4), LABEL, attribute(8, pack("=I", 0x280))),
        address_body(attribute(1, V6), family=AF_INET6, prefixlen=64),
        address_body(family=7),
    ],
)
def test_an_address_as_the_lean_decoder_reads_it(body: bytes) -> None:
    assert full.address(body, 0, len(body)) == parse_address_message(body, 0, len(body))


@pytest.mark.parametrize(
    "body",
    [
        route_body(attribute(1, V4), attribute(4, pack("=I", 3)), attribute(15, pack("=I", 1000))),
        route_body(family=AF_INET6, length=0),
        route_body(family=7),
    ],
)
def test_a_route_as_the_lean_decoder_reads_it(body: bytes) -> None:
    assert full.route(body, 0, len(body)) == parse_route(body, 0, len(body))


def test_a_link_as_the_lean_decoder_reads_it() -> None:
    for body in (
        link_body(attribute(10, pack("=I", 4)), attribute(18, attribute(1, b"veth\0"))),
        link_body(attribute(26, b"\4\0\1"), family=7),  # a bridge port's attribute is nothing to us
    ):
        assert full.link(body, 0, len(body)) == parse_link(body, 0, len(body))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        address_body(),
        address_body(attribute(1, V6)),
        address_body(attribute(1, V4), prefixlen=33),
        address_body(attribute(1, V4), LABEL)[:-4],  # pyroute2 itself drops the label
        address_body(attribute(1, V4), b"\3\0\3\0"),
        address_body(attribute(1, V4), b"\0\0"),
    ],
)
def test_an_address_that_can_only_be_guessed_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedMessageError):
        full.address(body, 0, len(body))


@pytest.mark.parametrize(
    "body",
    [
        route_body(attribute(1, V6)),
        route_body(attribute(1, V4), length=33),
        route_body(attribute(1, V4), attribute(7, V6)),
        route_body(attribute(1, V4), attribute(15, pack("=I", 1000)))[:-2],
    ],
)
def test_a_route_that_can_only_be_guessed_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedMessageError):
        full.route(body, 0, len(body))


def test_a_route_with_a_nexthop_object_that_this_pyroute2_does_not_know_is_refused() -> None:
    body = route_body(attribute(1, V4), attribute(30, pack("=I", 7)))
    if full.KNOWS_NEXTHOPS:
        assert full.route(body, 0, len(body)) == parse_route(body, 0, len(body))
    else:
        with pytest.raises(MalformedMessageError, match="nexthop"):
            full.route(body, 0, len(body))


@pytest.mark.parametrize(
    "body",
    [
        link_body(attribute(18, attribute(1, b"veth\0") + b"\0\0\0\0")),  # broken deeper down
        link_body(attribute(26, attribute(2, attribute(1, bytes(12)) + b"\3\0\1\0"))),
        link_body(attribute(10, b"\1")),
    ],
)
def test_a_link_that_can_only_be_guessed_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedMessageError):
        full.link(body, 0, len(body))


def test_a_socket_that_is_cut_short_is_refused() -> None:
    for size in (0, 71, 74):
        with pytest.raises(MalformedMessageError):
            full.socket(bytes([AF_INET]) * size, 0, size)
