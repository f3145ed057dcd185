"""A daemon of its own for another network namespace: systemd puts it there, with all of its hardening."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any

import pytest

from tests.service.conftest import WWW
from tests.service.test_hardening import exposure_within
from tests.support.booted import Machine
from tests.support.booted_unit import Unit, settings

BLUE, STATE = "lowatch@blue.service", "/var/lib/private/lowatch@blue"
VIP = "192.0.2.10"
ADD = f"ip netns add blue; ip -n blue link set lo up; ip -n blue addr add {VIP}/32 dev lo"
CONFIGURATION = settings(None, f'hold = "0s"\ndomains = ["{WWW}:80"]')
ORPHAN = (
    f'lo_orphan_vip{{interface="lo",address="{VIP}",domain="{WWW}",port="80",protocol="tcp",netns="blue"}}'
)


@pytest.fixture(autouse=True)
def names(machine: Machine) -> Iterator[None]:
    """Only blue's /etc/hosts has the domain. The namespace itself is not there yet."""
    machine.run(f"mkdir -p /etc/netns/blue; echo {VIP} {WWW} >/etc/netns/blue/hosts")
    yield
    machine.run(
        "systemctl disable --now lowatch@blue.socket lowatch@blue.service; systemctl reset-failed; "
        f"rm -rf /etc/netns {STATE}; test ! -e /run/netns/blue || ip netns del blue"
    )


@pytest.fixture
def blue(machine: Machine) -> None:
    """The namespace, in which lo has the VIP."""
    machine.run(ADD)


def state(machine: Machine) -> str:
    return machine.show(BLUE, "ActiveState")


def findings(machine: Machine, kind: str) -> list[Any]:
    """Those that fire, by its control socket: its web pages need a socket unit."""
    said = machine.attempt("lowatch status --netns blue --format json").stdout
    return [row for row in json.loads(said)["firing"] if row["kind"] == kind] if said else []


def scraped() -> str:
    """The metrics, as Prometheus gets them: in the first network namespace."""
    client = HTTPConnection("127.0.0.1", 10049, timeout=30)
    client.request("GET", "/metrics")
    body = client.getresponse().read().decode()
    client.close()
    return body


def test_it_is_audited_beside_the_first(machine: Machine, unit: Unit, blue: None) -> None:
    unit.configure(CONFIGURATION)
    unit.start()
    machine.run("systemctl enable --now lowatch@blue.socket")
    unit.until(lambda: f"{ORPHAN} 1\n" in scraped())
    (entry,) = unit.until(lambda: unit.entries("orphan-vip"))
    assert (entry["LOWATCH_NETNS"], entry["_SYSTEMD_UNIT"]) == ("blue", BLUE)
    assert entry["LOWATCH_FIX"] == f"ip -n blue address del {VIP}/32 dev lo"
    assert entry["MESSAGE"].startswith(f"orphan-vip, network namespace blue: {WWW} resolves to {VIP} ")
    assert unit.findings() == []
    assert "netns=" not in unit.get("/metrics").body

    assert "(network namespace blue) is running: 1 critical" in machine.run("lowatch status --netns blue")
    row, *_ = json.loads(machine.run("lowatch history --netns blue --format json"))["occurrences"]
    assert (row["netns"], row["domain"], row["until"]) == ("blue", WWW, None)

    server = f"/usr/bin/python3 -m http.server --bind {VIP} 80"
    machine.run(f"systemd-run -q --unit=web.service -p NetworkNamespacePath=/run/netns/blue {server}")
    unit.until(lambda: f"{ORPHAN} 0\n" in scraped())
    explained = machine.run(f"lowatch explain --netns blue {WWW}:80")
    assert "web.service" in explained


def test_its_sysctls_are_read(machine: Machine, unit: Unit, blue: None) -> None:
    """From the mount that systemd made when it was inside. In the first namespace nothing leaks."""
    machine.netns.sysctl("net.ipv4.conf.all.arp_ignore", 1)
    machine.netns.sysctl("net.ipv4.conf.all.arp_announce", 2)
    machine.run(
        "ip -n blue link add eth0 type veth peer name eth1; ip -n blue link set eth1 up; "
        "ip -n blue link set eth0 up; ip -n blue addr add 192.0.2.1/24 dev eth0"
    )
    unit.configure(settings(None, f'hold = "0s"\nexpect = ["{VIP}"]'))
    machine.run(f"systemctl start {BLUE}")
    unit.until(lambda: findings(machine, "arp-leak"))
    settings_of_all = "cd /proc/sys/net/ipv4/conf/all; echo 1 >arp_ignore; echo 2 >arp_announce"
    machine.run(f"ip netns exec blue sh -ec '{settings_of_all}'")
    unit.until(lambda: not findings(machine, "arp-leak"), 90.0)


