"""inet_diag: requests decoded by pyroute2, and what is no socket."""

from __future__ import annotations

from struct import pack

import pytest
from pyroute2.netlink.diag import inet_diag_req

from lowatch.core.addresses import Address, Port, parse_address
from lowatch.wire import inet_diag
from lowatch.wire.netlink import HEADER, NLM_F_DUMP, NLM_F_REQUEST, MalformedMessageError
from lowatch.wire.rtnetlink import AF_INET, AF_INET6
from tests.support.pyroute2_decoder import decoded, header

V4, V6 = parse_address("192.0.2.10"), parse_address("2001:db8::10")
DUMP, ONE = NLM_F_REQUEST | NLM_F_DUMP, NLM_F_REQUEST


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


@pytest.mark.parametrize(("address", "family", "text"), [(V4, 2, "192.0.2.10"), (V6, 10, "2001:db8::10")])
def test_dump_listeners(address: Address, family: int, text: str) -> None:
    """ss makes the same bytecode of "src ADDRESS:PORT"."""
    found = decoded(
        inet_diag_req,
        inet_diag.dump_listeners(7, AF_INET6, address, 443),
        sdiag_family=AF_INET6, sdiag_protocol=6, idiag_ext=0, idiag_states=1 << 10,
        idiag_sport=0, idiag_dport=0, idiag_src="::", idiag_dst="::", idiag_if=0,
    )  # fmt: skip
    assert header(found) == (inet_diag.SOCK_DIAG_BY_FAMILY, DUMP, 7)
    size = 12 + len(address)
    program = pack("=BBHBBxxi", 7, size, size + 4, family, 8 * len(address), 443) + address
    assert inet_diag.dump_listeners(7, AF_INET6, address, 443).endswith(pack("=HH", 4 + size, 1) + program)


@pytest.mark.parametrize(
    "request_",
    [
        inet_diag.find_listener(0, V4, Port(1, "tcp"), 1), inet_diag.dump_bound(0, AF_INET, "udp"),
        inet_diag.dump_listeners(0, AF_INET, V4, 80), inet_diag.dump_listeners(0, AF_INET6, V6, 80),
    ],
)  # fmt: skip
def test_requests_can_be_joined(request_: bytes) -> None:
    """Each is whole, and ends on a boundary of 4 octets."""
    assert HEADER.unpack_from(request_)[0] == len(request_)
    assert len(request_) % 4 == 0


@pytest.mark.parametrize("size", [0, 1, 71 - HEADER.size])
def test_a_message_without_room_for_a_socket_is_malformed(size: int) -> None:
    with pytest.raises(MalformedMessageError):
        inet_diag.parse_socket(bytes(HEADER.size + size), HEADER.size, HEADER.size + size)
