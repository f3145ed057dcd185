"""Nothing that lowatch does is lost to the unit's hardening, and the hardening is all there."""

import socket
import time

import pytest

from tests.service.conftest import WWW
from tests.support.booted import Machine
from tests.support.booted_unit import UNIT, Unit, settings
from tests.support.dns_server import Knot

SHIPPED = f"/lib/systemd/system/{UNIT}"
EXAMPLES = "/usr/share/doc/lowatch/examples"


def exposure_within(machine: Machine, file: str, tenths: int) -> None:
    """Raises CommandError where systemd-analyze finds it more exposed."""
    machine.run(f"systemd-analyze security --no-pager --offline=true --threshold={tenths} {file}")


def allow_list(machine: Machine) -> str:
    """The example of a drop-in that the package has."""
    (found,) = machine.run(f"find {EXAMPLES} -name ip-allow.conf.example").split()
    return machine.path(found).read_text()


def test_exposure_as_shipped(machine: Machine) -> None:
    exposure_within(machine, SHIPPED, 11)


def test_exposure_with_the_allow_list(machine: Machine) -> None:
    merged = machine.path(SHIPPED).read_text() + allow_list(machine)
    machine.write(f"/run/with-allow-list/{UNIT}", merged)
    exposure_within(machine, f"/run/with-allow-list/{UNIT}", 10)


def test_it_works_with_the_allow_list(machine: Machine, unit: Unit, knot: Knot) -> None:
    """Completed as it says. The kernel enforces it: nobody else is let in."""
    machine.netns.ip("addr add 198.51.100.1/32 dev lo")
    unit.drop_in(allow_list(machine).replace("[Service]", "") + "IPAddressAllow=192.0.2.0/24")
    everywhere = '[web]\nlisten = ["127.0.0.1:10048", "198.51.100.1:10048"]'
    unit.configure(settings(knot, f'hold = "0s"\ndomains = ["{WWW}:80"]', tables=everywhere))
    unit.start()
    unit.until(lambda: unit.entries("orphan-vip"))
    with pytest.raises(TimeoutError):
        socket.create_connection(("198.51.100.1", 10048), timeout=0.3)


def test_the_units_are_as_systemd_wants_them(machine: Machine) -> None:
    said = machine.attempt("systemd-analyze verify --man=no lowatch.service lowatch.socket")
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


def test_it_has_no_privilege(machine: Machine, watching: Unit) -> None:
    status = machine.path(f"/proc/{watching.pid}/status").read_text()
    fields = dict(line.split(":\t", 1) for line in status.splitlines())
    assert fields["CapEff"] == fields["CapBnd"] == fields["CapPrm"] == "0" * 16
    assert (fields["NoNewPrivs"], fields["Seccomp"]) == ("1", "2")
    assert "0" not in fields["Uid"].split()


def test_a_listener_is_known_by_its_unit(machine: Machine, watching: Unit) -> None:
    """By its cgroup. Its owner's uid is not to be had in a user namespace, and is not made up."""
    machine.start_web()
    watching.until(lambda: watching.orphan(WWW) == 0)
    (endpoint,) = watching.audit()["endpoints"]
    assert endpoint["verdict"] == "served"
    listener = endpoint["listener"]
    assert (listener["address"], listener["unit"]) == ("192.0.2.10", "web.service")
    assert listener["inode"] > 0
    assert listener["uid"] is None


def test_arp_ignore_is_read(machine: Machine, unit: Unit, knot: Knot) -> None:
    """ProcSubset=pid hides /proc/sys/net; it is bound to another place."""
    machine.netns.ip("link add nic0 type veth peer name nic1")
    try:
        machine.netns.ip("link set nic0 up")
        machine.netns.ip("addr add 192.0.2.200/24 dev nic0")
        unit.configure(settings(knot, f'hold = "0s"\ndomains = ["{WWW}:80"]'))
        unit.start()
        unit.until(lambda: unit.findings("arp-leak"))
        machine.netns.sysctl("net.ipv4.conf.all.arp_ignore", 1)
        machine.netns.sysctl("net.ipv4.conf.all.arp_announce", 2)
        unit.restart()
        assert unit.findings("arp-leak") == []
        assert "arp" not in {problem["source"] for problem in unit.audit()["problems"]}
    finally:
        machine.netns.ip("link del nic0")


def test_process_metrics(machine: Machine, watching: Unit) -> None:
    metrics = watching.metrics()
    assert 0.05 < metrics["process_cpu_seconds_total"] < 10
    assert 10e6 < metrics["process_resident_memory_bytes"] < 200e6
    assert metrics["process_virtual_memory_bytes"] > metrics["process_resident_memory_bytes"]
    assert 5 < metrics["process_open_fds"] < 50
    assert metrics["process_max_fds"] == int(watching.show("LimitNOFILESoft"))
    assert -30 < metrics["process_start_time_seconds"] - time.time() < 0


def test_sockets_of_others_are_seen(machine: Machine, watching: Unit) -> None:
    """A wildcard of another family, of no unit at all: sock_diag tells of every socket."""
    watching.until(lambda: watching.orphan(WWW) == 1)
    with machine.netns.listener("::", 80, v6only=False):
        watching.until(lambda: watching.orphan(WWW) == 0)
    watching.until(lambda: watching.orphan(WWW) == 1, timeout=2)


def test_files_are_followed(machine: Machine, unit: Unit, knot: Knot) -> None:
    """/etc/hosts and lowatch's own, and resolv.conf: by inotify, in a mount namespace of its own."""
    unit.configure(f'hold = "0s"\ndomains = ["{WWW}:80"]\n')
    unit.start()
    assert unit.orphans() == {}
    machine.write("/etc/hosts", f"127.0.0.1 localhost\n192.0.2.10 {WWW}\n")
    unit.until(lambda: unit.orphan(WWW) == 1)
    assert unit.audit()["endpoints"][0]["view"] == "hosts"
    machine.write("/etc/hosts", "127.0.0.1 localhost\n")
    unit.until(lambda: unit.orphans() == {})


def test_a_new_resolv_conf_is_followed(machine: Machine, unit: Unit) -> None:
    """Replaced by renaming, as DHCP clients do it: the file itself must not be bound into the namespace."""
    machine.netns.ip("addr add 192.0.2.10/32 dev lo")
    unit.configure(f'hold = "0s"\ndomains = ["{WWW}:80"]\n')
    unit.start()
    with Knot({"example.com": "www A 192.0.2.10"}, port=53):
        machine.write("/etc/resolv.conf.new", "nameserver 127.0.0.1\n")
        machine.run("mv /etc/resolv.conf.new /etc/resolv.conf")
        unit.until(lambda: unit.orphan(WWW) == 1)
        assert [endpoint["view"] for endpoint in unit.audit()["endpoints"]] == ["dns"]
        unit.until(lambda: unit.audit()["problems"] == [])  # getaddrinfo() has found the same
