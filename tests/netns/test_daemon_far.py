"""A name that leads elsewhere is asked for rarely, and at once when an address is added."""

from __future__ import annotations

import errno
import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.checking import lowatch
from tests.support.daemon import Daemon, configuration
from tests.support.dns_server import Knot
from tests.support.netns import Netns
from tests.support.repository import ROOT
from tests.support.waiting import quickest

RESTING_SOON = (sys.executable, str(ROOT / "tests" / "support" / "resting_soon.py"))
COUNT = 40
NAMES = [f"n{number}.example.com" for number in range(COUNT)]
SOON = 0.25
"""Seconds from `ip addr add` to the series: an audit, a query, another audit, a scrape."""


def zone(*vips: str) -> str:
    """The first names lead to these addresses, the others elsewhere; TTL 0."""
    leads = [*vips, *["198.51.100.1"] * (COUNT - len(vips))]
    return "\n".join(f"n{number} 0 A {address}" for number, address in enumerate(leads))


@pytest.fixture
def knot(netns: Netns) -> Iterator[Knot]:
    netns.ip("addr add 192.0.2.200/32 dev lo")
    netns.ip("addr add 2001:db8::200/128 dev lo")  # otherwise the AAAA rest in any case
    with Knot({"example.com": zone()}, negative_ttl=0) as running:
        yield running


def settings(knot: Knot, far_ttl: str) -> str:
    domains = ", ".join(f'"{name}:80"' for name in NAMES)
    dns = f'min_ttl = "10ms"\nfar_ttl = "{far_ttl}"'
    return configuration(knot, f'hold = "0s"\ndomains = [{domains}]', dns=dns)


@pytest.fixture
def daemon(knot: Knot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    with Daemon(tmp_path, settings(knot, "1h"), prefix=RESTING_SOON) as running:
        yield running


def said(*arguments: str) -> str:
    return lowatch(*arguments, variables=os.environ).stdout


def resting() -> int:
    count: int = json.loads(said("status", "--format", "json"))["dns"]["far_names"]
    return count


def queries(daemon: Daemon) -> float:
    metrics = daemon.metrics()
    return sum(metrics[name] for name in metrics if name.startswith("lowatch_dns_queries_total{"))


def test_an_address_that_is_added_is_found_at_once(netns: Netns, knot: Knot, daemon: Daemon) -> None:
    vips: list[str] = []

    def seconds() -> float:
        daemon.until(lambda: resting() == COUNT - len(vips))
        vip = f"192.0.2.{len(vips) + 1}"
        knot.replace("example.com", zone(*vips, vip))
        asked = queries(daemon)
        assert daemon.orphan(NAMES[len(vips)], vip) is None
        began = time.monotonic()
        netns.ip(f"addr add {vip}/32 dev lo")
        daemon.until(lambda: daemon.orphan(NAMES[len(vips)], vip) == 1)
        took = time.monotonic() - began
        daemon.until(lambda: queries(daemon) >= asked + COUNT - len(vips))
        vips.append(vip)
        return took

    assert quickest(seconds, SOON) < SOON


def test_a_record_that_is_changed_is_found_as_soon_as_clients_are_refused(
    netns: Netns, knot: Knot, daemon: Daemon
) -> None:
    """The address was held before, so nothing but its clients tells."""
    daemon.until(lambda: resting() == COUNT)
    knot.replace("example.com", zone("192.0.2.200"))
    for _ in range(3):
        with socket.socket() as client:
            assert client.connect_ex(("192.0.2.200", 80)) == errno.ECONNREFUSED
    daemon.until(lambda: daemon.orphan(NAMES[0], "192.0.2.200") == 1)


def test_it_says_when_a_name_is_asked_for_and_why(netns: Netns, knot: Knot, daemon: Daemon) -> None:
    daemon.until(lambda: resting() == COUNT)
    assert f"{COUNT} names that never led to this host: asked for every 1 h" in words("status")
    explained = words("explain", "-c", str(daemon.file), NAMES[0])
    assert "asked next A in " in explained
    assert "(it never led to this host: dns.far_ttl)" in explained
    assert "at once when an address is added, or clients are refused" in explained


def test_a_reload_without_far_ttl_asks_by_the_ttl_again(netns: Netns, knot: Knot, daemon: Daemon) -> None:
    daemon.until(lambda: resting() == COUNT)
    daemon.reload(settings(knot, "0s"))
    asked = queries(daemon)
    daemon.until(lambda: queries(daemon) > asked + 8 * COUNT)
    assert resting() == 0


def words(*arguments: str) -> str:
    return " ".join(said(*arguments).split())
