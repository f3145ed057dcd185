"""Who served an orphan last, by a real daemon: in the alert and the reports, and after a restart."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.daemon import Daemon, configuration
from tests.support.dns_server import Knot
from tests.support.netns import Netns

WWW = "www.example.com"
VIP = "192.0.2.10"


@pytest.fixture
def knot(netns: Netns) -> Iterator[Knot]:
    netns.ip(f"addr add {VIP}/32 dev lo")
    with Knot({"example.com": f"www A {VIP}"}) as running:
        yield running


@pytest.fixture
def daemon(knot: Knot, tmp_path: Path) -> Iterator[Daemon]:
    """Keeps state; not started. No announcement is held."""
    text = configuration(knot, f'hold = "0s"\ndomains = ["{WWW}:80"]')
    made = Daemon(tmp_path, text, state=True)
    yield made
    made.stop()


def served_last(daemon: Daemon) -> dict[str, Any]:
    """The `last_served` of the only finding, once it fires."""
    daemon.until(lambda: daemon.count("orphan-vip", "firing") == 1)
    (finding,) = daemon.findings()
    return dict(finding["last_served"])


def seconds(last: dict[str, Any]) -> float:
    return datetime.fromisoformat(last["until"]).timestamp()


def saved(daemon: Daemon) -> list[list[Any]]:
    """The rows of its file, and [] while there is none."""
    file = daemon.state_directory / "served.json"
    return list(json.loads(file.read_text())["served"]) if file.exists() else []


def test_it_is_in_the_alert_with_the_time_and_a_restart_keeps_it(netns: Netns, daemon: Daemon) -> None:
    listener = netns.listener(VIP, 80)
    daemon.start()
    assert daemon.orphan(WWW) == 0
    before = time.time()
    listener.close()
    last = served_last(daemon)
    assert int(before) <= seconds(last) <= time.time()
    daemon.until(lambda: daemon.announced("orphan-vip") == ["firing"])
    (alert,) = daemon.alerts
    assert "requests from this host fail; served " in alert.text
    assert f" until {last['until']}; firing since" in alert.text
    (finding,) = daemon.findings()
    daemon.stop()
    daemon.start()
    assert served_last(daemon) == last
    assert daemon.findings()[0]["message"] == finding["message"]
    assert daemon.announced("orphan-vip") == ["firing"], "it is the same finding, and told"
    with netns.listener(VIP, 80):
        daemon.until(lambda: daemon.announced("orphan-vip") == ["firing", "resolved"])
    assert seconds(served_last(daemon)) >= seconds(last), "of two lives, the last one counts"


def test_what_stopped_while_the_daemon_was_dead_was_last_seen_before(netns: Netns, daemon: Daemon) -> None:
    listener = netns.listener(VIP, 80)
    daemon.start()
    daemon.until(lambda: [row[:2] for row in saved(daemon)] == [[VIP, "80/tcp"]])
    daemon.kill()
    killed = time.time()
    listener.close()
    daemon.start()
    last = served_last(daemon)
    assert killed - 60 <= seconds(last) <= killed
    (finding,) = daemon.findings()
    assert finding["message"].endswith(f", last seen at {last['until']}")


def test_a_damaged_file_costs_the_memory_and_nothing_else(netns: Netns, daemon: Daemon) -> None:
    daemon.state_directory.mkdir(exist_ok=True)
    (daemon.state_directory / "served.json").write_bytes(b'{"schema": 1, "served": [')
    daemon.start()
    daemon.until(lambda: daemon.count("orphan-vip", "firing") == 1)
    (finding,) = daemon.findings()
    assert finding["last_served"] is None
    assert finding["message"].endswith("requests from this host fail")
    assert (daemon.state_directory / "served.json.damaged").exists()
    with netns.listener(VIP, 80):
        daemon.until(lambda: daemon.orphan(WWW) == 0)
    assert served_last(daemon)["until"]
