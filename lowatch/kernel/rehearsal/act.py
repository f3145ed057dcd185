"""The steps of a plan as the messages that `ip` would send for them, but without waiting for IPv6's DAD."""

from __future__ import annotations

from struct import Struct

from lowatch.core.addresses import LOOPBACK_V4, Address, host_length, is_v4
from lowatch.core.held import SCOPE_HOST, Held
from lowatch.core.plan import Step
from lowatch.wire.copies import NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL
from lowatch.wire.netlink import attribute, request
from lowatch.wire.rtnetlink import (
    AF_INET,
    AF_INET6,
    RT_TABLE_LOCAL,
    RT_TABLE_MAIN,
    RTM_DELADDR,
    RTM_DELROUTE,
    RTM_NEWADDR,
    RTN_LOCAL,
)

_IFADDR = Struct("=BBBBI")
_ROUTE = Struct("=BBBBBBBBI")
_U32 = Struct("=I")
_IFA_ADDRESS, _IFA_LOCAL, _IFA_F_NODAD = 1, 2, 0x02
_RTA_DST, _RTA_OIF, _RTA_TABLE = 1, 4, 15
_SCOPE_NOWHERE, _SCOPE_UNIVERSE = 255, 0


def message(step: Step, ifindex: int) -> bytes:
    """The request for a step. ifindex: of its interface."""
    held = step.held
    match step.do:
        case "add":
            return _address(
                RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, held, host_length(held.address), ifindex
            )
        case "remove" if held.by == "address":
            return _address(RTM_DELADDR, 0, held, held.prefixlen, ifindex)
        case "remove":
            return _route(held, RTN_LOCAL, held.table or RT_TABLE_LOCAL, ifindex)
    return _route(held, 0, RT_TABLE_MAIN, ifindex)


def _address(kind: int, flags: int, held: Held, prefixlen: int, ifindex: int) -> bytes:
    scope = SCOPE_HOST if kind == RTM_NEWADDR and LOOPBACK_V4.covers(held.address) else _SCOPE_UNIVERSE
    # The copy has no neighbour that may have it already, and IPv6 would ask for a second.
    quiet = 0 if is_v4(held.address) else _IFA_F_NODAD
    body = _IFADDR.pack(_family(held.address), prefixlen, quiet, scope, ifindex)
    # Without IFA_ADDRESS, the kernel would delete one with any prefix length (inet_rtm_deladdr()).
    body += attribute(_IFA_LOCAL, held.address) + attribute(_IFA_ADDRESS, held.address)
    return request(kind, NLM_F_ACK | flags, 0, body)


def _route(held: Held, kind: int, table: int, ifindex: int) -> bytes:
    prefix = held.prefix
    scope = SCOPE_HOST if kind == RTN_LOCAL and is_v4(prefix.address) else _SCOPE_NOWHERE
    number = table if table < 256 else 0
    body = _ROUTE.pack(_family(prefix.address), prefix.length, 0, 0, number, 0, scope, kind, 0)
    body += attribute(_RTA_DST, prefix.address) + attribute(_RTA_OIF, _U32.pack(ifindex))
    if table >= 256:
        body += attribute(_RTA_TABLE, _U32.pack(table))
    return request(RTM_DELROUTE, NLM_F_ACK, 0, body)


def _family(address: Address) -> int:
    return AF_INET if is_v4(address) else AF_INET6
