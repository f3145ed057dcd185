"""What Listeners makes of each reply: an answer, or an Unknown that says why."""

from __future__ import annotations

import errno
from struct import pack

import pytest

from lowatch.core import listeners as core
from lowatch.core.addresses import Address, parse_port
from lowatch.core.held import Delivery
from lowatch.core.known import Known, Unknown
from lowatch.core.listeners import Endpoint, Listener
from lowatch.core.policy import Policy
from lowatch.kernel import request_socket as netlink
from lowatch.kernel.cgroups import CgroupUnits
from lowatch.kernel.host_tables import HostTables
from lowatch.kernel.input_devices import InputDevices
from lowatch.kernel.listeners import Listeners
from lowatch.kernel.request_socket import RequestSocket
from lowatch.kernel.routing import Locality
from lowatch.wire.inet_diag import SOCK_DIAG_BY_FAMILY, parse_bound
from tests.support.mutations import mutants
from tests.unit.kernel.scripted_routes import VIP, VIP6, asking, located, route
from tests.unit.kernel.scripted_socket import (
    NO_REPLY,
    OVERRUN,
    Said,
    ScriptedSocket,
    Sockets,
    done,
    error,
    message,
)

HTTP = Endpoint(VIP, parse_port("80/tcp"))
NO_UNITS = CgroupUnits(())


def socket_reply(
    source: Address = VIP, sequence: int = 0, queued: int = 0, backlog: int = 128, family: int = 2
) -> bytes:
    ports = pack("!HH16s16s", 80, 0, source, b"")
    counters = pack("=III", 0, 5, 6) + pack("=IIIII", 0, queued, backlog, 33, 4711)
    body = bytes([family, 10, 0, 0]) + ports + counters
    return message(SOCK_DIAG_BY_FAMILY, body, sequence)


def listener(address: Address = VIP, queued: int = 0, backlog: int = 128) -> Listener:
    return Listener(address, 4711, 33, None, queued, backlog, "tcp")


@pytest.mark.parametrize(
    ("reply", "served"),
    [
        (socket_reply(), listener()),
        (socket_reply(Address(bytes(4))), listener(Address(bytes(4)))),
        (socket_reply(Address(bytes(16)), family=10), listener(Address(bytes(16)))),
        (socket_reply(Address(bytes(10) + b"\xff\xff" + VIP), family=10), listener(VIP)),
        (socket_reply(queued=3, backlog=2), listener(queued=3, backlog=2)),
        (error(errno.EACCES), Unknown("sock_diag", "Permission denied")),
        (error(errno.EINVAL), Unknown("sock_diag", "Invalid argument")),
        (error(0), Unknown("sock_diag", "Success")),
        (message(99), Unknown("sock_diag", "a reply that is not a socket")),
        (
            message(SOCK_DIAG_BY_FAMILY, b"cut"),
            Unknown("sock_diag", "unreadable reply: 3 octets where 72 are needed"),
        ),
        (NO_REPLY, Unknown("sock_diag", "the kernel sent no reply")),
        (OVERRUN, Unknown("sock_diag", "replies were lost: the receive buffer overran")),
    ],
)
def test_listeners(monkeypatch: pytest.MonkeyPatch, reply: Said, served: Listener | Unknown | None) -> None:
    """Only ENOENT means that nobody is there."""
    listeners = Listeners(asking(monkeypatch, [reply]), NO_UNITS, InputDevices())
    assert listeners.ask([HTTP]) == [served]


@pytest.mark.parametrize(
    ("handler", "served"),
    [
        (done(), None),
        (
            done(errno.ENOENT),
            Unknown(
                "sock_diag",
                "the kernel cannot look up tcp sockets (module tcp_diag): No such file or directory",
            ),
        ),
    ],
    ids=["there is none", "no module for the protocol"],
)
def test_nobody_listens(monkeypatch: pytest.MonkeyPatch, handler: Said, served: Unknown | None) -> None:
    """ENOENT has two meanings; a dump tells them apart."""
    listeners = Listeners(asking(monkeypatch, [error(errno.ENOENT), handler]), NO_UNITS, InputDevices())
    assert listeners.ask([HTTP]) == [served]


