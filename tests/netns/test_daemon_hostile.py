"""The daemon beside a zone whose owner means harm: one innocent name, and its pages, must not feel it."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lowatch.config.settings import Nameserver
from tests.support.daemon import Daemon
from tests.support.dns_server import free_port
from tests.support.netns import Netns

WWW, VIP = "www.example.com", "192.0.2.10"
EVIL = [*(f"n{number}.evil" for number in range(100)), "_s0._tcp.evil", "_s1._tcp.evil"]


@contextmanager
def hostile_dns() -> Iterator[Nameserver]:
    """100 names of 4,000 addresses that change with each answer, two services of 2,400 targets."""
    port = free_port()
    command = [sys.executable, "-m", "tests.support.hostile_dns", str(port), "restless"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        try:
            yield Nameserver("127.0.0.1", port)
        finally:
            process.kill()


def configuration(nameserver: Nameserver) -> str:
    listed = ", ".join(f'"{name}"' for name in (WWW, *EVIL))
    return (
        f'hold = "0s"\nports = ["80/tcp"]\ndomains = [{listed}]\n'
        f'[dns]\nnameservers = ["{nameserver}"]\n[journal]\nenabled = false\n'
    )


def until_told(daemon: Daemon, state: str) -> None:
    """Until the last that was said of the innocent name is this. A scrape would cost more than all else."""
    daemon.until(lambda: [one.state for one in daemon.alerts if WWW in one.text][-1:] == [state], 60)


def test_one_hostile_zone_costs_no_other_name_its_alert(netns: Netns, tmp_path: Path) -> None:
    """Bounds for a busy machine: `make bench` has the figures of a quiet one. Once its alert never came."""
    netns.ip(f"addr add {VIP}/32 dev lo")
    with hostile_dns() as nameserver, Daemon(tmp_path, configuration(nameserver), ready=False) as daemon:
        for _ in range(2):
            until_told(daemon, "firing")
            with socket.create_server((VIP, 80)):
                until_told(daemon, "resolved")
        assert daemon.get("/-/healthy").status == 200
        status = Path(f"/proc/{daemon.pid}/status").read_text()
        assert int(status.partition("VmHWM:")[2].split()[0]) / 1024 < 200
        problems = daemon.audit()["problems"]
        assert any("addresses or SRV records over the limit" in one["message"] for one in problems)
