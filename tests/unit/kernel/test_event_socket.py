"""Events of a real kernel, and what is said where some were lost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lowatch.kernel.event_socket import EventSocket
from lowatch.kernel.request_socket import NETLINK_ROUTE, NetlinkError
from lowatch.wire.netlink import Span
from lowatch.wire.rtnetlink import GROUP_IPV4_IFADDR, RTM_DELADDR, RTM_NEWADDR
from tests.support.aio import run_async
from tests.support.netns import Netns

PASS_ALL = (6).to_bytes(2, "little") + bytes(2) + b"\xff\xff\xff\xff"  # BPF_RET | BPF_K
PASS_NONE = (6).to_bytes(2, "little") + bytes(6)


class Heard:
    """The types of the messages, and the reasons why events were lost."""

    def __init__(self) -> None:
        self.types: list[int] = []
        self.lost: list[str] = []
        self._changed = asyncio.Event()

    def on_message(self, _data: bytes, span: Span) -> None:
        self.types.append(span.type)
        self._changed.set()

    def on_lost(self, reason: str) -> None:
        self.lost.append(reason)
        self._changed.set()

    async def until(self, types: list[int] | None = None, lost: int = 0) -> None:
        async with asyncio.timeout(30):
            while (types is not None and self.types != types) or len(self.lost) < lost:
                self._changed.clear()
                await self._changed.wait()


@contextmanager
def listening(heard: Heard, receive_buffer: int = 0, program: bytes = PASS_ALL) -> Iterator[EventSocket]:
    events = EventSocket(NETLINK_ROUTE, [GROUP_IPV4_IFADDR], program, heard)
    events.open(receive_buffer)
    try:
        yield events
    finally:
        events.close()


def test_each_change_is_a_message(netns: Netns) -> None:
    async def follow() -> None:
        heard = Heard()
        with listening(heard):
            netns.ip("addr add 192.0.2.10/32 dev lo")
            netns.ip("addr del 192.0.2.10/32 dev lo")
            await heard.until([RTM_NEWADDR, RTM_DELADDR])
        assert heard.lost == []

    run_async(follow())


def test_what_a_new_filter_lets_through_is_heard(netns: Netns) -> None:
    async def follow() -> None:
        heard = Heard()
        with listening(heard, program=PASS_NONE) as events:
            netns.ip("addr add 192.0.2.10/32 dev lo")
            events.replace_filter(PASS_ALL)
            netns.ip("addr del 192.0.2.10/32 dev lo")
            await heard.until([RTM_DELADDR])

    run_async(follow())


def test_an_overrun_is_reported_once_it_is_over(netns: Netns) -> None:
    async def follow() -> None:
        heard = Heard()
        with listening(heard, receive_buffer=1):
            netns.batch([f"addr add 10.0.{n // 250}.{n % 250 + 1}/32 dev lo" for n in range(1_000)])
            await heard.until(lost=1)
            assert heard.lost == ["the receive buffer overran"]
            heard.types.clear()
            netns.ip("addr add 192.0.2.10/32 dev lo")
            await heard.until([RTM_NEWADDR])

    run_async(follow())


def test_a_protocol_that_is_none_cannot_be_subscribed_to() -> None:
    async def subscribe() -> None:
        heard = Heard()
        events = EventSocket(NETLINK_ROUTE, [10_000], PASS_ALL, heard)
        with pytest.raises(NetlinkError):
            events.open()

    run_async(subscribe())
