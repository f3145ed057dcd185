"""Is an address delivered locally, by which prefix and device? The kernel's routing answers."""

from __future__ import annotations

import errno
import os

from lowatch.core.addresses import Address, destination
from lowatch.core.held import NOT_ROUTED, Delivery
from lowatch.core.observed import Unknown
from lowatch.wire.netlink import NLMSG_ERROR, MalformedMessageError, error_code, only_message
from lowatch.wire.rtnetlink import RTM_NEWROUTE, RTN_LOCAL, get_route, parse_route

from .arrivals import Arrivals
from .asked import Asked
from .netlink import RequestSocket, unknown

# What routing says of a destination it does not deliver at all: unreachable, prohibit, blackhole.
_REFUSALS = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EACCES, errno.EINVAL, errno.ESRCH})


class Locality:
    """RTM_GETROUTE with RTM_F_FIB_MATCH: the matched FIB entry itself, its prefix and its device.

    Local means rtm_type RTN_LOCAL. The reported table is not asked: 254 or 255 depends on whether
    policy rules exist (facts/kernel.md).
    """

    def __init__(self, route: RequestSocket, arrivals: Arrivals) -> None:
        self._arrivals = arrivals
        asked: Asked[Address, Delivery | Unknown] = Asked(route, _question, self._delivery, unknown)
        arrivals.on_change(asked.forget)
        self.ask = asked.ask
        """One answer for each address, in order. Never raises: a failure is an Unknown."""

    def _delivery(self, sequence: int, address: Address, reply: bytes) -> Delivery | Unknown:
        delivery = _delivery(sequence, reply)
        if isinstance(delivery, Delivery):
            self._arrivals.learn(address, delivery)
        return delivery


def _question(sequence: int, address: Address) -> bytes:
    return get_route(sequence, destination(address))


def _delivery(sequence: int, reply: bytes) -> Delivery | Unknown:
    try:
        kind, _, replied, start, end = span = only_message(reply)
        if replied != sequence:
            return Unknown("netlink", "a reply to another request")
        if kind == NLMSG_ERROR:
            code = error_code(reply, span)
            return NOT_ROUTED if code in _REFUSALS else Unknown("netlink", os.strerror(code))
        route = parse_route(reply, start, end) if kind == RTM_NEWROUTE else None
    except MalformedMessageError as error:
        return Unknown("netlink", f"unreadable reply: {error}")
    if route is None:
        return Unknown("netlink", "a reply that is no route")
    shape = route.shape
    return Delivery(shape.type == RTN_LOCAL, shape.ifindex, shape.length)
