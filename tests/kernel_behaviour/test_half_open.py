"""What a listener gets of a connect that is reset before its answer is acknowledged: nothing."""

from __future__ import annotations

import select
import subprocess
import sys

import pytest

from lowatch.core.addresses import Port, parse_address
from lowatch.core.listeners import Connect, ConnectOutcome, Endpoint
from lowatch.kernel.half_open import HalfOpen
from lowatch.kernel.probe import PatientProber
from tests.support.aio import run_async
from tests.support.netns import Netns, as_ordinary_user
from tests.support.waiting import eventually
from tests.unit.kernel.test_probe import Late

ASK = """
import asyncio
from lowatch.core.addresses import Port, parse_address
from lowatch.core.listeners import Endpoint
from lowatch.kernel.half_open import HalfOpen
from lowatch.kernel.probe import PatientProber
endpoint = Endpoint(parse_address("192.0.2.10"), Port(80, "tcp"))
print(asyncio.run(PatientProber(HalfOpen).connect([endpoint], None))[0])
"""
VIPS = ("192.0.2.10", "2001:db8::10")


@pytest.fixture(autouse=True)
def vips(netns: Netns) -> None:
    netns.batch(["link set lo up", f"addr add {VIPS[0]}/32 dev lo", f"addr add {VIPS[1]}/128 dev lo nodad"])
    eventually(lambda: VIPS[1] in netns.ip("-6 route show table local"))  # a work queue adds it


def asked(vip: str) -> ConnectOutcome:
    prober, endpoint = PatientProber(HalfOpen), Endpoint(parse_address(vip), Port(80, "tcp"))
    return run_async(prober.connect([endpoint], Late()))[0]


def requests(netns: Netns) -> list[str]:
    return netns.run("ss", "-Htn", "state", "syn-recv").splitlines()


@pytest.mark.parametrize("vip", VIPS)
def test_the_application_does_not_notice(netns: Netns, vip: str) -> None:
    listener = netns.listener(vip, 80)
    assert [asked(vip) for _ in range(5)] == [Connect.ACCEPTED] * 5
    assert requests(netns) == [], "the reset has removed its request"
    assert select.select([listener], [], [], 0)[0] == [], "nothing was ever accepted"
    netns.sockets.connect(vip, 80)
    assert select.select([listener], [], [], 5)[0] == [listener]


@pytest.mark.parametrize("vip", VIPS)
def test_nothing_listens(netns: Netns, vip: str) -> None:
    assert asked(vip) is Connect.REFUSED


@pytest.mark.parametrize("vip", VIPS)
def test_a_full_queue_drops_the_syn(netns: Netns, vip: str) -> None:
    netns.full_listener(vip, 80)
    assert asked(vip) is Connect.TIMED_OUT


def test_it_takes_no_place_in_the_accept_queue(netns: Netns) -> None:
    netns.listener(VIPS[0], 80, backlog=1)
    assert [asked(VIPS[0]) for _ in range(20)] == [Connect.ACCEPTED] * 20
    for _ in range(2):
        netns.sockets.connect(VIPS[0], 80)


def test_without_a_privilege(netns: Netns) -> None:
    """Since 2026 a socket filter is taken from CAP_NET_ADMIN only; this way needs none."""
    netns.listener(VIPS[0], 80)
    done = subprocess.run(
        as_ordinary_user(sys.executable, "-c", ASK), capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("accepted\n", "")


def test_a_listener_for_mptcp_answers_as_well(netns: Netns) -> None:
    netns.listener(VIPS[0], 80, mptcp=True)
    assert asked(VIPS[0]) is Connect.ACCEPTED
