"""One booted machine with lowatch's package installed, for all tests that leave it as it was.

These tests need a real root, who may make cgroups and give any uid to a service: for an ordinary user,
root of a user namespace with one uid, they are not collected, and the summary says so.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.booted import Machine, lower_root
from tests.support.booted_unit import DROP_IN, STATE, Unit, settings
from tests.support.dns_server import Knot
from tests.support.package import built_deb
from tests.support.tracefs import missing

WWW = "www.example.com"
RESET = (
    "systemctl stop lowatch.socket lowatch.service web.service 2>/dev/null; systemctl reset-failed; "
    f"rm -rf {STATE} /etc/lowatch/lowatch.d/*; "
    f"if [ -e {DROP_IN} ]; then rm {DROP_IN}; systemctl daemon-reload; fi; "
    "ip addr flush dev lo scope global; cp /root/hosts /etc/hosts; : >/etc/resolv.conf; "
    "cd /proc/sys/net/ipv4/conf/all; echo 0 >arp_ignore; echo 0 >arp_announce"
)


def _is_real_root() -> bool:
    """Whether at least the uids of DynamicUser= (up to 65519) are ours to give.

    This may be read before an ordinary user became root of a user namespace, or after.
    """
    ranges = Path("/proc/self/uid_map").read_text().splitlines()
    return os.geteuid() == 0 and sum(int(line.split()[2]) for line in ranges) >= 65536


collect_ignore_glob = [] if _is_real_root() else ["test_*.py"]
HAS_RESOLVED = (lower_root() / "usr/lib/systemd/systemd-resolved").exists()
collect_ignore = [] if HAS_RESOLVED else ["test_lookups_resolved.py"]
collect_ignore += ["test_traced_service.py"] if missing() else []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if collect_ignore_glob:
        terminalreporter.write_line("tests/service boots machines, which takes root: sudo make test")
    elif collect_ignore:
        terminalreporter.write_line(
            "no systemd-resolved here: make debian12 and make debian13 test lookups through it"
        )


@pytest.fixture(scope="session")
def installed() -> Iterator[Machine]:
    with Machine() as machine:
        machine.copy(built_deb(), "/root/lowatch.deb")
        machine.run(f"cp /etc/hosts /root/hosts; dpkg --install /root/lowatch.deb; {RESET}")
        yield machine


@pytest.fixture
def machine(installed: Machine) -> Iterator[Machine]:
    """The test is inside its network; what it does to lowatch and to addresses is undone."""
    with installed.netns.entered():
        yield installed
        installed.run(RESET)


@pytest.fixture
def knot(machine: Machine) -> Iterator[Knot]:
    """Serves www.example.com, 192.0.2.10, which is held on lo."""
    machine.netns.ip("addr add 192.0.2.10/32 dev lo")
    with Knot({"example.com": "www A 192.0.2.10\nshop A 192.0.2.10"}) as running:
        yield running


@pytest.fixture
def unit(machine: Machine) -> Unit:
    """Not started, and watching nothing."""
    return Unit(machine)


@pytest.fixture
def watching(unit: Unit, knot: Knot) -> Unit:
    """Started, with www.example.com on port 80 as its only domain."""
    unit.configure(settings(knot, f'hold = "0s"\ndomains = ["{WWW}:80"]'))
    unit.start()
    return unit
