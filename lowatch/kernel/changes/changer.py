"""Reads and changes the addresses and routes of the current network namespace. For commands: it blocks.

The kernel answers a netlink request inside send() (kernel/request_socket.py), so nothing waits long. Only
IPv6's local routes come from a work queue.
"""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import count
from struct import Struct
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

from lowatch.core.addresses import Prefix, format_address, host_length, is_v4
from lowatch.core.changes.rows import AddressRow, ChangeError, KernelState, RouteRow
from lowatch.core.held import Held
from lowatch.core.limits.kernel import ROUTES_LISTED
from lowatch.core.limits.limit import Limit
from lowatch.core.plan import Step
from lowatch.kernel.request_socket import (
    NETLINK_ROUTE,
    SOL_NETLINK,
    Datagram,
    NetlinkError,
    RequestSocket,
    open_socket,
)
from lowatch.wire.netlink import (
    HEADER,
    NLMSG_ERROR,
    MalformedMessageError,
    error_code,
    only_message,
    request,
    walk_attributes,
)
from lowatch.wire.rtnetlink import (
    AF_INET,
    AF_INET6,
    RT_TABLE_LOCAL,
    RT_TABLE_MAIN,
    RTM_DELADDR,
    RTM_DELROUTE,
    RTM_NEWADDR,
    RTM_NEWROUTE,
    RTN_LOCAL,
    RTN_UNICAST,
    dump_addresses,
    dump_routes,
    text_of,
)

from .messages import address_body, address_row, route_body, route_row

Row = TypeVar("Row", AddressRow, RouteRow)
Place = Literal["append", "prepend", "replace"]

_NLM_F_ACK, _NLM_F_REPLACE, _NLM_F_EXCL, _NLM_F_CREATE, _NLM_F_APPEND = 0x4, 0x100, 0x200, 0x400, 0x800
_PLACES = {"append": _NLM_F_CREATE | _NLM_F_APPEND, "prepend": _NLM_F_CREATE, "replace": _NLM_F_REPLACE}
_NETLINK_CAP_ACK, _NETLINK_EXT_ACK = 10, 11
_NLMSGERR_ATTR_MSG = 1
_ERROR_HEADER = Struct("=i").size + HEADER.size
_REPLY_SIZE = 8192
_BROADCAST = 3  # RTN_BROADCAST
_PATIENCE, _RETRY = 5.0, 0.01
_KINDS = tuple(
    (family, kind, at_most)
    for family in (AF_INET, AF_INET6)
    for kind, at_most in ((RTN_LOCAL, None), (_BROADCAST, None), (RTN_UNICAST, ROUTES_LISTED))
)


