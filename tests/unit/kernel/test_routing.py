"""What Locality makes of each reply: an answer, or an Unknown that says why."""

from __future__ import annotations

import errno
from struct import pack

import pytest

from lowatch.core.addresses import Address, parse_address
from lowatch.core.held import NOT_ROUTED, Delivery
from lowatch.core.known import Unknown
from lowatch.kernel import request_socket as netlink
from lowatch.kernel.input_devices import InputDevices
from lowatch.kernel.request_socket import RequestSocket
from lowatch.kernel.routing import Locality
from lowatch.wire.netlink import attribute
from lowatch.wire.rtnetlink import RTM_NEWROUTE
from tests.unit.kernel.scripted_socket import (
    NO_REPLY,
    OVERRUN,
    Said,
    ScriptedSocket,
    Sockets,
    error,
    message,
)

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
    return Locality(sock, InputDevices()).ask(addresses)


@pytest.mark.parametrize(
    ("reply", "delivery"),
    [
        (route(), Delivery(True, 1, 32)),
        (route(length=8), Delivery(True, 1, 8)),
        (route(oif=7), Delivery(True, 7, 32)),
        (route(UNICAST, 24, 2), Delivery(False, 2, 24)),
        (route(BLACKHOLE, 32, 0), Delivery(False, 0, 32)),
        (route(length=128, to=VIP6), Delivery(True, 1, 128)),
        (error(errno.ENETUNREACH), NOT_ROUTED),
        (error(errno.EHOSTUNREACH), NOT_ROUTED),
        (error(errno.EACCES), NOT_ROUTED),
        (error(errno.EINVAL), NOT_ROUTED),
        (error(errno.ENOBUFS), Unknown("netlink", "No buffer space available")),
        (error(errno.EPERM), Unknown("netlink", "Operation not permitted")),
        (message(99), Unknown("netlink", "a reply that is not a route")),
        (route(family=28), Unknown("netlink", "a reply that is not a route")),
        (message(RTM_NEWROUTE), Unknown("netlink", "unreadable reply: 0 octets where 12 are needed")),
        (b"cut", Unknown("netlink", "replies came out of step")),
        (NO_REPLY, Unknown("netlink", "the kernel sent no reply")),
        (OVERRUN, Unknown("netlink", "replies were lost: the receive buffer overran")),
    ],
)  # fmt: skip
def test_locality(monkeypatch: pytest.MonkeyPatch, reply: Said, delivery: Delivery | Unknown) -> None:
    """What routing refuses is not delivered here: unreachable, prohibit, blackhole, no route at all."""
    assert located(asking(monkeypatch, [reply]), VIP) == [delivery]


def test_one_unreadable_reply_leaves_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    sock = asking(monkeypatch, [route(sequence=0), route(sequence=9), route(sequence=2)])
    assert located(sock, VIP, VIP, VIP) == [
        Delivery(True, 1, 32),
        Unknown("netlink", "a reply to another request"),
        Delivery(True, 1, 32),
    ]


def test_a_lost_reply_makes_all_of_them_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the next question is asked of a new socket."""
    locality = Locality(asking(monkeypatch, [route()], [route(), route(sequence=1)]), InputDevices())
    assert locality.ask([VIP, VIP6]) == [Unknown("netlink", "the kernel sent no reply")] * 2
    assert locality.ask([VIP, VIP6]) == [Delivery(True, 1, 32)] * 2
