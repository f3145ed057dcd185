"""Clients that closed: the events of destroyed sockets tell whose connect had failed.

A connect that fails never reaches ESTABLISHED. tcp_info shows that, even after a disconnect has cleared
nearly everything else (tcp_disconnect()): there is no rcv_space (tcp_init_buffer_space()) and no min_rtt
(tcp_update_rtt_min()). tests/kernel_behaviour/test_failed_connects.py has each kind of client.
"""

from __future__ import annotations

from struct import Struct, pack
from typing import NamedTuple

from lowatch.core.addresses import V4_LENGTH, V6_LENGTH, Address, unmapped

from .inet_diag import IPPROTO_UDP
from .netlink import HEADER, MalformedMessageError
from .rtnetlink import AF_INET

INET_DIAG_INFO, _INET_DIAG_PROTOCOL = 2, 10
# Offsets from the start of the datagram, which has one message.
OFFSET_ATTRIBUTES = 88
# Offsets in struct tcp_info (linux/tcp.h).
INFO_RCV_SPACE, INFO_MAX_PACING, INFO_MIN_RTT = 96, 112, 148
NO_RTT = 0xFFFFFFFF
OWN_PACING = pack("=Q", int.from_bytes(b"lowatch"))
"""The SO_MAX_PACING_RATE of lowatch's own connects, of any of its processes: too high to slow anything."""
INFO_SIZE = 152
"""Octets of tcp_info that are looked at; Linux has had them since 4.9."""

_PORTS = Struct("!HH")
_ATTRIBUTE = Struct("=HH")
_INFO = Struct("=96xI36xII4xI")  # rcv_space, segs_out, segs_in, min_rtt
_BODY, _DST, _COOKIE = HEADER.size, HEADER.size + 24, HEADER.size + 44
_TYPE_MASK = 0x3FFF


class ClosedClient(NamedTuple):
    """A client's socket that was destroyed.

    protocol: "tcp" or "udp". address: whom it connected to; never an IPv4-mapped address.
    port: 0 if the kernel has forgotten it, as after a blocking connect() (__inet_stream_connect()
    disconnects). source_port: its own. cookie: SO_COOKIE, 8 octets.
    failed: whether its connect failed; None for UDP, where served and refused clients look alike.
    """

    protocol: str
    address: Address
    port: int
    source_port: int
    cookie: bytes
    failed: bool | None


def parse_closed_client(data: bytes) -> ClosedClient:
    """The client in the datagram of an event, which may be cut off after the part that is read here.

    Raises MalformedMessageError.
    """
    if len(data) < OFFSET_ATTRIBUTES:
        raise MalformedMessageError(f"{len(data)} octets where {OFFSET_ATTRIBUTES} are needed")
    source_port, port = _PORTS.unpack_from(data, _BODY + 4)
    length = V4_LENGTH if data[_BODY] == AF_INET else V6_LENGTH
    address = unmapped(Address(data[_DST : _DST + length]))
    cookie = data[_COOKIE : _COOKIE + 8]
    protocol, info = _attributes(data)
    if protocol == IPPROTO_UDP:
        return ClosedClient("udp", address, port, source_port, cookie, None)
    if info is None:
        raise MalformedMessageError("a TCP socket without tcp_info")
    rcv_space, segs_out, segs_in, min_rtt = _INFO.unpack_from(data, info)
    never_established = rcv_space == 0 and min_rtt == NO_RTT
    # One SYN without an answer so far: the client lost patience, and nothing failed yet.
    is_over = port == 0 or segs_in > 0 or segs_out > 1
    return ClosedClient("tcp", address, port, source_port, cookie, never_established and is_over)


def _attributes(data: bytes) -> tuple[int | None, int | None]:
    """The protocol, and where tcp_info starts; each None if it is not there."""
    protocol = None
    offset, end = OFFSET_ATTRIBUTES, len(data)
    while offset + _ATTRIBUTE.size <= end:
        length, kind = _ATTRIBUTE.unpack_from(data, offset)
        payload = offset + _ATTRIBUTE.size
        if length < _ATTRIBUTE.size:
            raise MalformedMessageError(f"an attribute of {length} octets")
        if kind & _TYPE_MASK == INET_DIAG_INFO:
            if length < _ATTRIBUTE.size + INFO_SIZE or payload + INFO_SIZE > end:
                raise MalformedMessageError(f"{min(length, end - offset)} octets of tcp_info")
            return protocol, payload
        if kind & _TYPE_MASK == _INET_DIAG_PROTOCOL and length > _ATTRIBUTE.size and payload < end:
            protocol = data[payload]
        offset += (length + 3) & ~3
    return protocol, None
