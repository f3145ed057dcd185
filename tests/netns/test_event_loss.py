"""Overruns are certain one day: events are lost, and still the daemon ends up with the truth.

In process, so that the receive buffer is the kernel's default, and no sweep helps.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import closing
from pathlib import Path

import pytest

from lowatch.app import daemon as daemon_module
from lowatch.config.load import load
from lowatch.config.settings import Config
from lowatch.core.findings import FindingKind
from lowatch.core.lifecycle import FindingState
from lowatch.kernel.event_socket import EventSocket
from lowatch.kernel.request_socket import NETLINK_ROUTE
from lowatch.wire.netlink import Span
from lowatch.wire.rtnetlink import GROUP_IPV4_IFADDR, GROUP_IPV4_ROUTE, RTM_DELADDR, parse_address
from tests.support.aio import run_async
from tests.support.daemon import configuration
from tests.support.dns_server import Knot
from tests.support.netns import Netns
from tests.support.watching import DEFAULT_BUFFER, Observed, converged, fresh_audit, running, truth

PASS_ALL = (6).to_bytes(2, "little") + bytes(2) + b"\xff\xff\xff\xff"  # BPF_RET | BPF_K, all octets


BURST = [f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in range(256, 256 + 10_000)]
BURST_V6 = [f"2001:db8::{n:x}" for n in range(256, 256 + 500)]
LEFT_OVER = 1000
SERVED_IN_BURST = BURST[:5000:50]  # names lead to these; a wildcard serves them all
COMING_AND_GOING = [f"192.0.2.{n}" for n in range(1, 21)]
STEADY = [f"192.0.2.{n}" for n in range(101, 111)]
ZONE = "".join(
    f"{kind}{n} A {address}\n"
    for kind, addresses in (("burst", SERVED_IN_BURST), ("turn", COMING_AND_GOING), ("steady", STEADY))
    for n, address in enumerate(addresses)
)


def settings(knot: Knot, directory: Path) -> Config:
    """No hold: whatever is wrong for a moment is announced. That addresses are idle is expected."""
    names = [f'"burst{n}.example.com:80"' for n in range(len(SERVED_IN_BURST))]
    names += [f'"turn{n}.example.com:8080"' for n in range(len(COMING_AND_GOING))]
    names += [f'"steady{n}.example.com:8081"' for n in range(len(STEADY))]
    accepted = '[[acknowledge]]\nkind = "idle-vip"\nuntil = 2099-01-01\nreason = "the burst"'
    file = directory / "lowatch.toml"
    top = f'hold = "0s"\ndomains = [{", ".join(names)}]'
    file.write_text(configuration(knot, top, dns="max_qps = 10000", tables=accepted))
    return load(file)


class Turns:
    """Listeners on 8080 that come and go, a hundred times a second, until told to stop."""

    def __init__(self, netns: Netns) -> None:
        self._netns = netns
        self._open = {address: netns.listener(address, 8080) for address in COMING_AND_GOING}
        self._random = random.Random(1)

    async def until(self, done: asyncio.Event) -> None:
        while not done.is_set():
            self.take_one()
            await asyncio.sleep(0.01)

    def take_one(self) -> None:
        address = self._random.choice(COMING_AND_GOING)
        if address in self._open:
            self._open.pop(address).close()
        else:
            self._open[address] = self._netns.listener(address, 8080)


def test_10000_addresses_in_a_burst_while_listeners_come_and_go(
    netns: Netns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon_module, "SWEEP_EVERY", 3600.0)
    netns.batch(f"addr add {address}/32 dev lo" for address in COMING_AND_GOING + STEADY)
    netns.listener("0.0.0.0", 80)
    netns.listener("0.0.0.0", 8081)
    turns = Turns(netns)
    add = [f"addr add {address}/32 dev lo" for address in BURST]
    add += [f"addr add {address}/128 dev lo nodad" for address in BURST_V6]
    delete = [line.replace(" add ", " del ").removesuffix(" nodad") for line in add[LEFT_OVER:]]
    observed = Observed()

    async def storm() -> None:
        over = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(turns.until(over))
            for lines in (add, delete):
                await asyncio.to_thread(netns.batch, lines)
            over.set()

    async def scenario() -> None:
        async with running(config, observed, DEFAULT_BUFFER) as daemon:
            await storm()
            wanted = truth(await fresh_audit(config))
            assert len(wanted.held) > LEFT_OVER
            assert set(wanted.orphans.values()) == {0, 1}  # some listeners are gone, some are there
            await converged(daemon, wanted, 60)

    with Knot({"example.com": ZONE}) as knot:
        config = settings(knot, tmp_path)
        run_async(scenario(), timeout=180)
    assert observed.counts["overruns"] > 0
    assert observed.counts["resyncs"] > 1
    wrong = [
        one
        for one in observed.announced
        if one.finding.subject.kind is not FindingKind.ORPHAN_VIP
        or not (one.finding.subject.domain or "").startswith("turn")
    ]
    assert wrong == []
    assert {one.state for one in observed.announced} == {FindingState.FIRING, FindingState.RESOLVED}


def test_a_loss_is_reported_when_nothing_more_can_be_lost(netns: Netns) -> None:
    """From an overrun until its queue is empty the kernel drops all further events without a word.

    (NETLINK_S_CONGESTED, net/netlink/af_netlink.c.) Whoever looked at everything before that, and
    relied on events afterwards, would miss for ever what happened in between.
    """
    heard: list[str] = []

    class Listener:
        def on_message(self, data: bytes, span: Span) -> None:
            if span.type == RTM_DELADDR:
                found = parse_address(data, span.start, span.end)
                assert found is not None
                heard.append(".".join(map(str, found.local)))

        def on_lost(self, reason: str) -> None:
            heard.append("lost")
            netns.ip("addr del 192.0.2.1/32 dev lo")  # after the look that follows a loss
            netns.ip("addr add 192.0.2.1/32 dev lo")

    async def scenario() -> None:
        groups = (GROUP_IPV4_IFADDR, GROUP_IPV4_ROUTE)
        with closing(EventSocket(NETLINK_ROUTE, groups, PASS_ALL, Listener())) as events:
            events.open(DEFAULT_BUFFER)
            netns.batch(f"addr add {address}/32 dev lo" for address in BURST[:2000])  # nobody reads
            while not heard or heard[-1] != "192.0.2.1":
                await asyncio.sleep(0)

    netns.ip("addr add 192.0.2.1/32 dev lo")
    run_async(scenario())
    assert heard == ["lost", "192.0.2.1"]