def test_a_listener_by_another_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the address is on dummy0, SO_BINDTODEVICE is judged by that: the question names it."""
    input_devices = InputDevices()
    locality = Locality(
        asking(monkeypatch, [route(oif=7)], [route(oif=1)]), HostTables(Policy()), input_devices
    )
    asked = ScriptedSocket(socket_reply(), socket_reply(), socket_reply())
    monkeypatch.setattr(netlink, "open_socket", lambda _: asked)
    listeners = Listeners(RequestSocket(4), NO_UNITS, input_devices)
    first = listeners.ask([HTTP])
    monkeypatch.setattr(netlink, "open_socket", Sockets(ScriptedSocket(route(oif=7), route(oif=1))).open)
    for device in (7, 1):
        locality.ask([VIP])
        assert listeners.ask([HTTP]) == first
        assert asked.sent[-1][16 + 8 + 36 :][:4] == pack("=I", device)


def test_bound_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of four dumps: v4 and v6, tcp and udp. An IPv4-mapped one is the IPv4 address."""
    mapped = Address(bytes(10) + b"\xff\xff" + VIP)
    script = [
        socket_reply(), done(),
        done(),
        socket_reply(mapped, family=10), socket_reply(VIP6, family=10), done(),
        socket_reply(Address(bytes(16)), family=10), done(),
    ]  # fmt: skip
    listeners = Listeners(asking(monkeypatch, script), NO_UNITS, InputDevices())
    wildcards = frozenset((family, parse_port("80/udp")) for family in ("ipv4", "ipv6"))
    assert listeners.sockets() == Known(core.Sockets(frozenset({VIP, VIP6}), wildcards))


def test_a_dump_of_sockets_like_the_last_one_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = [done(), done(), done()]
    dumps = [[socket_reply(), done()], [socket_reply(), done()], [socket_reply(queued=1), done()], [done()]]
    script = [said for dump in dumps for said in (*dump, *nothing)]
    listeners = Listeners(asking(monkeypatch, script), NO_UNITS, InputDevices())
    read: list[int] = []

    def counted(data: bytes, start: int, end: int) -> Address:
        read.append(start)
        return parse_bound(data, start, end)

    monkeypatch.setattr("lowatch.kernel.listeners.parse_bound", counted)
    found = [listeners.sockets() for _ in dumps]
    held = Known(core.Sockets(frozenset({VIP})))
    assert found == [held, held, held, Known(core.Sockets())]
    assert len(read) == 2


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ([NO_REPLY], "the kernel sent no reply"),
        ([done(), socket_reply(), done(errno.EINTR)], "Interrupted system call"),
        ([done(), error(errno.EPERM)], "Operation not permitted"),
        ([message(SOCK_DIAG_BY_FAMILY, b"cut!"), done(), done(), done(), done()], "4 octets where 72"),
    ],
)
def test_bound_addresses_unknown(monkeypatch: pytest.MonkeyPatch, script: list[Said], reason: str) -> None:
    """One dump of the four that fails makes the whole unknown: a part would show others as idle."""
    found = Listeners(asking(monkeypatch, script), NO_UNITS, InputDevices()).sockets()
    assert isinstance(found, Unknown)
    assert reason in found.reason


def test_mutated_replies_never_raise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever comes: an answer or an Unknown."""
    count = 5_000
    routes = list(mutants([route(), route(to=VIP6), error(errno.ENOENT)], count))
    found = [located(asking(monkeypatch, [reply]), VIP)[0] for reply in routes]
    assert {type(one) for one in found} == {Delivery, Unknown}
    sockets = list(mutants([socket_reply(), error(errno.ENOENT)], count))
    served = [
        Listeners(asking(monkeypatch, [reply, done()]), NO_UNITS, InputDevices()).ask([HTTP])[0]
        for reply in sockets
    ]
    assert {type(one) for one in served} == {Listener, Unknown, type(None)}