class Changer:
    """A context: its sockets belong to the network namespace in which it is entered."""

    def __init__(self) -> None:
        self._reader = RequestSocket(NETLINK_ROUTE)
        self._rows: dict[bytes, Any] = {}
        self._names: dict[int, str] = {}
        self._sequence = count(1)

    def __enter__(self) -> Self:
        try:
            self._writer = open_socket(NETLINK_ROUTE)
        except NetlinkError as error:
            raise ChangeError(str(error)) from None
        for option in (_NETLINK_CAP_ACK, _NETLINK_EXT_ACK):
            with suppress(OSError):
                self._writer.setsockopt(SOL_NETLINK, option, 1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reader.close()
        self._writer.close()

    def state(self) -> KernelState:
        """All addresses, and the local, broadcast and unicast routes. Raises ChangeError."""
        names = dict(socket.if_nameindex())
        known, self._rows = (self._rows if names == self._names else {}), {}
        self._names = names

        def name_of(ifindex: int) -> str:
            return names.get(ifindex, f"interface {ifindex}")

        def rows(
            dump: bytes, kind: int, parse: Callable[..., Row], at_most: Limit | None = None
        ) -> Iterator[Row]:
            for datagram in self._dump(dump, at_most):
                for span in datagram.spans:
                    if span.type == kind:
                        data = datagram.data[span.start - HEADER.size : span.end]
                        key = data[HEADER.size :]
                        row = known.get(key)
                        self._rows[key] = row = parse(data, name_of) if row is None else row
                        yield row

        addresses = tuple(rows(dump_addresses(1), RTM_NEWADDR, address_row))
        routes = tuple(
            row
            for family, kind, at_most in _KINDS
            for row in rows(dump_routes(1, family, kind), RTM_NEWROUTE, route_row, at_most)
            if row.kind == kind  # before Linux 4.20 nothing is filtered
        )
        return KernelState(addresses, routes)

    def _dump(self, dump: bytes, at_most: Limit | None = None) -> list[Datagram]:
        try:
            datagrams = self._reader.dump(dump, at_most)
        except NetlinkError as error:
            raise ChangeError(f"addresses and routes cannot be listed: {error}") from None
        if any(datagram.interrupted for datagram in datagrams):
            raise ChangeError("addresses and routes cannot be listed: they keep changing")
        return datagrams

    def apply(self, step: Step, state: KernelState) -> AddressRow | RouteRow:
        """Carry out a step of a plan; what it added or deleted. Raises ChangeError.

        state: as it is now.
        """
        row = row_of(step, state)
        if isinstance(row, RouteRow):
            self.delete_route(row)
        elif step.do == "add":
            self.add_address(row)
        else:
            self.delete_address(row)
        return row

    def row_of(self, step: Step, state: KernelState) -> AddressRow | RouteRow:
        """What a step adds or deletes. Raises ChangeError if that is not there."""
        return row_of(step, state)

    def add_address(self, row: AddressRow) -> None:
        """Add it, and wait until it is local. Raises ChangeError."""
        body = address_body(row, _index(row.interface))
        self._ask(RTM_NEWADDR, _NLM_F_CREATE | _NLM_F_EXCL, body, f"adding {row}")
        if not is_v4(row.address):
            self._await_local(row)

    def delete_address(self, row: AddressRow) -> None:
        """Raises ChangeError."""
        self._ask(RTM_DELADDR, 0, address_body(row, _index(row.interface)), f"deleting {row}")

    def add_route(self, row: RouteRow, place: Place = "append") -> None:
        """Add it after or before those like it (IPv6: always after), or replace the only one like it.

        Raises ChangeError.
        """
        body = route_body(row, _index(row.interface))
        self._ask(RTM_NEWROUTE, _PLACES[place], body, f"adding the route {row}")

    def delete_route(self, row: RouteRow) -> None:
        """Raises ChangeError."""
        body = route_body(row, _index(row.interface))
        self._ask(RTM_DELROUTE, 0, body, f"deleting the route {row}")

    def _await_local(self, row: AddressRow) -> None:
        """Wait for the local route of an IPv6 address, which comes from a work queue."""
        deadline = time.monotonic() + _PATIENCE
        prefix = Prefix(row.address, host_length(row.address))
        while time.monotonic() < deadline:
            if any(
                one[:2] == (row.interface, prefix) and one.kind == RTN_LOCAL and one.by_kernel
                for one in self.state().routes
            ):
                return
            time.sleep(_RETRY)
        raise ChangeError(f"adding {row}: it did not become local within {_PATIENCE:g} s")

    def _ask(self, kind: int, flags: int, body: bytes, what: str) -> None:
        sequence = next(self._sequence)
        try:
            self._writer.send(request(kind, flags | _NLM_F_ACK, sequence, body))
            reply = self._writer.recv(_REPLY_SIZE)
            code, said = _outcome(reply, sequence)
        except (OSError, MalformedMessageError) as error:
            raise ChangeError(f"{what}: {getattr(error, 'strerror', None) or error}") from None
        if code:
            raise ChangeError(f"{what}: {os.strerror(code)}{said}", code)


def row_of(step: Step, state: KernelState) -> AddressRow | RouteRow:
    """What a step adds or deletes. Raises ChangeError if that is not there."""
    if step.do == "add":
        return host_row(step.held)
    if step.do == "remove" and step.held.by == "address":
        return address_of(step.held, state.addresses)
    return route_of(step, state.routes)


def host_row(held: Held) -> AddressRow:
    """The address as `ip address add` adds it with a host prefix."""
    return AddressRow(held.interface, held.address, host_length(held.address))


def address_of(held: Held, rows: Iterable[AddressRow]) -> AddressRow:
    """The row of a held address. Raises ChangeError if it is not there any more."""
    for row in rows:
        if (row.interface, row.address, row.prefixlen) == (
            held.interface,
            held.address,
            held.prefixlen,
        ) and (row.peer == held.peer):
            return row
    where = f"{format_address(held.address)}/{held.prefixlen} dev {held.interface}"
    raise ChangeError(f"deleting {where}: it is not there any more", errno.EADDRNOTAVAIL)


def route_of(step: Step, rows: Iterable[RouteRow]) -> RouteRow:
    """The row of the route that a step deletes. Raises ChangeError if there is none."""
    held = step.held
    kind, table = (
        (RTN_LOCAL, held.table or RT_TABLE_LOCAL) if step.do == "remove" else (RTN_UNICAST, RT_TABLE_MAIN)
    )
    found = [
        row
        for row in rows
        if (row.kind, row.table, row.prefix, row.interface) == (kind, table, held.prefix, held.interface)
    ]
    # The kernel's own local route goes together with its address; an IPv6 prefix route is the kernel's own.
    found.sort(key=lambda row: row.by_kernel is (step.do == "remove"))
    if not found:
        where = f"{held.prefix} dev {held.interface} table {table}"
        raise ChangeError(f"deleting the route {where}: it is not there any more", errno.ESRCH)
    return found[0]


def _index(interface: str) -> int:
    try:
        return socket.if_nametoindex(interface)
    except OSError:
        raise ChangeError(f"there is no interface {interface}", errno.ENODEV) from None


def _outcome(reply: bytes, sequence: int) -> tuple[int, str]:
    """The errno, and what the kernel says beyond it. Raises MalformedMessageError."""
    span = only_message(reply)
    if span.type != NLMSG_ERROR or span.sequence != sequence:
        raise MalformedMessageError("the kernel's reply came out of step")
    code = error_code(reply, span)
    if not code:
        return 0, ""
    found = walk_attributes(reply, span.start + _ERROR_HEADER, span.end)
    said = found.get(_NLMSGERR_ATTR_MSG)
    return code, f" ({text_of(reply[slice(*said)])})" if said else ""
