"""The prober: what is answered at once, late, or never; and how many may be under way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from lowatch.core.addresses import Port, parse_address
from lowatch.core.known import Unknown
from lowatch.core.limits.kernel import PROBES
from lowatch.core.listeners import Connect, ConnectOutcome, Endpoint
from lowatch.kernel import probe as module
from lowatch.kernel.probe import PatientProber, Prober
from tests.support.aio import run_async
from tests.support.netns import Netns

_DESCRIPTORS = Path("/proc/self/fd")
SILENT = """
table inet silent { chain input { type filter hook input priority 0
    tcp dport 81 drop
    udp dport 81 drop
}; }
"""
REJECTED = """
table inet rejecting { chain input { type filter hook input priority 0
    tcp dport 82 reject with icmpx host-unreachable
    udp dport 82 reject with icmpx port-unreachable
}; }
"""
LEAVING = """
table inet leaving { chain output { type filter hook output priority 0
    meta l4proto { tcp, udp } th dport 83 reject with icmpx port-unreachable
    meta l4proto { tcp, udp } th dport 84 drop
}; }
"""


class Late:
    """Implements LateAnswers."""

    def __init__(self) -> None:
        self.answers: list[tuple[Endpoint, ConnectOutcome]] = []

    def connect_answered(self, endpoint: Endpoint, outcome: ConnectOutcome) -> None:
        self.answers.append((endpoint, outcome))


def to(address: str, number: int, protocol: str = "tcp") -> Endpoint:
    return Endpoint(parse_address(address), Port(number, protocol))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(module, "_PATIENCE", {"tcp": 0.2, "udp": 0.2})
    before = len(list(_DESCRIPTORS.iterdir()))
    yield
    assert len(list(_DESCRIPTORS.iterdir())) == before


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_what_a_connect_meets(netns: Netns, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # An ICMP error that comes while connect() is at work counts only with the next SYN, a second later.
    monkeypatch.setattr(module, "_PATIENCE", {"tcp": 2.0, "udp": 0.2})
    netns.listener("::", 80, v6only=False)
    echo = netns.udp("::", 53, v6only=False)
    netns.nft(SILENT + REJECTED)
    asked = [
        to(address, number, protocol) for protocol in ("tcp", "udp") for number in (79, 80, 81, 82, 53)
    ]
    refused, silent = Connect.REFUSED, Connect.TIMED_OUT
    met = run_async(PatientProber().connect(asked, Late()))
    assert met[:5] == [refused, Connect.ACCEPTED, silent, refused, refused]
    assert met[5:] == [refused, refused, silent, refused, silent]  # nobody answered the empty datagram
    assert echo.recv(10) == b""


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_what_is_dropped_on_its_way_out(
    netns: Netns, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """send() fails with EPERM. ICMP shows whether it was refused as well, as by IPVS without servers."""
    monkeypatch.setattr(module, "_PATIENCE", {"tcp": 2.0, "udp": 0.2})
    netns.nft(LEAVING)
    asked = [to(address, number, protocol) for protocol in ("tcp", "udp") for number in (83, 84)]
    met = run_async(PatientProber().connect(asked, Late()))
    assert met == [Connect.REFUSED, Connect.TIMED_OUT] * 2


def test_a_link_local_address_without_its_link(netns: Netns) -> None:
    assert (
        run_async(PatientProber().connect([to("fe80::1", 80), to("fe80::1", 53, "udp")], Late()))
        == [Connect.REFUSED] * 2
    )


def test_late_answers_are_reported(netns: Netns) -> None:
    netns.nft(SILENT)
    late = Late()
    slow, fast = to("127.0.0.1", 81), to("127.0.0.1", 79)

    async def live() -> list[ConnectOutcome]:
        prober = Prober()
        met = await prober.connect([slow, fast], late)
        async with asyncio.timeout(10):
            while not late.answers:
                await asyncio.sleep(0.01)
        prober.close()
        return met

    assert run_async(live()) == [Connect.PENDING, Connect.REFUSED]
    assert late.answers == [(slow, Connect.TIMED_OUT)]


def test_as_many_as_there_may_be(netns: Netns, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those beyond are not known; a single audit takes them in turn."""
    monkeypatch.setattr(PROBES, "value", 2)
    netns.nft(SILENT)
    several = [to(f"127.0.0.{number}", 81) for number in range(1, 6)]
    before = PROBES.times

    async def live() -> list[ConnectOutcome]:
        prober = Prober(2)
        met = await prober.connect(several, Late())
        prober.close()
        return met

    met = run_async(live())
    assert met[:2] == [Connect.PENDING] * 2
    assert all(isinstance(one, Unknown) for one in met[2:])
    assert PROBES.times == before + 3
    assert run_async(PatientProber().connect(several, Late())) == [Connect.TIMED_OUT] * 5
