"""Units that start in a booted machine are noticed, before they listen."""

from __future__ import annotations

import asyncio

from lowatch.kernel.unit_starts import UnitStarts
from tests.support.aio import run_async
from tests.support.booted import Machine
from tests.support.booted_unit import Unit
from tests.support.dns_server import Knot

SERVER = "/usr/bin/python3 -m http.server --bind 192.0.2.10 80"


class Heard:
    """Implements StartHints."""

    def __init__(self) -> None:
        self.started = asyncio.Event()

    def unit_starts(self) -> None:
        self.started.set()


def test_a_service_makes_a_cgroup_as_it_starts(machine: Machine) -> None:
    """The machine's tree, seen from outside."""

    async def scenario() -> None:
        heard = Heard()
        starts = UnitStarts(heard, (machine.cgroup,))
        starts.open()
        try:
            assert starts.works
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(None, machine.run, "systemd-run --quiet --unit=web.service sleep 60")
            async with asyncio.timeout(30):
                await heard.started.wait()
        finally:
            starts.close()

    run_async(scenario())


def test_a_hardened_service_notices_it(machine: Machine, watching: Unit, knot: Knot) -> None:
    watching.until(lambda: watching.orphan("www.example.com") == 1)
    watches = machine.run(f"cat /proc/{watching.pid}/fdinfo/*").count("inotify wd:")
    slices = int(machine.run("find /sys/fs/cgroup -name '*.slice' | wc -l"))
    assert watches > slices, "those of its files come on top"
    machine.run(f"systemd-run --quiet --unit=web.service {SERVER}")
    watching.until(lambda: watching.orphan("www.example.com") == 0)
