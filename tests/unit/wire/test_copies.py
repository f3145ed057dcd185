"""A dumped object becomes the request that makes the same again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowatch.kernel.request_socket import NETLINK_ROUTE, RequestSocket
from lowatch.wire.copies import (
    NLM_F_ACK,
    NLM_F_CREATE,
    NLM_F_EXCL,
    Reader,
    Row,
    address_row,
    attributes,
    dump_every_route,
    dump_every_rule,
    dump_nexthops,
    is_group,
    nexthop_row,
    numbered,
    route_row,
    rule_row,
)
from lowatch.wire.netlink import HEADER, NLMSG_DONE, MalformedMessageError, attribute
from lowatch.wire.rtnetlink import (
    AF_INET,
    AF_INET6,
    RTM_DELADDR,
    RTM_NEWADDR,
    dump_addresses,
    parse_address,
    parse_route,
)
from tests.support.netns import Netns

READERS: tuple[Reader, ...] = (address_row, route_row, rule_row, nexthop_row)


def rows(request: bytes, read: Reader, indexes: dict[int, int] | None = None) -> Iterator[Row]:
    with closing(RequestSocket(NETLINK_ROUTE)) as route:
        for data, spans, _ in route.dump(request):
            for span in spans:
                if span.type != NLMSG_DONE:
                    yield read(data, span.start, span.end, indexes or {})


def address(flags: int, ifindex: int = 1, family: int = AF_INET) -> bytes:
    body = pack("=BBBBI", family, 24, flags & 0xFF, 0, ifindex)
    body += attribute(2, bytes([192, 0, 2, 1])) + attribute(8, pack("=I", flags))
    return body + attribute(6, pack("=IIII", 100, 200, 300, 400))


def row_of(body: bytes, read: Reader = address_row, indexes: dict[int, int] | None = None) -> Row:
    return read(body, 0, len(body), indexes or {})


@pytest.mark.parametrize("flags", [0x80, 0x80 | 0x200, 0x80 | 0x40])  # permanent, noprefixroute, tentative
def test_an_address_is_added_with_what_a_user_may_set(flags: int) -> None:
    row = row_of(address(flags))
    assert attributes(row.body, 8, len(row.body))[8] == pack("=I", flags & 0x200)
    message = row.added(7, NLM_F_EXCL)
    size, kind, sent, sequence, _ = HEADER.unpack_from(message)
    assert (size, kind, sequence) == (len(message), RTM_NEWADDR, 7)
    assert sent & (NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL) == NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL
    assert HEADER.unpack_from(row.deleted(8))[1:4:2] == (RTM_DELADDR, 8)
    assert HEADER.unpack_from(numbered(message, 9))[3] == 9


def test_ages_and_short_states_do_not_matter() -> None:
    first = row_of(address(0x80))
    assert row_of(address(0x80 | 0x40)).key == first.key
    assert row_of(address(0x80).replace(pack("=I", 300), pack("=I", 301))).key == first.key


@pytest.mark.parametrize(
    "flag", [0x01, 0x08, 0x20, 0x200]
)  # secondary, dadfailed, deprecated, noprefixroute
def test_what_an_address_is_does(flag: int) -> None:
    assert row_of(address(0x80)).key != row_of(address(0x80 | flag)).key


def test_interfaces_may_have_other_numbers() -> None:
    assert row_of(address(0x80, 7), indexes={7: 9}).key == row_of(address(0x80, 9)).key
    assert row_of(address(0x80, 9)).place == (AF_INET, 9)


@pytest.fixture
def host(netns: Netns) -> Netns:
    netns.batch(
        [
            "link add index 7 name eth0 type veth peer name eth1",
            "link set eth1 up",
            "link set eth0 up",
            "addr add 198.51.100.1/24 dev eth0",
            "nexthop add id 1 via 198.51.100.2 dev eth0",
            "nexthop add id 2 group 1",
            "route add 10.1.0.0/16 nhid 1",
            "route add 10.2.0.0/16 nexthop via 198.51.100.2 nexthop via 198.51.100.3",
            "route add 10.3.0.0/16 via 198.51.100.2 mtu 1400",
            "rule add from 10.9.9.9 lookup 100",
        ]
    )
    return netns


def test_the_numbers_in_routes_and_nexthops(host: Netns) -> None:
    """Of an interface alone, of several ways, and of an object."""
    packed = {number: pack("=I", number) for number in (7, 77)}
    for request, read in (
        (dump_every_route(0, AF_INET), route_row),
        (dump_nexthops(0), nexthop_row),
    ):
        plain, mapped = list(rows(request, read)), list(rows(request, read, {7: 77}))
        assert any(packed[7] in row.body for row in plain)
        assert not any(packed[7] in row.body for row in mapped)
        assert any(packed[77] in row.body for row in mapped)


def test_what_is_sent_can_be_read_as_a_dump(host: Netns) -> None:
    prefixes = {"10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16"}
    found = [
        parse_route(row.body, 0, len(row.body)) for row in rows(dump_every_route(0, AF_INET), route_row)
    ]
    assert prefixes <= {str(route.prefix) for route in found if route is not None}
    held = [parse_address(row.body, 0, len(row.body)) for row in rows(dump_addresses(0), address_row)]
    assert None not in held


def test_a_route_of_a_nexthop_object_names_nothing_else(host: Netns) -> None:
    [row] = [
        row
        for row in rows(dump_every_route(0, AF_INET), route_row)
        if 30 in attributes(row.body, 12, len(row.body))
    ]
    assert not {4, 5, 9} & attributes(row.body, 12, len(row.body)).keys()


def test_rivals(host: Netns) -> None:
    """Two equal routes of which the first counts; not one of another table or priority."""
    for route in (
        "10.4.0.0/16 dev eth0",
        "10.4.0.0/16 dev eth1",
        "10.4.0.0/16 dev eth0 metric 7",
        "10.4.0.0/16 dev eth0 table 1000",
        "10.4.0.0/17 dev eth0",
    ):
        host.ip(f"route append {route}")
    found = [row.rivals for row in rows(dump_every_route(0, AF_INET), route_row)]
    assert sum(bytes([10, 4, 0, 0]) in one for one in found) == 5
    assert sum(found.count(one) == 2 for one in found) == 2


def test_when_and_where_an_address_was_added(host: Netns) -> None:
    first, second = (row_of(address(0x80, ifindex)) for ifindex in (7, 8))
    assert (first.created, first.host) == (300, (bytes([192, 0, 2, 1]), 7))
    assert second.host != first.host
    held = {row.host for row in rows(dump_addresses(0), address_row)}
    local = {row.host for row in rows(dump_every_route(0, AF_INET6), route_row) if row.is_local_v6}
    assert local <= held


def test_groups_come_after_what_they_name(host: Netns) -> None:
    assert [is_group(row) for row in rows(dump_nexthops(0), nexthop_row)] == [False, True]


@pytest.mark.parametrize("family", [AF_INET, AF_INET6])
def test_rules_keep_their_order(host: Netns, family: int) -> None:
    found = list(rows(dump_every_rule(0, family), rule_row))
    assert len(found) == (4 if family == AF_INET else 2)
    assert {row.family for row in found} == {family}


def test_ipv6s_local_routes_are_recognised(host: Netns) -> None:
    assert any(row.is_local_v6 for row in rows(dump_every_route(0, AF_INET6), route_row))
    assert not any(row.is_local_v6 for row in rows(dump_every_route(0, AF_INET), route_row))


@pytest.mark.parametrize("read", READERS)
@given(data=st.binary(max_size=64))
def test_any_octets(read: Reader, data: bytes) -> None:
    """It is read or refused; nothing else happens."""
    try:
        row = read(data, 0, len(data), {1: 2})
    except MalformedMessageError:
        return
    assert row.body


@pytest.mark.parametrize("read", READERS)
@given(kind=st.integers(0, 40), payload=st.binary(max_size=24))
def test_any_attribute(read: Reader, kind: int, payload: bytes) -> None:
    data = bytes(8 if read in (address_row, nexthop_row) else 12) + attribute(kind, payload)
    try:
        read(data, 0, len(data), {1: 2})
    except MalformedMessageError:
        return
