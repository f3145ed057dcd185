"""Neighbours, against pyroute2's reading and building of the same octets."""

from __future__ import annotations

from struct import pack

import pytest
from pyroute2.netlink.rtnl.ndmsg import ndmsg

from lowatch.core.addresses import parse_address
from lowatch.wire.neighbours import NeighbourMessage, dump_neighbours, parse_neighbour
from lowatch.wire.netlink import HEADER, MalformedMessageError, attribute
from lowatch.wire.rtnetlink import AF_INET
from tests.support.pyroute2_decoder import decoded

VIP, LINK = parse_address("192.0.2.10"), bytes([2, 0, 0, 0, 0, 7])


def message(state: int = 4, *attributes: bytes) -> bytes:
    return pack("=BxxxiHBB", AF_INET, 3, state, 0, 1) + b"".join(attributes)


def parsed(data: bytes) -> NeighbourMessage | None:
    return parse_neighbour(data, 0, len(data))


def test_a_dump() -> None:
    decoded(ndmsg, dump_neighbours(7, AF_INET), family=AF_INET, ifindex=0, state=0)
    assert HEADER.unpack_from(dump_neighbours(7, AF_INET))[3] == 7


def test_a_neighbour() -> None:
    both = attribute(1, VIP), attribute(2, LINK)
    assert parsed(message(4, *both)) == NeighbourMessage(VIP, 3, LINK, "stale")
    assert parsed(message(32, both[0])) == NeighbourMessage(VIP, 3, b"", "failed")


@pytest.mark.parametrize(
    "data", [message(4), message(64, attribute(1, VIP)), message(4, attribute(1, b"abc"))]
)
def test_what_is_none(data: bytes) -> None:
    assert parsed(data) is None


def test_one_that_is_cut_off() -> None:
    with pytest.raises(MalformedMessageError):
        parsed(message()[:-1])
