"""The disk of the state directory is full: it is said once, and life goes on."""

from tests.service.conftest import WWW
from tests.support.booted import Machine
from tests.support.booted_unit import STATE, Unit, settings
from tests.support.dns_server import Knot

FULL = "cannot write the state file"
AGAIN = "can be written again"


def test_no_space_left(machine: Machine, unit: Unit, knot: Knot) -> None:
    machine.run(f"mkdir -p {STATE}; mount -t tmpfs -o size=64k,mode=700 tmpfs {STATE}")
    try:
        unit.configure(settings(knot, f'hold = "0s"\ndomains = ["{WWW}:80"]'))
        unit.start()
        unit.until(lambda: unit.announced("orphan-vip") == ["firing"])
        unit.until((unit.state / "findings.json").exists)
        machine.attempt(f"dd if=/dev/zero of={STATE}/filler bs=4k")
        machine.netns.ip("addr del 192.0.2.10/32 dev lo")
        unit.until(lambda: unit.announced("orphan-vip") == ["firing", "resolved"])
        unit.until(lambda: FULL in unit.log)
        machine.netns.ip("addr add 192.0.2.10/32 dev lo")
        unit.until(lambda: unit.announced("orphan-vip")[2:] == ["firing"])
        assert unit.get("/metrics").status == 200
        assert unit.log.count(FULL) == 1
        (unit.state / "filler").unlink()
        machine.netns.ip("addr del 192.0.2.10/32 dev lo")
        unit.until(lambda: AGAIN in unit.log)
        assert unit.log.count(FULL) == 1
        assert unit.show("NRestarts") == "0"
        unit.stop()
    finally:
        machine.run(f"systemctl stop lowatch; umount {STATE}")
