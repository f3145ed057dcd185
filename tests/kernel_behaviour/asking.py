"""Asking the running kernel, and hearing it: raw netlink sockets, read with lowatch's own parsers.

(Those are checked against pyroute2's reading of the same bytes in tests/wire/.)
"""

from __future__ import annotations

import errno
import os
import select
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import NamedTuple

from lowatch.core.addresses import parse_address, parse_port
from lowatch.kernel.filters import attach
from lowatch.wire import inet_diag, rtnetlink
from lowatch.wire.netlink import NLMSG_ERROR, Span, error_code, only_message, spans
from tests.support.netns import Netns
from tests.support.waiting import eventually

NETLINK_ROUTE, NETLINK_SOCK_DIAG = 0, 4
SOL_NETLINK, NETLINK_ADD_MEMBERSHIP = 270, 1
LO = 1
"""lo is the first device of every namespace."""


class KernelError(OSError):
    """An errno instead of an answer."""


def ask(protocol: int, request: bytes) -> tuple[bytes, Span]:
    """One request, one reply. Raises KernelError."""
    with closing(netlink_socket(protocol)) as sock:
        sock.send(request)
        reply = sock.recv(8192)
    span = only_message(reply)
    if span.type == NLMSG_ERROR:
        code = error_code(reply, span)
        raise KernelError(code, os.strerror(code))
    return reply, span


def netlink_socket(protocol: int, *groups: int, program: bytes = b"") -> socket.socket:
    """program: a socket filter, there before the first event is."""
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol)
    sock.bind((0, 0))
    sock.settimeout(5)
    if program:
        attach(sock, program)
    for group in groups:
        sock.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group)
    return sock


def route_to(address: str) -> rtnetlink.RouteShape:
    """RTM_GETROUTE with RTM_F_FIB_MATCH. Raises KernelError."""
    reply, span = ask(NETLINK_ROUTE, rtnetlink.get_route(0, parse_address(address)))
    route = rtnetlink.parse_route(reply, span.start, span.end)
    assert route is not None
    return route.shape


def is_local(address: str) -> bool:
    try:
        return route_to(address).type == rtnetlink.RTN_LOCAL
    except KernelError:
        return False


def settle(netns: Netns) -> None:
    """Wait for IPv6's local routes: they come when the kernel's work queue has seen to an address."""

    def settled() -> bool:
        listed = netns.ip("-6 addr show").split()
        addresses = [listed[i + 1].split("/")[0] for i, word in enumerate(listed) if word == "inet6"]
        return "tentative" not in listed and all(map(is_local, addresses))

    eventually(settled)


def lookup(address: str, port: str, interface: int = LO) -> inet_diag.SocketMessage | None:
    """The exact lookup; None for ENOENT."""
    question = inet_diag.find_listener(0, parse_address(address), parse_port(port), interface)
    try:
        reply, span = ask(NETLINK_SOCK_DIAG, question)
    except KernelError as error:
        if error.errno == errno.ENOENT:
            return None
        raise
    return inet_diag.parse_socket(reply, span.start, span.end)


def inode(sock: socket.socket) -> int:
    return os.fstat(sock.fileno()).st_ino


def connects(address: str, port: int = 80, timeout: float = 5.0) -> bool:
    """Whether a connect() is accepted. Raises TimeoutError, or OSError but for a refusal."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as client:
        client.settimeout(timeout)
        try:
            client.connect((address, port))
        except ConnectionRefusedError:
            return False
        return True


class Event(NamedTuple):
    """data[start:end] is the message's body. sequence and pid: as the netlink header has them."""

    type: int
    data: bytes
    start: int
    end: int
    sequence: int
    pid: int


class Ear:
    """A subscribed socket."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock

    def until(self, is_last: Callable[[Event], bool]) -> list[Event]:
        """Everything heard up to the event that is waited for, and that one. Never waits in vain."""
        heard: list[Event] = []
        while not heard or not is_last(heard[-1]):
            heard += self._receive()
        return heard

    def so_far(self) -> list[Event]:
        """What has come; of a change that is over, everything."""
        heard: list[Event] = []
        while select.select([self.socket], [], [], 0)[0]:
            heard += self._receive()
        return heard

    def _receive(self) -> list[Event]:
        data = self.socket.recv(1 << 16)
        return [
            Event(span.type, data, span.start, span.end, span.sequence, _pid(data, span))
            for span in spans(data)
        ]


def _pid(data: bytes, span: Span) -> int:
    return int.from_bytes(data[span.start - 4 : span.start], "little")


@contextmanager
def hearing(protocol: int, *groups: int, program: bytes = b"") -> Iterator[Ear]:
    with closing(netlink_socket(protocol, *groups, program=program)) as sock:
        yield Ear(sock)


def address_in(event: Event) -> str:
    """Of an address event."""
    message = rtnetlink.parse_address(event.data, event.start, event.end)
    assert message is not None
    return socket.inet_ntop(socket.AF_INET if len(message.local) == 4 else socket.AF_INET6, message.local)
