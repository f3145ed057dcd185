"""Host: events are lost, or the socket that hears them; the truth is not."""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
import time

import pytest

from lowatch.kernel import event_socket
from lowatch.kernel.event_socket import EventSocket
from lowatch.kernel.host import Host
from lowatch.kernel.request_socket import NETLINK_ROUTE, NETLINK_SOCK_DIAG, NetlinkError, open_socket
from tests.netns.following import EVERY_INTERFACE, HTTP, addresses, caught_up, dumped, following, tables
from tests.support.aio import run_async
from tests.support.netns import Netns


class _Breakable:
    """A socket whose next recv() can be made to fail, or to bring what no kernel sends.

    There is no other way to either.
    """

    def __init__(self, real: socket.socket) -> None:
        self._real = real
        self._next: OSError | bytes | None = None

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)

    def breaks(self, by: bytes | None = None) -> None:
        self._next = OSError(errno.ENOTCONN, "not connected") if by is None else by

    def recv(self, size: int) -> bytes:
        broken, self._next = self._next, None
        if isinstance(broken, OSError):
            raise broken
        return broken or self._real.recv(size)


@pytest.fixture
def event_sockets(monkeypatch: pytest.MonkeyPatch) -> dict[int, _Breakable]:
    """The first event socket of each protocol."""
    opened = dict[int, _Breakable]()

    def opening(protocol: int) -> _Breakable:
        breakable = _Breakable(open_socket(protocol))
        opened.setdefault(protocol, breakable)
        return breakable

    monkeypatch.setattr(event_socket, "open_socket", opening)
    return opened


class TestEventsLost:
    def test_an_overrun_ends_in_a_resync(self, netns: Netns) -> None:
        async def live() -> None:
            async with following(receive_buffer=1) as (host, hints):
                netns.batch(f"addr add 10.0.{n >> 8}.{n & 255}/32 dev lo" for n in range(1000))
                await caught_up()
                assert hints.overruns
                assert "any" in hints.touched
                assert hints.resyncs == 0, "a refresh does it"
                assert tables(host) == dumped()
                assert hints.resyncs == 1
                netns.ip("addr del 10.0.0.1/32 dev lo")
                await caught_up()
                assert "10.0.0.1" not in addresses(host), "it hears as before"

        run_async(live())

    def test_an_overrun_of_the_other_socket_marks_everything(self, netns: Netns) -> None:
        async def live() -> None:
            async with following(receive_buffer=1) as (_, hints), asyncio.timeout(5):
                while not hints.everything:
                    for _ in range(300):
                        netns.udp("127.0.0.1", 53).close()
                    # A worker of the kernel's tells of them (sock_diag_broadcast_destroy): on a busy
                    # processor it comes late, and we must not have read the one before by then.
                    time.sleep(0.05)
                    await asyncio.sleep(0.001)
                assert hints.overruns

        run_async(live())

    @pytest.mark.parametrize("which", [NETLINK_ROUTE, NETLINK_SOCK_DIAG])
    def test_a_failed_event_socket_is_opened_again(
        self, netns: Netns, which: int, event_sockets: dict[int, _Breakable]
    ) -> None:
        async def live() -> None:
            async with following() as (host, hints):
                event_sockets[which].breaks()
                self._cause_an_event(netns)
                async with asyncio.timeout(5):
                    while not hints.overruns:
                        await asyncio.sleep(0.001)
                assert tables(host) == dumped()
                hints.closed.clear()
                netns.ip("addr add 192.0.2.1/32 dev lo")
                netns.udp("127.0.0.1", 53).close()
                async with asyncio.timeout(5):
                    while not hints.closed:
                        await asyncio.sleep(0.001)
                assert "192.0.2.1" in addresses(host)

        run_async(live())

    def test_until_that_works_it_is_tried_again(
        self,
        netns: Netns,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
        event_sockets: dict[int, _Breakable],
    ) -> None:
        """(Descriptors may have run out: for the real thing the loop itself would have none either.)"""
        refused = iter([NetlinkError("too many open files"), NetlinkError("too many open files")])
        real = EventSocket.open

        def opening(events: EventSocket, receive_buffer: int) -> None:
            for error in refused:
                raise error
            real(events, receive_buffer)

        async def live() -> None:
            async with following() as (host, hints):
                monkeypatch.setattr("lowatch.kernel.event_socket._REOPEN_AFTER", 0.01)
                monkeypatch.setattr(EventSocket, "open", opening)
                event_sockets[NETLINK_ROUTE].breaks()
                self._cause_an_event(netns)
                async with asyncio.timeout(5):
                    while hints.overruns < 3:
                        await asyncio.sleep(0.001)
                netns.ip("addr add 192.0.2.2/32 dev lo")
                await caught_up()
                assert "192.0.2.2/32" in hints.touched
                assert tables(host) == dumped()

        run_async(live())
        assert "too many open files, trying again" in caplog.text

    def test_closing_while_it_waits_to_be_opened_again(
        self, netns: Netns, monkeypatch: pytest.MonkeyPatch, event_sockets: dict[int, _Breakable]
    ) -> None:
        def refuse(*_: object) -> None:
            raise NetlinkError("too many open files")

        async def live() -> None:
            async with following() as (_, hints):
                monkeypatch.setattr(EventSocket, "open", refuse)
                event_sockets[NETLINK_ROUTE].breaks()
                self._cause_an_event(netns)
                async with asyncio.timeout(5):
                    while not hints.overruns:
                        await asyncio.sleep(0.001)

        run_async(live())

    def test_an_unreadable_event_means_look_again(
        self, netns: Netns, event_sockets: dict[int, _Breakable]
    ) -> None:
        async def live() -> None:
            async with following() as (host, hints):
                event_sockets[NETLINK_ROUTE].breaks(by=struct.pack("=IHHII", 1, 20, 0, 0, 0))
                self._cause_an_event(netns)
                async with asyncio.timeout(5):
                    while not hints.overruns:
                        await asyncio.sleep(0.001)
                assert tables(host) == dumped()

        run_async(live())

    def _cause_an_event(self, netns: Netns) -> None:
        netns.ip("addr add 192.0.2.9/32 dev lo")
        netns.udp("127.0.0.1", 53).close()


def test_netlink_that_is_refused_is_reported_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lowatch.kernel.event_socket.open_socket", _refuse)

    async def live() -> None:
        host = Host(EVERY_INTERFACE)
        with pytest.raises(NetlinkError, match="operation not permitted"):
            host.follow([HTTP], None)  # type: ignore[arg-type]
        host.close()

    run_async(live())


def _refuse(_protocol: int) -> socket.socket:
    raise NetlinkError("cannot open a netlink socket: operation not permitted")