def test_it_waits_for_its_namespace_and_does_not_keep_it(machine: Machine, unit: Unit) -> None:
    unit.configure(CONFIGURATION)
    machine.run("systemctl enable --now lowatch@blue.socket")
    for _ in range(2):
        assert state(machine) == "inactive"
        said = machine.attempt("lowatch status --netns blue")
        assert (said.returncode, said.stderr) == (
            3,
            (
                "lowatch: not running: there is no /run/lowatch@blue/lowatch.sock, "
                "and no network namespace /run/netns/blue\n"
            ),
        )
        machine.run(f"{ADD}; ip link add outer type veth peer name inner netns blue")
        unit.until(lambda: state(machine) == "active")
        unit.until(lambda: f"{ORPHAN} 1\n" in scraped())
        machine.run("ip netns del blue")
        unit.until(lambda: state(machine) == "inactive")
        unit.until(
            lambda: machine.attempt("ip link show outer").returncode
        )  # its peer went with the namespace
    assert len(unit.entries("orphan-vip")) == 1  # it was never seen to end


def test_another_namespace_of_that_name_is_judged_anew(machine: Machine, unit: Unit, blue: None) -> None:
    unit.configure(CONFIGURATION)
    machine.run(f"systemctl start {BLUE}")
    unit.until(lambda: findings(machine, "orphan-vip"))
    machine.run("ip netns del blue; ip netns add blue")
    unit.until(lambda: unit.announced("orphan-vip") == ["firing", "resolved"])
    unit.until(lambda: state(machine) == "active")


def test_the_documented_commands_and_pages_for_one_that_runs(
    machine: Machine, unit: Unit, blue: None
) -> None:
    unit.configure(CONFIGURATION)
    machine.run("systemctl enable lowatch@blue.socket; systemctl enable --now lowatch@blue")
    unit.until(lambda: f"{ORPHAN} 1\n" in scraped())
    machine.run("systemctl disable --now lowatch@blue.socket; systemctl start lowatch@blue")
    machine.run("systemctl enable lowatch@blue.socket; systemctl restart lowatch@blue")
    unit.until(lambda: f"{ORPHAN} 1\n" in scraped())


def test_it_stops_when_it_is_told(machine: Machine, unit: Unit, blue: None) -> None:
    """Nothing starts it again."""
    machine.run(f"systemctl start {BLUE} lowatch@blue.socket; systemctl stop {BLUE}")
    states = machine.run(
        "systemctl is-active lowatch@blue.service lowatch@blue.path lowatch@blue.socket; true"
    )
    assert states.split() == ["inactive"] * 3
    machine.run("ip netns del blue; ip netns add blue")
    assert state(machine) == "inactive"


def test_a_bad_configuration_is_not_tried_again(machine: Machine, unit: Unit, blue: None) -> None:
    unit.configure("colour = 1")
    assert machine.attempt(f"systemctl start {BLUE}").returncode
    assert (state(machine), machine.show(BLUE, "NRestarts")) == ("failed", "0")
    unit.configure("")
    machine.run(f"systemctl start {BLUE}")


def test_a_reload_of_the_first_is_one_of_all(machine: Machine, unit: Unit, blue: None) -> None:
    unit.start()
    machine.run(f"systemctl start {BLUE}")
    unit.reload(CONFIGURATION)
    unit.until(lambda: findings(machine, "orphan-vip"))


def test_it_has_the_hardening_of_the_first(machine: Machine, unit: Unit, blue: None) -> None:
    machine.run(f"systemctl start {BLUE}")
    pid = machine.show(BLUE, "MainPID")
    fields = dict(
        line.split(":\t", 1) for line in machine.path(f"/proc/{pid}/status").read_text().splitlines()
    )
    assert fields["CapEff"] == fields["CapBnd"] == fields["CapPrm"] == "0" * 16
    assert (fields["NoNewPrivs"], fields["Seccomp"]) == ("1", "2")
    assert "0" not in fields["Uid"].split()
    exposure_within(machine, "/lib/systemd/system/lowatch@.service", 11)


def test_the_units_are_as_systemd_wants_them(machine: Machine) -> None:
    units = "lowatch@blue.service lowatch@blue.path lowatch@blue.socket"
    said = machine.attempt(f"systemd-analyze verify --man=no {units}")
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")
