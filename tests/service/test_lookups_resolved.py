"""`lowatch setup resolved` on a booted machine with systemd-resolved, and no other configuration.

From systemd 253 on, polkit lets lowatch ask; before, systemd-socket-proxyd passes its connections on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import dns.message
import dns.query
import pytest

from tests.support.booted import Machine
from tests.support.booted_unit import Unit
from tests.support.dns_server import Knot
from tests.support.package import built_deb

UNITS = ("dbus.service", "dbus.socket", "systemd-resolved.service")
VIP, ALT = "192.0.2.10", 8080
NAMES = ("stub", "nss", "bus", "late")
NETWORK = (
    f"ip addr add {VIP}/32 dev lo; ip link add veth0 type veth peer name veth1; "
    "ip addr add 198.51.100.1/24 dev veth0; ip link set veth0 up; ip link set veth1 up; "
    "ip route add default via 198.51.100.2"
)
"""resolved asks nobody while the host has no network."""
INSTALLED = ("/etc", "/run/systemd/system", "/run/lowatch*")
RULE = "/etc/polkit-1/rules.d/50-lowatch-resolved.rules"
PROXY = ("/etc/systemd/system/lowatch-resolved.service", "/etc/systemd/system/lowatch-resolved.socket")


class Scene(NamedTuple):
    machine: Machine
    unit: Unit

    @property
    def asks_polkit(self) -> bool:
        return int(self.machine.run("systemctl --version").split()[1]) >= 253

    def look_up(self, name: str) -> None:
        """By a way of its own for each name."""
        full = f"{name}.example.com"
        match name:
            case "nss":
                self.machine.run(f"getent ahosts {full}")
            case "bus":
                self.machine.run(f"resolvectl query {full}")
            case _:
                dns.query.udp(dns.message.make_query(full, "A"), "127.0.0.53", timeout=30)

    def learned(self) -> dict[str, str]:
        return {row["name"].partition(".")[0]: row["source"] for row in self.unit.audit()["names"]}

    def until_learned(self, name: str) -> None:
        def is_learned() -> bool:
            self.look_up(name)
            return self.learned().get(name) == "resolved"

        self.unit.until(is_learned)

    def orphans(self) -> list[dict[str, Any]]:
        return self.unit.findings("orphan-vip")


@pytest.fixture
def scene() -> Iterator[Scene]:
    """lowatch has only the configuration of its package, and asks the host's own nameserver."""
    zone = "\n".join(f"{name} A {VIP}" for name in NAMES)
    with Machine(also=UNITS) as machine, machine.netns.entered(), Knot({"example.com": zone}) as knot:
        machine.run(NETWORK)
        machine.copy(built_deb(), "/root/lowatch.deb")
        machine.run("dpkg --install /root/lowatch.deb")
        machine.write(
            "/etc/systemd/resolved.conf",
            f"[Resolve]\nDNS={knot.nameserver.host}:{knot.nameserver.port}\nFallbackDNS=\nDomains=~.\n"
            "LLMNR=no\nMulticastDNS=no\nDNSSEC=no\n",
        )
        machine.write("/etc/nsswitch.conf", "hosts: resolve [!UNAVAIL=return] dns\n")
        machine.run("ln --force --symbolic /run/systemd/resolve/stub-resolv.conf /etc/resolv.conf")
        machine.run("systemctl restart systemd-resolved lowatch")
        yield Scene(machine, Unit(machine))


def test_lookups_of_every_way_are_learned_and_refused_clients_make_them_orphans(scene: Scene) -> None:
    machine, unit = scene.machine, scene.unit
    machine.run("lowatch setup resolved")
    for name in ("stub", "nss", "bus"):
        scene.until_learned(name)
    unit.until(lambda: {row["severity"] for row in scene.orphans()} == {"info"})
    machine.run("systemctl restart systemd-resolved")
    scene.until_learned("late")
    unit.until(lambda: unit.audit()["complete"])

    for _ in range(3):
        machine.attempt(f"curl --silent http://nss.example.com:{ALT}/")
    unit.until(lambda: {row["port"] for row in scene.orphans()} == {ALT})
    found = {(row["domain"], row["address"], row["severity"]) for row in scene.orphans()}
    assert found == {(f"{name}.example.com", VIP, "critical") for name in NAMES}
    assert {row["refused"]["count"] for row in scene.orphans()} == {3}
    assert unit.findings("refused-vip") == []


def test_what_it_installs_is_shown_first_and_goes_when_it_is_undone(scene: Scene) -> None:
    machine = scene.machine
    before = machine.listing(*INSTALLED)
    shown = machine.run("lowatch setup resolved --dry-run")
    assert machine.listing(*INSTALLED) == before
    assert machine.run("lowatch setup resolved") == shown

    here, missing = ([RULE], PROXY) if scene.asks_polkit else (PROXY, [RULE])
    assert all(f"writing {file}:" in shown and machine.path(file).exists() for file in here)
    assert not any(file in shown or machine.path(file).exists() for file in missing)
    scene.until_learned("stub")

    machine.run("lowatch setup resolved --undo")
    assert machine.listing(*INSTALLED) == before
    assert machine.run("systemctl list-units --all --plain --no-legend 'lowatch-resolved*'") == ""
    scene.look_up("nss")
    assert scene.learned() == {}
    assert scene.unit.audit()["complete"]


def test_without_it_the_monitor_is_refused_and_that_is_said(scene: Scene) -> None:
    scene.machine.write("/etc/lowatch/lowatch.d/learn.toml", '[names]\nlearn = ["resolved"]\n')
    scene.unit.restart()
    refused = "resolved: permission denied (see `lowatch setup resolved`)"
    scene.unit.until(lambda: refused in [one["message"] for one in scene.unit.audit()["problems"]])
    assert not scene.unit.audit()["complete"]
