"""Sockets that serve, and the endpoints they are asked about."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from .addresses import Address, Port


class Endpoint(NamedTuple):
    """Where a client on this host would connect to."""

    address: Address
    port: Port


class Listener(NamedTuple):
    """The socket that the kernel's own demultiplexer picks for an endpoint.

    address: what it is bound to; all zeros for a wildcard.
    inode, uid: of the socket, from inet_diag's fixed header. uid: None for one of another user namespace.
    unit: the systemd unit its cgroup belongs to, or None where that is not known.
    queued, backlog: connections waiting to be accepted, and the limit of the accept queue (tcp).
    """

    address: Address
    inode: int
    uid: int | None
    unit: str | None = None
    queued: int = 0
    backlog: int = 0
    protocol: str = "tcp"

    @property
    def owner(self) -> str:
        """As in "uid 33"."""
        return "another user" if self.uid is None else f"uid {self.uid}"

    @property
    def accept_queue_full(self) -> bool:
        """As sk_acceptq_is_full() has it (include/net/sock.h): more queued than the limit."""
        return self.protocol == "tcp" and self.queued > self.backlog


class Sockets(NamedTuple):
    """bound: every address that some socket is bound to, connected ones included.

    wildcards: the port of each socket that is bound to no address and serves them all, by family ("ipv4",
    "ipv6").
    """

    bound: frozenset[Address] = frozenset()
    wildcards: frozenset[tuple[str, Port]] = frozenset()

    def with_those_of(self, other: Sockets) -> Sockets:
        return Sockets(self.bound | other.bound, self.wildcards | other.wildcards)


class Connect(StrEnum):
    """What the confirming connect met: a TCP connect(), or an empty UDP datagram.

    Only a refusal means that nobody serves here. Silence may be a firewall's, or that of somebody slow, or
    of one who is reached by NAT and answers no empty datagram.
    """

    ACCEPTED = "accepted"
    REFUSED = "refused"
    TIMED_OUT = "timed out"
    PENDING = "no answer yet"


SILENT = frozenset({Connect.TIMED_OUT, Connect.PENDING})
