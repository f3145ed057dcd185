"""What brings a VIP back at boot, with the real programs: networkd, ifupdown, NetworkManager and FRR.

Cases 2 and 6: an address is deleted by hand, and at the next start of the program it is there again. The
`persist` of the fix is what has to be edited, and after that it stays away.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.service.conftest import settings
from tests.support.booted import Machine
from tests.support.booted_programs import FRR, IFUPDOWN, NETWORKD, NETWORKMANAGER, ZEBRA, Program
from tests.support.dns_server import Knot

WWW = "www.example.com"
FILE = "/etc/lowatch/back.toml"


@pytest.fixture(
    params=[NETWORKD, IFUPDOWN, NETWORKMANAGER, FRR, ZEBRA],
    ids=["networkd", "ifupdown", "NetworkManager", "frr.conf", "zebra.conf"],
)
def program(request: pytest.FixtureRequest, machine: Machine) -> Iterator[Program]:
    """It has started, as at boot, and added the VIP."""
    one: Program = request.param
    kept = machine.attempt(f"cat {one.file}").stdout
    machine.write(one.file, one.text)
    owner, mode = one.access.split()
    machine.run(f"chown {owner} {one.file}; chmod {mode} {one.file}")
    machine.run(one.start)
    machine.until(lambda: holds(machine))
    yield one
    machine.attempt(f"{one.stop}; rm -f {one.file}")
    if kept:
        machine.write(one.file, kept)


def holds(machine: Machine, vip: str = "192.0.2.20/32") -> bool:
    return vip in machine.run("ip address show dev lo")


def orphan(machine: Machine, knot: Knot) -> dict[str, Any]:
    machine.write(FILE, settings(knot, f'domains = ["{WWW}:80"]'))
    report = json.loads(machine.attempt(f"lowatch check -c {FILE} --format json").stdout)
    found: dict[str, Any] = next(one for one in report["findings"] if one["kind"] == "orphan-vip")
    return found


def test_the_line_that_brings_it_back(machine: Machine, program: Program) -> None:
    with Knot({"example.com": "www A 192.0.2.20"}) as knot:
        fix = orphan(machine, knot)["fixes"][-1]
        assert fix["commands"] == ["ip address del 192.0.2.20/32 dev lo"]
        assert fix["persist"] == (
            f"delete {program.file}:4 ({program.name}), which adds 192.0.2.20 at boot"
        )
        explained = machine.attempt(f"lowatch explain -c {FILE} {WWW}").stdout
        assert f"configured in {program.file}:4 ({program.name})" in " ".join(explained.split())

        machine.run(fix["commands"][0])
        assert not holds(machine)
        machine.run(program.start)
        machine.until(lambda: holds(machine))

        machine.run(f"sed -i 4d {program.file}")
        assert (
            orphan(machine, knot)["fixes"][-1]["persist"]
            == "nothing to change: no configuration file undoes it; a script may"
        )
        machine.run(f"{fix['commands'][0]}; ip address del 192.0.2.99/32 dev lo")
        machine.run(program.start)
        machine.until(lambda: holds(machine, "192.0.2.99/32"))
        assert not holds(machine)
