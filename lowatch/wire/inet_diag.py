"""inet_diag: which socket would serve an endpoint, and which sockets were destroyed (linux/inet_diag.h)."""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from lowatch.core.addresses import V4_LENGTH, V6_LENGTH, Address, Port

from .netlink import (
    HEADER,
    NLM_F_DUMP,
    NLM_F_REQUEST,
    MalformedMessageError,
    ShapeReader,
    request,
)
from .rtnetlink import AF_INET, AF_INET6

SOCK_DIAG_BY_FAMILY = 20
IPPROTO_TCP, IPPROTO_UDP = 6, 17
TCP_CLOSE, TCP_LISTEN = 7, 10
_TCP_TIME_WAIT = 6
_ALL_STATES = 0xFFF << 1  # TCP_ESTABLISHED (1) to TCP_NEW_SYN_RECV (12): include/net/tcp_states.h

# Multicast groups (enum sknetlink_groups): a socket was destroyed, of TCP or UDP by IPv4, or by IPv6.
DESTROY_GROUPS = (1, 2, 3, 4)
# Offsets of inet_diag_msg's fields from the start of the datagram, for socket filters.
OFFSET_SPORT, OFFSET_DPORT, OFFSET_DST = 20, 22, 40

_REQUEST = Struct("=BBBBI")
_ID_PORTS = Struct("!HH16s16s")
_ID = Struct("!HH16s")
_ID_REST = Struct("=III")
_MESSAGE = Struct("=BBxx")
_COUNTERS = Struct("=I8x4xIIII")  # interface, (cookie, expires), rqueue, wqueue, uid, inode
_HEADER_SIZE = 72
_NO_COOKIE = 0xFFFFFFFF
_INET_DIAG_SKV6ONLY, _INET_DIAG_CGROUP_ID = 11, 21
_CGROUP_ID = Struct("=Q")

_PROTOCOLS = {"tcp": IPPROTO_TCP, "udp": IPPROTO_UDP}


class SocketMessage(NamedTuple):
    """One socket.

    address, port: what it is bound to; zeros mean a wildcard. peer_port: 0 if unconnected.
    interface: the index given to SO_BINDTODEVICE, or 0. queued, backlog: length and limit of a
    listener's accept queue. cgroup: the inode number of its cgroup2 directory, or None if the kernel did
    not report it. v6only: whether an IPv6 wildcard accepts no IPv4.
    """

    family: int
    state: int
    address: Address
    port: int
    peer_port: int
    interface: int
    queued: int
    backlog: int
    uid: int
    inode: int
    cgroup: int | None
    v6only: bool = False

    @property
    def serves(self) -> bool:
        """Whether clients can reach it: a TCP listener, or a bound UDP socket without a peer."""
        return self.state == TCP_LISTEN or (self.state == TCP_CLOSE and self.port != 0)


def parse_socket(data: bytes, start: int, end: int) -> SocketMessage:
    """Raises MalformedMessageError."""
    if end - start < _HEADER_SIZE:
        raise MalformedMessageError(f"{end - start} octets where {_HEADER_SIZE} are needed")
    family, state = _MESSAGE.unpack_from(data, start)
    port, peer_port, source = _ID.unpack_from(data, start + 4)
    interface, queued, backlog, uid, inode = _COUNTERS.unpack_from(data, start + 40)
    (cgroup, v6only), _ = _extras.read(data, start + _HEADER_SIZE, end)
    return SocketMessage(
        family,
        state,
        Address(source[:V4_LENGTH] if family == AF_INET else source),
        port,
        peer_port,
        interface,
        queued,
        backlog,
        uid,
        inode,
        cgroup,
        v6only,
    )


def _describe_extras(_: bytes, found: dict[int, bytes]) -> tuple[int | None, bool]:
    payload = found.get(_INET_DIAG_CGROUP_ID, b"")
    cgroup = _CGROUP_ID.unpack(payload)[0] if len(payload) == _CGROUP_ID.size else None
    return cgroup, any(found.get(_INET_DIAG_SKV6ONLY, b"")[:1])


_extras = ShapeReader(0, (), _describe_extras)


def find_listener(sequence: int, address: Address, port: Port, interface: int) -> bytes:
    """The exact lookup: which socket would get a packet to address:port that arrives on `interface`.

    The kernel's own demultiplexer answers; ENOENT means that there is no such socket. The endpoint is the
    source in a TCP request and the destination in a UDP one, because udp_dump_one() swaps them.
    """
    if port.protocol == "tcp":
        ports = _ID_PORTS.pack(port.number, 0, address, b"")
    else:
        ports = _ID_PORTS.pack(0, port.number, b"", address)
    head = _FIND_HEAD[len(address), port.protocol]
    header = HEADER.pack(_FIND_SIZE, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, sequence, 0)
    return header + head + ports + _ID_REST.pack(interface, _NO_COOKIE, _NO_COOKIE)


_FIND_SIZE = HEADER.size + _REQUEST.size + _ID_PORTS.size + _ID_REST.size
_FIND_HEAD = {
    (length, name): _REQUEST.pack(family, protocol, 0, 0, 0xFFFFFFFF)
    for length, family in ((V4_LENGTH, AF_INET), (V6_LENGTH, AF_INET6))
    for name, protocol in _PROTOCOLS.items()
}


def dump_bound(sequence: int, family: int, protocol: str) -> bytes:
    """A dump of all sockets with a local address, connected ones too, except those in TIME-WAIT."""
    return _dump(sequence, family, protocol, _ALL_STATES & ~(1 << _TCP_TIME_WAIT))


def dump_nothing(sequence: int, protocol: str) -> bytes:
    """A dump that matches no socket: it fails only if the kernel has no handler for the protocol."""
    return _dump(sequence, AF_INET, protocol, 0)


def _dump(sequence: int, family: int, protocol: str, states: int) -> bytes:
    body = _REQUEST.pack(family, _PROTOCOLS[protocol], 0, 0, states) + bytes(48)
    return request(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, sequence, body)
