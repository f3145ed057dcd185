"""Requests of rtnetlink, decoded by pyroute2: they ask what we meant."""

from __future__ import annotations

import pytest
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from lowatch.core.addresses import Address, parse_address
from lowatch.wire.links import dump_links
from lowatch.wire.netlink import HEADER, NLM_F_DUMP, NLM_F_REQUEST
from lowatch.wire.rtnetlink import (
    AF_INET,
    AF_INET6,
    RTM_F_FIB_MATCH,
    RTM_GETADDR,
    RTM_GETLINK,
    RTM_GETROUTE,
    RTN_LOCAL,
    dump_addresses,
    dump_local_routes,
    get_route,
)
from tests.support.pyroute2_decoder import decoded, header

V4, V6 = parse_address("192.0.2.10"), parse_address("2001:db8::10")
DUMP, ONE = NLM_F_REQUEST | NLM_F_DUMP, NLM_F_REQUEST


def test_dump_links() -> None:
    """RTEXT_FILTER_SKIP_STATS: the statistics change all the time, and a sweep compares octets."""
    found = decoded(ifinfmsg, dump_links(7), family=0, index=0, flags=0, change=0)
    assert header(found) == (RTM_GETLINK, DUMP, 7)
    assert found.last("IFLA_EXT_MASK") == 1 << 3


def test_dump_addresses() -> None:
    found = decoded(ifaddrmsg, dump_addresses(7), family=0, prefixlen=0, flags=0, scope=0, index=0)
    assert header(found) == (RTM_GETADDR, DUMP, 7)
    assert found["attrs"] == []


@pytest.mark.parametrize("family", [AF_INET, AF_INET6])
def test_dump_local_routes(family: int) -> None:
    found = decoded(
        rtmsg, dump_local_routes(7, family), family=family, type=RTN_LOCAL, table=0, dst_len=0, flags=0
    )
    assert header(found) == (RTM_GETROUTE, DUMP, 7)
    assert found["attrs"] == []


@pytest.mark.parametrize(("address", "family", "text"), [(V4, 2, "192.0.2.10"), (V6, 10, "2001:db8::10")])
def test_get_route(address: Address, family: int, text: str) -> None:
    """RTM_F_FIB_MATCH: the matched entry itself, not what a packet would do."""
    found = decoded(
        rtmsg,
        get_route(7, address),
        family=family, dst_len=len(address) * 8, src_len=0, tos=0, table=0, type=0, flags=RTM_F_FIB_MATCH,
    )  # fmt: skip
    assert header(found) == (RTM_GETROUTE, ONE, 7)
    assert found.last("RTA_DST") == text
    assert len(found["attrs"]) == 1


@pytest.mark.parametrize(
    "request_",
    [
        dump_links(0), dump_addresses(0), dump_local_routes(0, AF_INET), get_route(0, V4), get_route(0, V6),
    ],
)  # fmt: skip
def test_requests_can_be_joined(request_: bytes) -> None:
    """Each is whole, and ends on a boundary of 4 octets."""
    assert HEADER.unpack_from(request_)[0] == len(request_)
    assert len(request_) % 4 == 0
