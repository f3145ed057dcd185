"""Real programs as clients: each refused one is counted, exactly once, and none that was served."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.netns.clients import (
    CLIENTS,
    PORT,
    VIP,
    VIP6,
    Client,
    count,
    greet,
    python,
    serving,
    until_reported,
)
from tests.support.daemon import Daemon, configuration
from tests.support.netns import Netns

MAPPED = f"::ffff:{VIP}"
REFUSED, SERVED = 100, 1_000


@pytest.fixture
def daemon(netns: Netns, tmp_path: Path) -> Iterator[Daemon]:
    """It knows no name at all."""
    netns.ip(f"addr add {VIP}/32 dev lo")
    netns.ip(f"addr add {VIP6}/128 dev lo nodad")
    with Daemon(tmp_path, configuration(None, "domains = []")) as running:
        yield running


@pytest.mark.parametrize("name", CLIENTS)
def test_each_refused_client_is_counted_and_no_served_one(daemon: Daemon, name: str) -> None:
    client = CLIENTS[name]
    with serving(client.answer or greet) as served:
        (client.served or client.run)(VIP, PORT, SERVED)
        daemon.until(lambda: served.times == SERVED)  # an abrupt client has gone before it is accepted
        until_reported(daemon)
        assert (count(daemon, PORT), count(daemon, 0)) == (0, 0)
    client.run(VIP, PORT, REFUSED)
    port = PORT if client.knows_port else 0
    daemon.until(lambda: count(daemon, port) >= REFUSED)
    until_reported(daemon, 2)
    assert count(daemon, port) == REFUSED
    assert count(daemon, 0 if port else PORT) == 0


@pytest.mark.parametrize("way", ["blocking", "timeout"])
@pytest.mark.parametrize(("address", "shown"), [(VIP6, VIP6), (MAPPED, VIP)])
def test_ipv6_clients(daemon: Daemon, way: str, address: str, shown: str) -> None:
    client = Client(python(way), knows_port=way == "timeout")
    port = PORT if client.knows_port else 0
    client.run(address, PORT, REFUSED)
    daemon.until(lambda: count(daemon, port, shown) == REFUSED)
    with serving():
        client.run(address, PORT, REFUSED)
        until_reported(daemon)
    assert count(daemon, port, shown) == REFUSED
