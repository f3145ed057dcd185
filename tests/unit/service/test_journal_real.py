"""The journal sink against the real journald, alone in namespaces of its own: no systemd is booted.

The test runs this file again as their first process, which prints what happened as JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from lowatch.core.addresses import parse_address, parse_port
from lowatch.core.findings import Finding, Kind, Subject
from lowatch.core.lifecycle import Now, State, Tracked
from lowatch.report import alert
from lowatch.service.journal import JournalSink

JOURNALD = "/lib/systemd/systemd-journald"
NOW = Now(monotonic=5000.0, wall=1795403527.0)
STORM = 2000
"""Alerts while journald is stopped: far more than its socket takes (facts/service.md: 743)."""


def alarm(number: int) -> Tracked:
    subject = Subject(Kind.MISSING_VIP, address=parse_address("192.0.2.1"), domain=str(number))
    return Tracked(Finding(subject, "it is not held"), State.FIRING, NOW.wall, 0.0)


FULL = Tracked(
    Finding(
        Subject(
            Kind.ORPHAN_VIP,
            "lo",
            parse_address("2001:db8::10"),
            "www.example.com",
            parse_port("443/tcp"),
        ),
        "nothing listens",
        ("first line\nsecond line", "systemctl start nginx.service"),
    ),
    State.RESOLVED,
    NOW.wall - 60,
    NOW.monotonic,
)


@pytest.fixture(scope="module")
def outcome() -> dict[str, Any]:
    """{"entries": what journalctl reads back, "worst": seconds of the slowest announce, "dropped"}."""
    namespaces = ["--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child"]
    command = ["unshare", *namespaces, sys.executable, __file__]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    document: dict[str, Any] = json.loads(ran.stdout)
    return document


def test_journald_keeps_every_field(outcome: dict[str, Any]) -> None:
    full, bare, *_ = outcome["entries"]
    assert {name: full[name] for name in alert.fields(FULL, NOW)} == alert.fields(FULL, NOW)
    expected = alert.fields(alarm(0), NOW)
    assert expected["LOWATCH_FIX"] == ""
    assert {name: bare[name] for name in expected} == expected


def test_a_stopped_journald_stalls_nothing_and_gets_all_in_order_when_it_continues(
    outcome: dict[str, Any],
) -> None:
    assert [int(entry["LOWATCH_DOMAIN"]) for entry in outcome["entries"][1:]] == list(range(STORM + 1))
    assert outcome["dropped"] == 0
    assert outcome["worst"] < 0.5


async def scenario(journald: int) -> dict[str, Any]:
    sink = JournalSink(asyncio.get_running_loop(), capacity=STORM)
    sink.announce(FULL, NOW)
    sink.announce(alarm(0), NOW)
    await arrived(2)
    os.kill(journald, signal.SIGSTOP)
    worst = 0.0
    for number in range(1, STORM + 1):
        started = time.monotonic()
        sink.announce(alarm(number), NOW)
        worst = max(worst, time.monotonic() - started)
    os.kill(journald, signal.SIGCONT)
    entries = await arrived(STORM + 2)
    sink.close()
    return {"entries": entries, "worst": worst, "dropped": sink.dropped}


async def arrived(number: int) -> list[dict[str, Any]]:
    """The journal's entries, once there are so many: as `journalctl --follow` shows them.

    (--merge, for else it wants the boot's id in a journal that may still be empty.)
    """
    command = ["journalctl", "--directory=/run/log/journal", "--merge", "--identifier=lowatch"]
    follow = await asyncio.create_subprocess_exec(
        *command, "--output=json", "--follow", "--lines=all", stdout=asyncio.subprocess.PIPE
    )
    assert follow.stdout is not None
    async with asyncio.timeout(40):
        entries = [json.loads(await follow.stdout.readline()) for _ in range(number)]
    follow.terminate()
    await follow.wait()
    return entries


def inside() -> None:
    """As the first process of the namespaces."""
    for where in ("/run", "/var/log", "/mnt"):
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", where], check=True)
    subprocess.run(["mount", "-t", "proc", "proc", "/proc"], check=True)
    Path("/mnt/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    subprocess.run(["mount", "--bind", "/mnt/machine-id", "/etc/machine-id"], check=True)
    for where in ("/run/systemd/journal", "/run/log/journal"):
        Path(where).mkdir(parents=True)
    journald = subprocess.Popen([JOURNALD], stdout=subprocess.DEVNULL, stderr=sys.stderr)
    try:
        deadline = time.monotonic() + 20
        while not Path("/run/systemd/journal/socket").exists():
            assert time.monotonic() < deadline, "journald made no socket"
            assert journald.poll() is None, "journald ended"
            time.sleep(0.01)
        print(json.dumps(asyncio.run(scenario(journald.pid))))
    finally:
        journald.kill()
        journald.wait()


if __name__ == "__main__":
    inside()
