"""Classic BPF socket filters that keep floods of irrelevant netlink events out of user space.

Events that pass are still parsed and checked: a filter only saves work.
"""

from __future__ import annotations

import array
import socket
import sys
from collections.abc import Iterable, Mapping
from struct import Struct
from typing import Literal, NamedTuple

from lowatch.core.addresses import Address, Port
from lowatch.wire.closed_client import (
    INET_DIAG_INFO,
    INFO_MAX_PACING,
    INFO_MIN_RTT,
    INFO_RCV_SPACE,
    NO_RTT,
    OFFSET_ATTRIBUTES,
    OWN_PACING,
)
from lowatch.wire.inet_diag import OFFSET_DPORT, OFFSET_DST, OFFSET_SPORT
from lowatch.wire.rtnetlink import AF_INET, RT_TABLE_LOCAL, RTM_DELROUTE, RTM_NEWROUTE, RTN_LOCAL

_SO_ATTACH_FILTER = 26
_LOAD_BYTE, _LOAD_HALF, _LOAD_WORD = 0x30, 0x28, 0x20  # BPF_LD | BPF_ABS | BPF_{B,H,W}
_JUMP_EQUAL, _JUMP_ANY_BIT, _JUMP_ALWAYS, _RETURN = 0x15, 0x45, 0x05, 0x06
_LOAD_CONSTANT, _LOAD_X_CONSTANT, _LOAD_WORD_AT_X, _MOVE_TO_X = 0x00, 0x01, 0x40, 0x07
_FIND_ATTRIBUTE, _RANDOM = 0xFFFFF000 + 12, 0xFFFFF000 + 56  # SKF_AD_NLATTR, SKF_AD_RANDOM
_ACCEPT, _DROP = 0xFFFFFFFF, 0

_INSTRUCTION = Struct("=HBBI")
_FPROG = Struct("@HP")
_MAX_PORTS = 240
"""BPF jumps are 8 bits wide. For more ports than this the filter lets all ports pass."""

# BPF loads are big-endian, netlink headers in host order. Message types fit one octet: load that one.
_OFFSET_TYPE = 4 if sys.byteorder == "little" else 5
_OFFSET_FAMILY, _ATTRIBUTE_HEADER = 16, 4
_OFFSET_RTM_TABLE, _OFFSET_RTM_TYPE = 16 + 4, 16 + 7

_Target = int | Literal["accept", "accept UDP", "drop"]
_WHOLE: Mapping[str, int] = {"accept": _ACCEPT, "drop": _DROP}


class _Step(NamedTuple):
    """A load, or a comparison with its two jumps: a number of steps to skip, or one of the endings."""

    code: int
    operand: int
    equal: _Target = 0
    otherwise: _Target = 0


def _assemble(steps: list[_Step], endings: Mapping[str, int] = _WHOLE) -> bytes:
    """endings: what each returns, which is how many octets of the datagram are kept."""
    places = {name: len(steps) + number for number, name in enumerate(endings)}
    code = b""
    for position, step in enumerate(steps):
        jumps = [
            places[target] - position - 1 if isinstance(target, str) else target
            for target in (step.equal, step.otherwise)
        ]
        code += _INSTRUCTION.pack(step.code, *jumps, step.operand)
    return code + b"".join(_INSTRUCTION.pack(_RETURN, 0, 0, k) for k in endings.values())


def route_event_filter() -> bytes:
    """A filter that passes links, addresses, rules, local routes, and routes in table local.

    While 20,000 unrelated routes were added and deleted, 12 of 40,015 datagrams passed
    (tests/kernel_behaviour/test_filters.py).
    """
    return _assemble(
        [
            _Step(_LOAD_BYTE, _OFFSET_TYPE),
            _Step(_JUMP_EQUAL, RTM_NEWROUTE, 1, 0),
            _Step(_JUMP_EQUAL, RTM_DELROUTE, 0, "accept"),
            _Step(_LOAD_BYTE, _OFFSET_RTM_TYPE),
            _Step(_JUMP_EQUAL, RTN_LOCAL, "accept", 0),
            _Step(_LOAD_BYTE, _OFFSET_RTM_TABLE),
            _Step(_JUMP_EQUAL, RT_TABLE_LOCAL, "accept", "drop"),
        ]
    )


def drop_all_filter() -> bytes:
    """A filter that passes nothing."""
    return _assemble([], {"drop": _DROP})


def closed_socket_filter(ports: Iterable[Port]) -> bytes:
    """A filter that passes destroyed sockets that were unconnected and bound to one of the ports.

    Unconnected means that both dport and dst are zero: sockets closed by a reset have dport 0 too.
    """
    numbers = sorted({port.number for port in ports})
    steps = [_Step(_LOAD_HALF, OFFSET_DPORT), _Step(_JUMP_EQUAL, 0, 0, "drop")]
    for offset in range(OFFSET_DST, OFFSET_DST + 16, 4):
        steps += [_Step(_LOAD_WORD, offset), _Step(_JUMP_EQUAL, 0, 0, "drop")]
    if len(numbers) <= _MAX_PORTS:
        steps.append(_Step(_LOAD_HALF, OFFSET_SPORT))
        steps += [_Step(_JUMP_EQUAL, number, "accept", 0) for number in numbers]
        steps.append(_Step(_JUMP_EQUAL, 0, "drop", "drop"))
    return _assemble(steps)


