"""Our requests, decoded by pyroute2: they ask what we meant."""

from __future__ import annotations

from typing import Any

import pytest
from pyroute2.netlink.diag import inet_diag_req
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from lowatch.core.addresses import Address, Port, parse_address
from lowatch.wire import inet_diag
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
    dump_links,
    dump_local_routes,
    get_route,
)
from tests.wire.pyroute2_decoder import Decoded

V4, V6 = parse_address("192.0.2.10"), parse_address("2001:db8::10")
DUMP, ONE = NLM_F_REQUEST | NLM_F_DUMP, NLM_F_REQUEST


def decoded(kind: type, request: bytes, **fields: Any) -> Decoded:
    """The request as pyroute2 reads it; the fields given are checked, its header's length too."""
    found = Decoded(kind, request)
    assert found["header"]["length"] == len(request)
    assert {name: found[name] for name in fields} == fields
    return found


def header(found: Decoded) -> tuple[int, int, int]:
    return tuple(found["header"][name] for name in ("type", "flags", "sequence_number"))  # type: ignore[return-value]


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


@pytest.mark.parametrize(("address", "family", "text"), [(V4, 2, "192.0.2.10"), (V6, 10, "2001:db8::10")])
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_find_listener(address: Address, family: int, text: str, protocol: str) -> None:
    """tcp names the endpoint as source, udp as destination (udp_dump_one swaps them)."""
    request = inet_diag.find_listener(7, address, Port(443, protocol), 1)
    nobody = "0.0.0.0" if family == 2 else "::"
    tcp = protocol == "tcp"
    found = decoded(
        inet_diag_req,
        request,
        sdiag_family=family,
        sdiag_protocol=6 if tcp else 17,
        idiag_ext=0,
        idiag_sport=443 if tcp else 0,
        idiag_dport=0 if tcp else 443,
        idiag_src=text if tcp else nobody,
        idiag_dst=nobody if tcp else text,
        idiag_if=1,
        idiag_cookie=0xFFFFFFFFFFFFFFFF,
    )
    assert header(found) == (inet_diag.SOCK_DIAG_BY_FAMILY, ONE, 7)


@pytest.mark.parametrize(
    ("protocol", "number", "states"),
    [("tcp", 6, 0b1_1111_1011_1110), ("udp", 17, 0b1_1111_1011_1110)],
)
def test_dump_bound(protocol: str, number: int, states: int) -> None:
    found = decoded(
        inet_diag_req,
        inet_diag.dump_bound(7, AF_INET6, protocol),
        sdiag_family=AF_INET6, sdiag_protocol=number, idiag_ext=0, idiag_states=states,
        idiag_sport=0, idiag_dport=0, idiag_src="::", idiag_dst="::", idiag_if=0,
    )  # fmt: skip
    assert header(found) == (inet_diag.SOCK_DIAG_BY_FAMILY, DUMP, 7)


@pytest.mark.parametrize(
    "request_",
    [
        dump_links(0), dump_addresses(0), dump_local_routes(0, AF_INET), get_route(0, V4), get_route(0, V6),
        inet_diag.find_listener(0, V4, Port(1, "tcp"), 1), inet_diag.dump_bound(0, AF_INET, "udp"),
    ],
)  # fmt: skip
def test_requests_can_be_joined(request_: bytes) -> None:
    """Each is whole, and ends on a boundary of 4 octets."""
    assert HEADER.unpack_from(request_)[0] == len(request_)
    assert len(request_) % 4 == 0
