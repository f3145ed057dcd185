"""Which socket serves an endpoint, according to the kernel's own lookup."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from lowatch.core.addresses import Address, Port, destination, is_v4, unmapped
from lowatch.core.known import Known, Unknown
from lowatch.core.listeners import Endpoint, Listener, Sockets
from lowatch.core.values import new
from lowatch.wire.inet_diag import (
    SOCK_DIAG_BY_FAMILY,
    FoundSocket,
    LookupReader,
    SocketMessage,
    dump_bound,
    dump_listeners,
    dump_nothing,
    find_listener,
    parse_bound,
)
from lowatch.wire.netlink import NLMSG_ERROR, MalformedMessageError, error_code, only_message
from lowatch.wire.netlink_reader import decode_socket
from lowatch.wire.rtnetlink import AF_INET, AF_INET6

from .cgroups import CgroupUnits
from .dumped_rows import sockets_in
from .input_devices import InputDevices
from .ipvs import virtual_services
from .request_cache import RequestCache
from .request_socket import NetlinkError, RequestSocket, unknown

_OVERFLOW_UID = 65534
"""How a uid without a mapping appears (user_namespaces(7)). The unit cannot read overflowuid in /proc."""
_ALL_UIDS = 2**32 - 1


class _Listed(NamedTuple):
    """Where the sockets of a family and protocol are bound, as a dump with this data has it."""

    data: list[bytes]
    bound: frozenset[Address]
    wildcards: frozenset[tuple[str, Port]]


class Listeners:
    """SOCK_DIAG_BY_FAMILY without NLM_F_DUMP: the exact lookup. Works without any privilege."""

    def __init__(self, diag: RequestSocket, units: CgroupUnits, input_devices: InputDevices) -> None:
        self._diag = diag
        self._units = units
        self._input_devices = input_devices
        self._foreign_uid = foreign_uid()
        self._handled: set[str] = set()
        self._last_listed: dict[tuple[int, str], _Listed] = {}
        self._replies = LookupReader(decode_socket)
        self._devices_generation = input_devices.generation
        self._asked: RequestCache[Endpoint, Listener | Unknown | None] = RequestCache(
            diag,
            self._lookup,
            self._listener,
            lambda error: unknown(error, "sock_diag"),
            self._listeners_alike,
        )

    def ask(self, endpoints: Sequence[Endpoint]) -> list[Listener | Unknown | None]:
        """One answer for each endpoint, in order; None for ENOENT: no socket would get the connection.

        Never raises: a failure is an Unknown.
        """
        if self._units.retry_due() or self._devices_generation != self._input_devices.generation:
            self._devices_generation = self._input_devices.generation
            self._asked.forget()
        return self._asked.ask(endpoints)

    def sockets(self) -> Known[Sockets] | Unknown:
        """Where TCP and UDP sockets are bound, connected ones too; and where IPVS serves without one.

        From a dump, which may miss a socket under churn: good for narrowing down, but not for an alert.
        """
        found = []
        for protocol in ("tcp", "udp"):
            try:
                found += [self._listed(family, protocol) for family in (AF_INET, AF_INET6)]
            except (NetlinkError, MalformedMessageError) as error:
                return Unknown("sock_diag", f"the kernel cannot list {_with_module(protocol)}: {error}")
        services = virtual_services()
        if isinstance(services, Unknown):
            return services
        bound = frozenset[Address]().union(*(one.bound for one in found))
        wildcards = frozenset[tuple[str, Port]]().union(*(one.wildcards for one in found))
        return Known(Sockets(bound, wildcards, services.addresses, services.marked))

    def full_beside(self, listener: Listener, number: int) -> Listener | Unknown | None:
        """The member of a TCP listener's REUSEPORT group that has a full accept queue; None if none has.

        number: the port. The kernel chooses a member for each connect by the client's port.
        """
        families = (AF_INET, AF_INET6) if is_v4(listener.address) else (AF_INET6,)
        dumps = (dump_listeners(0, family, listener.address, number) for family in families)
        try:
            found = [row for dump in dumps for row in sockets_in(self._diag.dump(dump))]
        except (NetlinkError, MalformedMessageError) as error:
            return Unknown("sock_diag", f"the kernel cannot list {_with_module('tcp')}: {error}")
        group = {_group(row) for row in found if row.inode == listener.inode}
        full = next((row for row in found if row.queued > row.backlog and _group(row) in group), None)
        if full is None:
            return None
        where = Endpoint(listener.address, Port(number, "tcp"))
        return self._as_listeners([where], full, [(0, full.address, full.inode, full.cgroup)])[0]

    def _listed(self, family: int, protocol: str) -> _Listed:
        """Where a protocol's sockets are bound. A dump like the last one is not read again.

        Raises NetlinkError, MalformedMessageError.
        """
        datagrams = self._diag.dump(dump_bound(0, family, protocol))
        data = [datagram.data for datagram in datagrams]
        known = self._last_listed.get((family, protocol))
        if known is not None and known.data == data:
            return known
        bound: set[Address] = set()
        wildcards: set[tuple[str, Port]] = set()
        for datagram in datagrams:
            for span in datagram.spans:
                if span.type != SOCK_DIAG_BY_FAMILY:  # the last message is NLMSG_DONE
                    continue
                address = unmapped(parse_bound(datagram.data, span.start, span.end))
                if any(address):
                    bound.add(address)
                    continue
                socket = decode_socket(datagram.data, span.start, span.end)
                if socket.serves:
                    port = Port(socket.port, protocol)
                    wildcards.update((name, port) for name in _families(address, socket))
        listed = self._last_listed[family, protocol] = _Listed(data, frozenset(bound), frozenset(wildcards))
        return listed

    def _refusal(self, code: int, protocol: str) -> Unknown | None:
        """ENOENT means "no such socket", or "no handler for this protocol" if a module is not loaded.

        A dump distinguishes them, because it fails only without a handler. It is made once.
        """
        if code != errno.ENOENT:
            return Unknown("sock_diag", os.strerror(code))
        if protocol not in self._handled:
            try:
                self._diag.dump(dump_nothing(0, protocol))
            except NetlinkError as error:
                return Unknown("sock_diag", f"the kernel cannot look up {_with_module(protocol)}: {error}")
            self._handled.add(protocol)
        return None

    def _lookup(self, sequence: int, endpoint: Endpoint) -> bytes:
        address, port = endpoint
        return find_listener(sequence, destination(address), port, self._input_devices.device(endpoint))

    def _listener(self, sequence: int, endpoint: Endpoint, reply: bytes) -> Listener | Unknown | None:
        try:
            read = self._replies.read(reply)
            if read is None:
                return self._no_socket(sequence, endpoint, reply)
        except MalformedMessageError as error:
            return Unknown("sock_diag", f"unreadable reply: {error}")
        alike, socket = read
        return self._as_listeners([endpoint], alike, [socket])[0] if socket[0] == sequence else _ANOTHERS

    def _listeners_alike(
        self, endpoints: Sequence[Endpoint], replies: Sequence[bytes]
    ) -> list[Listener | Unknown | None] | None:
        """The listeners of one daemon: their replies differ in little. None if these differ in more."""
        read = self._replies.read_alike(replies)
        return None if read is None else [*self._as_listeners(endpoints, *read)]

    def _as_listeners(
        self, endpoints: Sequence[Endpoint], alike: SocketMessage, sockets: Sequence[FoundSocket]
    ) -> list[Listener]:
        """The listener of each endpoint. alike: what their sockets have in common."""
        uid = None if alike.uid == self._foreign_uid else alike.uid
        queued, backlog, unit = alike.queued, alike.backlog, self._units.unit
        return [
            new(
                Listener,
                (unmapped(address), inode, uid, unit(cgroup), queued, backlog, endpoint.port.protocol),
            )
            for endpoint, (_, address, inode, cgroup) in zip(endpoints, sockets, strict=True)
        ]

    def _no_socket(self, sequence: int, endpoint: Endpoint, reply: bytes) -> Unknown | None:
        """What a reply without a socket means. Raises MalformedMessageError."""
        span = only_message(reply)
        if span.sequence != sequence:
            return _ANOTHERS
        if span.type == NLMSG_ERROR:
            return self._refusal(error_code(reply, span), endpoint.port.protocol)
        return Unknown("sock_diag", "a reply that is not a socket")


_ANOTHERS = Unknown("sock_diag", "a reply to another request")


def _with_module(protocol: str) -> str:
    """The sockets of a protocol, and the module that an administrator may have to load."""
    return f"{protocol} sockets (module {protocol}_diag)"


def _group(listening: SocketMessage) -> tuple[object, ...]:
    """The same for two listeners on one address and port if they are in one REUSEPORT group.

    (inet_reuseport_add_sock(), net/ipv4/inet_connection_sock.c)
    """
    return listening.family, listening.v6only, listening.interface, listening.uid


def _families(wildcard: Address, found: SocketMessage) -> tuple[str, ...]:
    """The families that a socket bound to the wildcard serves."""
    if is_v4(wildcard):
        return ("ipv4",)
    return ("ipv6",) if found.v6only else ("ipv4", "ipv6")


def foreign_uid(uid_map: Path = Path("/proc/self/uid_map")) -> int | None:
    """The uid that stands for every uid that is not mapped into our user namespace; None if all are.

    The unit has a user namespace: PrivateUsers=.
    """
    try:
        mapped = sum(int(line.split()[2]) for line in uid_map.read_text("ascii").splitlines())
    except (OSError, ValueError, IndexError):
        return None
    return _OVERFLOW_UID if mapped < _ALL_UIDS else None