MAX_SAMPLING = 6
"""The highest level of sampling. Level n passes one client in 4**n."""
_CUT_TCP, _CUT_UDP = 264, 88
"""Octets that are left of a sampled datagram, level 0. All that is read of it is before that."""
_MAX_COMPARED = 100
"""Addresses, and UDP ports, because both must fit into one jump."""


def failed_connect_filter(addresses: Iterable[Address], ports: Iterable[Port], sampling: int = 0) -> bytes:
    """A filter that passes destroyed clients of these addresses whose connect may have failed.

    TCP: those that were never ESTABLISHED, on any port, without lowatch's own (OWN_PACING). UDP: all on
    these ports. Only the end of an IPv6 address is compared. Too many addresses, or too many ports, are
    not compared at all.
    sampling: the level. The length of a sampled datagram tells its level (sampling_of()), because datagrams
    of the level before may still wait to be read when the filter is replaced.
    """
    numbers = sorted({port.number for port in ports if port.protocol == "udp"})
    udp = [_Step(_LOAD_HALF, OFFSET_DPORT)]
    if len(numbers) <= _MAX_COMPARED:
        udp += [_Step(_JUMP_EQUAL, number, "accept UDP", 0) for number in numbers]
        udp.append(_Step(_JUMP_EQUAL, 0, "drop", "drop"))
    else:
        udp.append(_Step(_JUMP_EQUAL, 0, "drop", "accept UDP"))
    return _assemble(
        [
            *_to_one_of(sorted({address[-4:] for address in addresses})),
            _Step(_LOAD_HALF, OFFSET_SPORT),
            _Step(_JUMP_EQUAL, 0, "drop", 0),  # it never had a port: it sent nothing
            *_one_in(4**sampling),
            _Step(_LOAD_CONSTANT, OFFSET_ATTRIBUTES),
            _Step(_LOAD_X_CONSTANT, INET_DIAG_INFO),
            _Step(_LOAD_WORD, _FIND_ATTRIBUTE),
            _Step(_JUMP_EQUAL, 0, 0, len(udp)),  # only TCP has tcp_info
            *udp,
            _Step(_MOVE_TO_X, 0),
            _Step(_LOAD_WORD_AT_X, _ATTRIBUTE_HEADER + INFO_RCV_SPACE),
            _Step(_JUMP_EQUAL, 0, 0, "drop"),
            _Step(_LOAD_WORD_AT_X, _ATTRIBUTE_HEADER + INFO_MIN_RTT),
            _Step(_JUMP_EQUAL, NO_RTT, 0, "drop"),
            _Step(_LOAD_WORD_AT_X, _ATTRIBUTE_HEADER + INFO_MAX_PACING),
            _Step(_JUMP_EQUAL, int.from_bytes(OWN_PACING[:4]), 0, "accept"),
            _Step(_LOAD_WORD_AT_X, _ATTRIBUTE_HEADER + INFO_MAX_PACING + 4),
            _Step(_JUMP_EQUAL, int.from_bytes(OWN_PACING[4:]), "drop", "accept"),
        ],
        {
            "accept": _CUT_TCP + sampling if sampling else _ACCEPT,
            "accept UDP": _CUT_UDP + sampling if sampling else _ACCEPT,
            "drop": _DROP,
        },
    )


def _to_one_of(ends: list[bytes]) -> list[_Step]:
    """Drops what was not connected to an address with one of these last four octets, or never connected."""
    many = len(ends) > _MAX_COMPARED
    compared = [] if many else [_Step(_JUMP_EQUAL, int.from_bytes(end), 0, 0) for end in ends]
    for position, step in enumerate(compared):
        compared[position] = step._replace(equal=len(compared) - position)
    return [
        _Step(_LOAD_BYTE, _OFFSET_FAMILY),
        _Step(_JUMP_EQUAL, AF_INET, 0, 2),
        _Step(_LOAD_WORD, OFFSET_DST),
        _Step(_JUMP_ALWAYS, 1),
        _Step(_LOAD_WORD, OFFSET_DST + 12),
        *compared,
        _Step(_JUMP_EQUAL, 0, "drop", 0 if many else "drop"),
    ]


def _one_in(number: int) -> list[_Step]:
    """Drops all but one in `number`, a power of two, at random."""
    if number == 1:
        return []
    return [_Step(_LOAD_WORD, _RANDOM), _Step(_JUMP_ANY_BIT, number - 1, "drop", 0)]


def sampling_of(data: bytes) -> int:
    """The level of sampling of a datagram that passed failed_connect_filter()."""
    for cut in (_CUT_TCP, _CUT_UDP):
        if 0 < len(data) - cut <= MAX_SAMPLING:
            return len(data) - cut
    return 0


def attach(sock: socket.socket, program: bytes) -> None:
    """Attach a filter to a socket in place of any earlier one (SO_ATTACH_FILTER). Raises OSError."""
    code = array.array("B", program)
    address, size = code.buffer_info()
    fprog = _FPROG.pack(size // _INSTRUCTION.size, address)
    sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, fprog)
