"""inet_diag: which socket would serve an endpoint, and which sockets were destroyed (linux/inet_diag.h)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from struct import Struct
from typing import Any, NamedTuple

from lowatch.core.addresses import V4_LENGTH, V6_LENGTH, Address, Port

from .netlink import (
    HEADER,
    NLM_F_DUMP,
    MalformedMessageError,
    ShapeReader,
    attribute,
    request,
)
from .reply_reader import ReplyReader
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

_PEER = OFFSET_DST - 16  # the same from the start of the message
_REQUEST = Struct("=BBBBI")
_ID_PORTS = Struct("!HH16s16s")
_ID = Struct("!HH16s")
_ID_REST = Struct("=III")
_MESSAGE = Struct("=BBxx")
_COUNTERS = Struct("=I8x4xIIII")  # interface, (cookie, expires), rqueue, wqueue, uid, inode
_HEADER_SIZE = 72
_NO_COOKIE = 0xFFFFFFFF
_INET_DIAG_REQ_BYTECODE, _INET_DIAG_BC_S_COND = 1, 7
_OPERATION = Struct("=BBH")  # struct inet_diag_bc_op: code, where to go if it matches, where if not
_HOST_CONDITION = Struct("=BBxxi")  # struct inet_diag_hostcond, before its address
_INET_DIAG_SKV6ONLY, _INET_DIAG_CGROUP_ID = 11, 21
_CGROUP_ID, _SEQUENCE = Struct("=Q"), Struct("=I")

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


def parse_bound(data: bytes, start: int, end: int) -> Address:
    """The address alone that a socket is bound to. Raises MalformedMessageError."""
    if end - start < _HEADER_SIZE:
        raise MalformedMessageError(f"{end - start} octets where {_HEADER_SIZE} are needed")
    size = V4_LENGTH if data[start] == AF_INET else V6_LENGTH
    return Address(data[start + 8 : start + 8 + size])


def _describe_extras(_: bytes, found: dict[int, bytes], _sizes: dict[int, int]) -> tuple[int | None, bool]:
    payload = found.get(_INET_DIAG_CGROUP_ID, b"")
    cgroup = _CGROUP_ID.unpack(payload)[0] if len(payload) == _CGROUP_ID.size else None
    return cgroup, any(found.get(_INET_DIAG_SKV6ONLY, b"")[:1])


_extras = ShapeReader(0, (), _describe_extras)


FoundSocket = tuple[int, Address, int, int | None]
"""What the reply to an exact lookup says of one socket only: its sequence number, the socket's address (of
16 octets, or 4 for IPv4), inode and cgroup."""


class LookupReader:
    """Reads the replies to exact lookups. Those of the listeners of one daemon are mostly equal."""

    def __init__(self, read: Callable[[bytes, int, int], SocketMessage]) -> None:
        """read: decodes a message in full."""
        start = HEADER.size
        fields = ((start + 8, "16s"), (start + 44, "8s"), (start + 68, "I"))  # source, cookie, inode
        self._replies = ReplyReader(
            SOCK_DIAG_BY_FAMILY, _HEADER_SIZE, fields, (_INET_DIAG_CGROUP_ID,), read
        )

    def read(self, reply: bytes) -> tuple[SocketMessage, FoundSocket] | None:
        """A socket that is equal but for what FoundSocket has, and that.

        None if it is not one socket. Raises MalformedMessageError.
        """
        found = self._replies.read(reply)
        if found is None:
            return None
        alike, cut = found
        return alike, _found(alike, [cut])[0]

    def read_alike(self, replies: Sequence[bytes]) -> tuple[SocketMessage, list[FoundSocket]] | None:
        """The same of replies that are numbered from 0, if they differ in a FoundSocket only; else None."""
        found = self._replies.read_alike(replies)
        if found is None:
            return None
        alike, cuts = found
        return alike, _found(alike, cuts)


def _found(alike: SocketMessage, cuts: Iterable[tuple[Any, ...]]) -> list[FoundSocket]:
    """What is cut out of replies that are equal apart from that."""
    size = V4_LENGTH if alike.family == AF_INET else V6_LENGTH
    if alike.cgroup is None:
        return [(cut[0], cut[1][:size], cut[3], None) for cut in cuts]
    return [(cut[0], cut[1][:size], cut[3], _CGROUP_ID.unpack(cut[4])[0]) for cut in cuts]


def find_listener(sequence: int, address: Address, port: Port, interface: int) -> bytes:
    """The exact lookup: which socket would get a packet to address:port that arrives on `interface`.

    The kernel's own demultiplexer answers; ENOENT means that there is no such socket. The endpoint is the
    source in a TCP request and the destination in a UDP one, because udp_dump_one() swaps them.
    """
    before, between, behind = _lookup_around(len(address), port, interface)
    return before + _SEQUENCE.pack(sequence) + between + address + behind


@lru_cache(maxsize=256)
def _lookup_around(length: int, port: Port, interface: int) -> tuple[bytes, bytes, bytes]:
    """The octets of exact lookups before the sequence number, between that and the address, and behind."""
    family = AF_INET if length == V4_LENGTH else AF_INET6
    body = _REQUEST.pack(family, _PROTOCOLS[port.protocol], 0, 0, 0xFFFFFFFF)
    if port.protocol == "tcp":
        body += _ID_PORTS.pack(port.number, 0, b"", b"")
        at = HEADER.size + len(body) - 2 * V6_LENGTH
    else:
        body += _ID_PORTS.pack(0, port.number, b"", b"")
        at = HEADER.size + len(body) - V6_LENGTH
    body += _ID_REST.pack(interface, _NO_COOKIE, _NO_COOKIE)
    whole = request(SOCK_DIAG_BY_FAMILY, 0, 0, body)
    return whole[:8], whole[8 + _SEQUENCE.size : at], whole[at + length :]


def dump_bound(sequence: int, family: int, protocol: str) -> bytes:
    """A dump of all sockets with a local address, connected ones too, except those in TIME-WAIT."""
    return _dump(sequence, family, protocol, _ALL_STATES & ~(1 << _TCP_TIME_WAIT))


def dump_nothing(sequence: int, protocol: str) -> bytes:
    """A dump that matches no socket: it fails only if the kernel has no handler for the protocol."""
    return _dump(sequence, AF_INET, protocol, 0)


def dump_listeners(sequence: int, family: int, address: Address, number: int) -> bytes:
    """A dump of the TCP listeners on an address and port; for IPv4, on its mapped address as well."""
    bits, of = len(address) * 8, AF_INET if len(address) == V4_LENGTH else AF_INET6
    size = _OPERATION.size + _HOST_CONDITION.size + len(address)
    accepts, rejects = size, size + _OPERATION.size  # the end of the program, and behind it
    operation = _OPERATION.pack(_INET_DIAG_BC_S_COND, accepts, rejects)
    program = operation + _HOST_CONDITION.pack(of, bits, number) + address
    return _dump(sequence, family, "tcp", 1 << TCP_LISTEN, attribute(_INET_DIAG_REQ_BYTECODE, program))


def _dump(sequence: int, family: int, protocol: str, states: int, attributes: bytes = b"") -> bytes:
    body = _REQUEST.pack(family, _PROTOCOLS[protocol], 0, 0, states) + bytes(48) + attributes
    return request(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, sequence, body)


def peer_of(data: bytes, start: int, end: int) -> Address:
    """Whom a socket is connected to. Raises MalformedMessageError."""
    length = V4_LENGTH if data[start] == AF_INET else V6_LENGTH
    if end - start < _PEER + V6_LENGTH:
        raise MalformedMessageError(f"{end - start} octets in a socket")
    return Address(data[start + _PEER : start + _PEER + length])
