"""Endpoints, and the sockets that serve them."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple, Protocol

from .addresses import Address, Port
from .known import Unknown


class Endpoint(NamedTuple):
    """An address and port that a client connects to."""

    address: Address
    port: Port


class Listener(NamedTuple):
    """The socket that the kernel's demultiplexer selects for an endpoint.

    address: what it is bound to; all zeros for a wildcard.
    inode, uid: from inet_diag's fixed header. uid is None for a socket of another user namespace.
    unit: the systemd unit that its cgroup belongs to, or None if unknown.
    queued, backlog: connections that wait to be accepted, and the limit of the accept queue (TCP only).
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
        """For example "uid 33"."""
        return "another user" if self.uid is None else f"uid {self.uid}"

    @property
    def accept_queue_full(self) -> bool:
        """Whether more connections wait than the limit (sk_acceptq_is_full() in include/net/sock.h)."""
        return self.protocol == "tcp" and self.queued > self.backlog


class Sockets(NamedTuple):
    """The sockets of a host, and the IPVS virtual services, which need none.

    bound: every address that a socket is bound to, connected sockets included.
    wildcards: family ("ipv4", "ipv6") and port of each socket that serves all addresses.
    virtual: every address of an IPVS virtual service. marked: whether IPVS also has a virtual service for
    packets with a firewall mark, whatever their address.
    """

    bound: frozenset[Address] = frozenset()
    wildcards: frozenset[tuple[str, Port]] = frozenset()
    virtual: frozenset[Address] = frozenset()
    marked: bool = False

    def union(self, other: Sockets) -> Sockets:
        return Sockets(
            self.bound | other.bound,
            self.wildcards | other.wildcards,
            self.virtual | other.virtual,
            self.marked or other.marked,
        )


MARKED = "IPVS has a virtual service for a firewall mark, which any address may get"
"""Why an address may be in use if Sockets.marked."""


class Connect(StrEnum):
    """The result of the confirming connect: a TCP connect(), or an empty UDP datagram.

    Where a listener is there, of a half-open connect: ACCEPTED means that it answers.

    Only a refusal means that nothing serves here. Silence has other explanations: a firewall, a slow
    server, or a server behind NAT that does not answer an empty datagram.
    """

    ACCEPTED = "accepted"
    REFUSED = "refused"
    TIMED_OUT = "timed out"
    PENDING = "no answer yet"


ConnectOutcome = Connect | Unknown
"""The outcome of a connect."""


class LateAnswers(Protocol):
    """Receives the outcomes of connects that were PENDING, timeouts included."""

    def connect_answered(self, endpoint: Endpoint, outcome: ConnectOutcome) -> None: ...


SILENT = frozenset({Connect.TIMED_OUT, Connect.PENDING})
