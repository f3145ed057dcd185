"""Which socket serves an endpoint? The kernel's own demultiplexer answers."""

from __future__ import annotations

import errno
import os

from lowatch.core.addresses import Address
from lowatch.core.listeners import Endpoint, Listener
from lowatch.core.observed import Known, Unknown
from lowatch.wire.inet_diag import (
    SOCK_DIAG_BY_FAMILY,
    dump_bound,
    find_listener,
    parse_socket,
)
from lowatch.wire.netlink import NLMSG_ERROR, MalformedMessageError, error_code, only_message
from lowatch.wire.rtnetlink import AF_INET, AF_INET6

from .asked import Asked
from .cgroups import CgroupUnits
from .netlink import NetlinkError, RequestSocket, unknown

LOOPBACK_INDEX = 1
"""lo is the first device of every network namespace (LOOPBACK_IFINDEX, include/net/flow.h). Local
delivery passes through it whichever interface holds the address, so SO_BINDTODEVICE is judged by it."""


class Listeners:
    """SOCK_DIAG_BY_FAMILY without NLM_F_DUMP: the exact lookup. Works without any privilege."""

    def __init__(self, diag: RequestSocket, units: CgroupUnits) -> None:
        self._diag = diag
        self._units = units
        asked: Asked[Endpoint, Listener | Unknown | None] = Asked(
            diag, _lookup, self._listener, lambda error: unknown(error, "sock_diag")
        )
        self.ask = asked.ask
        """One answer for each endpoint, in order; None for ENOENT: nobody would get the connection.

        Never raises: a failure is an Unknown.
        """

    def bound(self) -> Known[frozenset[Address]] | Unknown:
        """Every local address that a listening TCP or unconnected UDP socket is bound to.

        From a dump, which may miss a socket under churn: good for narrowing down, not for an alert.
        """
        found: set[Address] = set()
        try:
            for family in (AF_INET, AF_INET6):
                for protocol in ("tcp", "udp"):
                    for data, messages, _ in self._diag.dump(dump_bound(0, family, protocol)):
                        for span in messages:
                            if span.type == SOCK_DIAG_BY_FAMILY:  # the last message is NLMSG_DONE
                                found.add(_unmapped(parse_socket(data, span.start, span.end).address))
        except (NetlinkError, MalformedMessageError) as error:
            return Unknown("sock_diag", f"cannot list sockets: {error}")
        return Known(frozenset(found))

    def _listener(self, sequence: int, endpoint: Endpoint, reply: bytes) -> Listener | Unknown | None:
        try:
            kind, _, replied, start, end = span = only_message(reply)
            if replied != sequence:
                return Unknown("sock_diag", "a reply to another request")
            if kind == NLMSG_ERROR:
                code = error_code(reply, span)
                return None if code == errno.ENOENT else Unknown("sock_diag", os.strerror(code))
            if kind != SOCK_DIAG_BY_FAMILY:
                return Unknown("sock_diag", "a reply that is no socket")
            found = parse_socket(reply, start, end)
        except MalformedMessageError as error:
            return Unknown("sock_diag", f"unreadable reply: {error}")
        return Listener(
            _unmapped(found.address),
            found.inode,
            found.uid,
            self._units.unit(found.cgroup),
            found.queued,
            found.backlog,
            endpoint.port.protocol,
        )


def _lookup(sequence: int, endpoint: Endpoint) -> bytes:
    return find_listener(sequence, *endpoint, LOOPBACK_INDEX)


_V4_MAPPED = bytes(10) + b"\xff\xff"


def _unmapped(address: Address) -> Address:
    """`::ffff:192.0.2.1` serves 192.0.2.1: show it so."""
    return Address(address[12:]) if address.startswith(_V4_MAPPED) else address
