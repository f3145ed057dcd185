"""`lowatch ack` beside a running daemon: the finding, the metric and the journal follow it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.daemon import Daemon, configuration
from tests.support.dns_server import Knot
from tests.support.netns import Netns

WWW = "www.example.com"
ACCEPTED = (
    'lowatch_finding_acknowledged{kind="orphan-vip",interface="lo",address="192.0.2.10",'
    'domain="www.example.com"}'
)


@pytest.fixture
def knot(netns: Netns) -> Iterator[Knot]:
    netns.ip("addr add 192.0.2.10/32 dev lo")
    with Knot({"example.com": "www A 192.0.2.10"}) as running:
        yield running


@pytest.fixture
def daemon(knot: Knot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    with Daemon(tmp_path, configuration(knot, f'hold = "0s"\ndomains = ["{WWW}:80"]')) as running:
        running.until(lambda: running.announced("orphan-vip") == ["firing"])
        yield running


def ack(daemon: Daemon, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lowatch", "ack", *arguments, "-c", str(daemon.file)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_acknowledged_removed_and_fired_again(daemon: Daemon) -> None:
    why = ("--until", "2099-01-31T00:00:00Z", "--reason", 'kept "until" the move')
    assert daemon.metric(ACCEPTED) is None
    said = ack(daemon, "orphan-vip", "192.0.2.10", WWW, *why)
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout.splitlines()[1:] == ["1 finding matches it now"]
    daemon.until(lambda: daemon.metric(ACCEPTED) == 1)
    assert daemon.orphan(WWW) == 1  # the metric tells the truth all the while
    (row,) = daemon.findings("orphan-vip")
    assert row["state"] == "acknowledged"
    assert row["acknowledged"] == {"until": "2099-01-31T00:00:00Z", "reason": 'kept "until" the move'}
    assert ack(daemon, "--list").stdout.startswith(
        f"1 finding: orphan-vip, address 192.0.2.10, domain {WWW}"
    )

    command = [sys.executable, "-m", "lowatch", "status", "--format", "json"]
    status = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=120).stdout)
    (accepted,) = status["acknowledged"]
    assert (accepted["key"], accepted["acknowledged"]) == (row["key"], row["acknowledged"])
    assert status["acknowledgements"] == {"configured": 1, "expired": [], "unused": []}

    assert ack(daemon, "--remove", "orphan-vip", "192.0.2.10", WWW).returncode == 0
    daemon.until(lambda: daemon.announced("orphan-vip") == ["firing", "firing"])
    assert daemon.metric(ACCEPTED) is None
    assert "; no longer acknowledged (it was until 2099-01-31T00:00:00Z: kept" in daemon.log


def test_one_that_runs_out_is_announced(daemon: Daemon) -> None:
    plain, now = daemon.file.read_text(), datetime.now(UTC)
    daemon.reload(plain + accepted_until(now + timedelta(days=1)))
    daemon.until(lambda: daemon.count("orphan-vip", "acknowledged") == 1)
    daemon.reload(plain + accepted_until(datetime.now(UTC) + timedelta(seconds=1)))
    daemon.until(lambda: daemon.announced("orphan-vip") == ["firing", "firing"])
    assert daemon.count("orphan-vip", "acknowledged") == 0
    assert ": a moment); fix: " in daemon.log
    assert ack(daemon, "--list").stdout.startswith("expired: orphan-vip, until ")
    command = [sys.executable, "-m", "lowatch", "status"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    assert "Acknowledgements without effect\n  - expired: orphan-vip, until " in shown


def accepted_until(until: datetime) -> str:
    moment = until.isoformat(timespec="milliseconds")
    return f'\n[[acknowledge]]\nkind = "orphan-vip"\nuntil = {moment}\nreason = "a moment"\n'


def test_what_the_daemon_refuses_is_refused_before(daemon: Daemon) -> None:
    before = daemon.file.read_text()
    daemon.file.write_text(f"{before}\nwrong = 1\n")
    said = ack(daemon, "orphan-vip", "192.0.2.10", "--until", "2099-01-31", "--reason", "known")
    assert (said.returncode, said.stdout) == (2, "")
    assert not (daemon.file.parent / "lowatch.d").exists()
    assert daemon.findings("orphan-vip")[0]["state"] == "firing"
