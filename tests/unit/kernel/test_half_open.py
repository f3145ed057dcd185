"""Half a connect: what is answered at once, late, or never; and that no descriptor stays open."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from lowatch.core.known import Unknown
from lowatch.core.listeners import Connect, ConnectOutcome, Endpoint
from lowatch.kernel import probe
from lowatch.kernel.half_open import HalfOpen, HalfOpenProber
from lowatch.kernel.probe import PatientProber, Prober
from tests.support.aio import run_async
from tests.support.netns import Netns
from tests.unit.kernel.test_probe import Late, to

_DESCRIPTORS = Path("/proc/self/fd")
RULES = """
table inet filtering { chain input { type filter hook input priority 0
    tcp dport 81 drop
    tcp dport 82 reject with tcp reset
    tcp dport 83 reject with icmpx host-unreachable
}
chain output { type filter hook output priority 0
    tcp dport 84 drop
    tcp dport 85 reject with icmpx admin-prohibited
    tcp sport 86 tcp flags & (syn | ack) == (syn | ack) drop
}; }
"""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(probe, "_PATIENCE", {"tcp": 0.2, "udp": 0.2})
    before = len(list(_DESCRIPTORS.iterdir()))
    yield
    assert len(list(_DESCRIPTORS.iterdir())) == before


def asked(*endpoints: Endpoint) -> list[ConnectOutcome]:
    return run_async(PatientProber(HalfOpen).connect(endpoints, Late()))


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
@pytest.mark.parametrize(
    ("port", "outcome"),
    [
        (80, Connect.ACCEPTED),
        (81, Connect.TIMED_OUT),
        (82, Connect.REFUSED),
        (83, Connect.REFUSED),
        (84, Connect.TIMED_OUT),
        (85, Connect.REFUSED),
        (86, Connect.TIMED_OUT),
        (87, Connect.REFUSED),
    ],
)
def test_each_outcome(netns: Netns, address: str, port: int, outcome: Connect) -> None:
    """87: nothing listens."""
    netns.ip("link set lo up")
    if port != 87:
        netns.listener(address, port)
    netns.nft(RULES)
    assert asked(to(address, port)) == [outcome]


def test_an_answer_that_comes_late(netns: Netns, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first SYN is lost, and the second one answered."""
    monkeypatch.setattr(probe, "_PATIENCE", {"tcp": 20.0, "udp": 0.2})
    netns.ip("link set lo up")
    netns.listener("127.0.0.1", 80)
    netns.nft(
        "table inet lossy { chain output { type filter hook output priority 0\n"
        "tcp dport 80 numgen inc mod 2 0 drop\n}; }"
    )
    late = Late()

    async def first_and_then() -> list[ConnectOutcome]:
        prober = Prober()
        met = await HalfOpenProber(prober).connect([to("127.0.0.1", 80)], late)
        while not late.answers:
            await asyncio.sleep(0.01)
        prober.close()
        return met

    assert run_async(first_and_then()) == [Connect.PENDING]
    assert late.answers == [(to("127.0.0.1", 80), Connect.ACCEPTED)]


def test_no_means(netns: Netns) -> None:
    async def with_no_room() -> list[ConnectOutcome]:
        return await HalfOpenProber(Prober(0)).connect([to("127.0.0.1", 80)], Late())

    (outcome,) = run_async(with_no_room())
    assert outcome == Unknown("connect", "0 other connects are pending")
