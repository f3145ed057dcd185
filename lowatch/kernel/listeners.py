"""Which socket serves an endpoint, according to the kernel's own lookup."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from lowatch.core.addresses import Address, Port, destination, is_v4, unmapped
from lowatch.core.known import Known, Unknown
from lowatch.core.listeners import Endpoint, Listener, Sockets
from lowatch.wire.inet_diag import (
    SOCK_DIAG_BY_FAMILY,
    SocketMessage,
    dump_bound,
    dump_nothing,
    find_listener,
    parse_socket,
)
from lowatch.wire.netlink import NLMSG_ERROR, MalformedMessageError, error_code, only_message
from lowatch.wire.rtnetlink import AF_INET, AF_INET6

from .cgroups import CgroupUnits
from .input_devices import InputDevices
from .ipvs import virtual_services
from .request_cache import RequestCache
from .request_socket import NetlinkError, RequestSocket, unknown

_OVERFLOW_UID = 65534
"""How a uid without a mapping appears (user_namespaces(7)). The unit cannot read overflowuid in /proc."""
_ALL_UIDS = 2**32 - 1


class Listeners:
    """SOCK_DIAG_BY_FAMILY without NLM_F_DUMP: the exact lookup. Works without any privilege."""

    def __init__(self, diag: RequestSocket, units: CgroupUnits, input_devices: InputDevices) -> None:
        self._diag = diag
        self._units = units
        self._input_devices = input_devices
        self._foreign_uid = foreign_uid()
        self._handled: set[str] = set()
        self._devices_generation = input_devices.generation
        self._asked: RequestCache[Endpoint, Listener | Unknown | None] = RequestCache(
            diag, self._lookup, self._listener, lambda error: unknown(error, "sock_diag")
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
        bound: set[Address] = set()
        wildcards: set[tuple[str, Port]] = set()
        for protocol in ("tcp", "udp"):
            try:
                self._list(protocol, bound, wildcards)
            except (NetlinkError, MalformedMessageError) as error:
                return Unknown("sock_diag", f"the kernel cannot list {_with_module(protocol)}: {error}")
        services = virtual_services()
        if isinstance(services, Unknown):
            return services
        return Known(Sockets(frozenset(bound), frozenset(wildcards), services.addresses, services.marked))

    def _list(self, protocol: str, bound: set[Address], wildcards: set[tuple[str, Port]]) -> None:
        """Add where a protocol's sockets are bound. Raises NetlinkError, MalformedMessageError."""
        for family in (AF_INET, AF_INET6):
            for found in self._dumped(family, protocol):
                address = unmapped(found.address)
                if any(address):
                    bound.add(address)
                elif found.serves:
                    port = Port(found.port, protocol)
                    wildcards.update((name, port) for name in _families(address, found))

    def _dumped(self, family: int, protocol: str) -> Iterator[SocketMessage]:
        for data, messages, _ in self._diag.dump(dump_bound(0, family, protocol)):
            for span in messages:
                if span.type == SOCK_DIAG_BY_FAMILY:  # the last message is NLMSG_DONE
                    yield parse_socket(data, span.start, span.end)

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
            kind, _, replied, start, end = span = only_message(reply)
            if replied != sequence:
                return Unknown("sock_diag", "a reply to another request")
            if kind == NLMSG_ERROR:
                return self._refusal(error_code(reply, span), endpoint.port.protocol)
            if kind != SOCK_DIAG_BY_FAMILY:
                return Unknown("sock_diag", "a reply that is not a socket")
            found = parse_socket(reply, start, end)
        except MalformedMessageError as error:
            return Unknown("sock_diag", f"unreadable reply: {error}")
        return Listener(
            unmapped(found.address),
            found.inode,
            None if found.uid == self._foreign_uid else found.uid,
            self._units.unit(found.cgroup),
            found.queued,
            found.backlog,
            endpoint.port.protocol,
        )


def _with_module(protocol: str) -> str:
    """The sockets of a protocol, and the module that an administrator may have to load."""
    return f"{protocol} sockets (module {protocol}_diag)"


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
