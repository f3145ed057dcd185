"""The same messages as pyroute2 reads them, in our types: the second decoder.

Works with pyroute2 0.7.2 (Debian 12) and newer; what 0.7.2 cannot read yet, readable() takes out of ours
(lowatch/wire/netlink_comparison.py).
"""

from __future__ import annotations

from typing import Any

from pyroute2.netlink.diag import inet_diag_msg
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from lowatch.wire import netlink_full as full
from lowatch.wire.inet_diag import SocketMessage
from lowatch.wire.links import LinkMessage
from lowatch.wire.netlink import HEADER
from lowatch.wire.netlink_full import Decoded
from lowatch.wire.rtnetlink import AddressMessage, RouteMessage


def link(data: bytes) -> LinkMessage:
    """`data` is one whole message here and below: its header and its body."""
    return full.link_message(Decoded(ifinfmsg, data))


def address(data: bytes) -> AddressMessage | None:
    return full.address_message(Decoded(ifaddrmsg, data))


def route(data: bytes) -> RouteMessage | None:
    return full.route_message(Decoded(rtmsg, data))


def socket(data: bytes) -> SocketMessage:
    return full.socket_message(Decoded(inet_diag_msg, data))


def whole(data: bytes, start: int, end: int) -> bytes:
    """The message whose body is data[start:end]."""
    return data[start - HEADER.size : end]


def decoded(kind: type, request: bytes, **fields: Any) -> Decoded:
    """The request as pyroute2 reads it; the fields given are checked, its header's length too."""
    found = Decoded(kind, request)
    assert found["header"]["length"] == len(request)
    assert {name: found[name] for name in fields} == fields
    return found


def header(found: Decoded) -> tuple[int, int, int]:
    return tuple(found["header"][name] for name in ("type", "flags", "sequence_number"))  # type: ignore[return-value]
