"""rtnetlink: nexthop objects, which routes refer to by id (linux/nexthop.h)."""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from .netlink import MalformedMessageError, attribute, request, walk_attributes

RTM_NEWNEXTHOP, RTM_DELNEXTHOP, RTM_GETNEXTHOP = 104, 105, 106
GROUP_NEXTHOP = 32

_NHMSG = Struct("=BBBBI")
_U32 = Struct("=I")
_NHA_ID, _NHA_OIF = 1, 5


class NexthopMessage(NamedTuple):
    """ifindex: the outgoing interface, or 0 if the object has none (a group or a blackhole)."""

    id: int
    ifindex: int


def parse_nexthop(data: bytes, start: int, end: int) -> NexthopMessage:
    """Raises MalformedMessageError."""
    if end - start < _NHMSG.size:
        raise MalformedMessageError(f"{end - start} octets where {_NHMSG.size} are needed")
    found = walk_attributes(data, start + _NHMSG.size, end)
    return NexthopMessage(_u32(data, found, _NHA_ID), _u32(data, found, _NHA_OIF))


def _u32(data: bytes, found: dict[int, tuple[int, int]], kind: int) -> int:
    first, last = found.get(kind, (0, 0))
    if last - first != _U32.size:
        return 0
    number: int = _U32.unpack_from(data, first)[0]
    return number


def get_nexthop(sequence: int, nexthop_id: int) -> bytes:
    """A request for one nexthop object."""
    body = _NHMSG.pack(0, 0, 0, 0, 0) + attribute(_NHA_ID, _U32.pack(nexthop_id))
    return request(RTM_GETNEXTHOP, 0, sequence, body)
