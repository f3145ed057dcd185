"""What Locality makes of each reply: an answer, or an Unknown that says why."""

from __future__ import annotations

import errno

import pytest

from lowatch.core.held import NOT_ROUTED, Delivery
from lowatch.core.known import Unknown
from lowatch.core.policy import Policy
from lowatch.kernel.host_tables import HostTables
from lowatch.kernel.input_devices import InputDevices
from lowatch.kernel.routing import Locality
from lowatch.wire.rtnetlink import RTM_NEWROUTE
from tests.unit.kernel.scripted_routes import BLACKHOLE, UNICAST, VIP, VIP6, asking, located, route
from tests.unit.kernel.scripted_socket import (
    NO_REPLY,
    OVERRUN,
    Said,
    error,
    message,
)


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
    locality = Locality(
        asking(monkeypatch, [route()], [route(), route(sequence=1)]), HostTables(Policy()), InputDevices()
    )
    assert locality.ask([VIP, VIP6]) == [Unknown("netlink", "the kernel sent no reply")] * 2
    assert locality.ask([VIP, VIP6]) == [Delivery(True, 1, 32)] * 2
