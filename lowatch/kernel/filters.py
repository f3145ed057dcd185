"""Classic BPF socket filters that keep floods of irrelevant netlink events out of user space.

What they let through is still parsed and checked: a filter saves work and never decides.
"""

from __future__ import annotations

import array
import socket
import sys
from collections.abc import Iterable
from struct import Struct
from typing import Literal, NamedTuple

from lowatch.core.addresses import Port
from lowatch.wire.inet_diag import OFFSET_DPORT, OFFSET_DST, OFFSET_SPORT
from lowatch.wire.rtnetlink import RT_TABLE_LOCAL, RTM_DELROUTE, RTM_NEWROUTE, RTN_LOCAL

_SO_ATTACH_FILTER = 26
_LOAD_BYTE, _LOAD_HALF, _LOAD_WORD = 0x30, 0x28, 0x20  # BPF_LD | BPF_ABS | BPF_{B,H,W}
_JUMP_EQUAL, _RETURN = 0x15, 0x06
_ACCEPT, _DROP = 0xFFFFFFFF, 0

_INSTRUCTION = Struct("=HBBI")
_FPROG = Struct("@HP")
_MAX_PORTS = 240
"""Jumps are 8 bits wide: with more ports than this the filter lets all ports through."""

# BPF loads are big-endian; netlink headers are in host order. A type fits one octet: load that one.
_OFFSET_TYPE = 4 if sys.byteorder == "little" else 5
_OFFSET_RTM_TABLE, _OFFSET_RTM_TYPE = 16 + 4, 16 + 7

_Target = int | Literal["accept", "drop"]


class _Step(NamedTuple):
    """A load, or a comparison with where to go: so many steps on, or to one of the two endings."""

    code: int
    operand: int
    equal: _Target = 0
    otherwise: _Target = 0


def _assemble(steps: list[_Step]) -> bytes:
    endings = {"accept": len(steps), "drop": len(steps) + 1}
    code = b""
    for place, step in enumerate(steps):
        jumps = [
            endings[target] - place - 1 if isinstance(target, str) else target
            for target in (step.equal, step.otherwise)
        ]
        code += _INSTRUCTION.pack(step.code, *jumps, step.operand)
    return code + b"".join(_INSTRUCTION.pack(_RETURN, 0, 0, k) for k in (_ACCEPT, _DROP))


def route_event_filter() -> bytes:
    """Links, addresses and rules pass; of routes those that are local or in table local.

    40,015 datagrams become 12 under 20,000 unrelated routes added and deleted (facts/kernel.md).
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


def closed_socket_filter(ports: Iterable[Port]) -> bytes:
    """Destroyed sockets that were unconnected (dport and dst zero) and bound to a watched port.

    dport alone does not tell: sockets closed by a reset have 0 there too.
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


def attach(sock: socket.socket, program: bytes) -> None:
    """SO_ATTACH_FILTER, replacing the filter that was there. Raises OSError."""
    code = array.array("B", program)
    address, size = code.buffer_info()
    fprog = _FPROG.pack(size // _INSTRUCTION.size, address)
    sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, fprog)
