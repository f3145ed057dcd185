"""rtnetlink: the neighbour tables, ARP's and ND's (linux/neighbour.h)."""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from lowatch.core.addresses import Address

from .netlink import NLM_F_DUMP, MalformedMessageError, request, walk_attributes

RTM_NEWNEIGH, RTM_GETNEIGH = 28, 30
_NDMSG = Struct("=BxxxiHBB")
_NDA_DST, _NDA_LLADDR = 1, 2
_STATES = {
    1: "incomplete",
    2: "reachable",
    4: "stale",
    8: "delay",
    16: "probe",
    32: "failed",
    128: "permanent",
}
"""NUD_*. Without NUD_NOARP, which entries have that need no link address, and NUD_NONE."""


class NeighbourMessage(NamedTuple):
    """link_address: octets; b"" if it is not known. state: as `ip neighbour` has it, in lower case."""

    address: Address
    ifindex: int
    link_address: bytes
    state: str


def dump_neighbours(sequence: int, family: int) -> bytes:
    """A dump of one family's neighbours."""
    return request(RTM_GETNEIGH, NLM_F_DUMP, sequence, _NDMSG.pack(family, 0, 0, 0, 0))


def parse_neighbour(data: bytes, start: int, end: int) -> NeighbourMessage | None:
    """The neighbour in a message; None for one without an address, or without ARP.

    Raises MalformedMessageError.
    """
    if end - start < _NDMSG.size:
        raise MalformedMessageError(f"{end - start} octets where {_NDMSG.size} are needed")
    _, ifindex, state, _, _ = _NDMSG.unpack_from(data, start)
    found = walk_attributes(data, start + _NDMSG.size, end)
    first, last = found.get(_NDA_DST, (0, 0))
    if state not in _STATES or last - first not in (4, 16):
        return None
    link, behind = found.get(_NDA_LLADDR, (0, 0))
    return NeighbourMessage(Address(data[first:last]), ifindex, data[link:behind], _STATES[state])
