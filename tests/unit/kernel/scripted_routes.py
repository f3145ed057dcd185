"""Asking for routes over a scripted socket."""

from __future__ import annotations

from struct import pack

import pytest

from lowatch.core.addresses import Address, parse_address
from lowatch.core.held import Delivery
from lowatch.core.known import Unknown
from lowatch.core.policy import Policy
from lowatch.kernel import request_socket as netlink
from lowatch.kernel.host_tables import HostTables
from lowatch.kernel.input_devices import InputDevices
from lowatch.kernel.request_socket import RequestSocket
from lowatch.kernel.routing import Locality
from lowatch.wire.netlink import attribute
from lowatch.wire.rtnetlink import RTM_NEWROUTE
from tests.unit.kernel.scripted_socket import Said, ScriptedSocket, Sockets, message

VIP, VIP6 = parse_address("192.0.2.10"), parse_address("2001:db8::10")
UNICAST, LOCAL, BLACKHOLE = 1, 2, 6


def asking(monkeypatch: pytest.MonkeyPatch, *scripts: list[Said]) -> RequestSocket:
    sockets = Sockets(*(ScriptedSocket(*script) for script in scripts))
    monkeypatch.setattr(netlink, "open_socket", sockets.open)
    return RequestSocket(0)


def route(
    kind: int = LOCAL,
    length: int = 32,
    oif: int = 1,
    sequence: int = 0,
    to: Address = VIP,
    family: int | None = None,
) -> bytes:
    family = family or (2 if len(to) == 4 else 10)
    header = pack("=BBBBBBBBI", family, length, 0, 0, 255, 2, 0, kind, 0)
    body = header + attribute(1, to) + attribute(4, pack("=I", oif))
    return message(RTM_NEWROUTE, body, sequence)


def located(sock: RequestSocket, *addresses: Address) -> list[Delivery | Unknown]:
    return Locality(sock, HostTables(Policy()), InputDevices()).ask(addresses)
