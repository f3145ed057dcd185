"""lowatch as a unit of a booted machine, installed from its package.

unit.configure(settings(knot, 'domains = ["www.example.com:80"]'))
unit.start()                          # READY when this returns
unit.until(lambda: unit.orphan("www.example.com") == 1)
assert [entry["LOWATCH_STATE"] for entry in unit.entries("orphan-vip")] == ["firing"]
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from tests.support.booted import Machine
from tests.support.daemon import Daemon
from tests.support.dns_server import Knot
from tests.support.waiting import eventually

T = TypeVar("T")

UNIT = "lowatch.service"
DROP_IN = f"/run/systemd/system/{UNIT}.d/test.conf"
STATE = "/var/lib/private/lowatch"


def settings(knot: Knot | None, top: str, *, dns: str = "", tables: str = "") -> str:
    """As `configuration` of tests/support/daemon.py, with alerts going to the machine's journal."""
    nameservers = f'nameservers = ["{knot.nameserver}"]' if knot else ""
    return f"{top}\n[dns]\n{nameservers}\n{dns}\n{tables}\n"


class Unit(Daemon):
    """Its pages are read as those of any daemon; it lives and logs as systemd has it.

    What is told of the journal is what came since this object was made.
    """

    def __init__(self, machine: Machine, configuration: str = "") -> None:
        super().__init__(machine.path("/etc/lowatch"), configuration)
        self.machine = machine
        self._cursor = machine.cursor()

    # Its life.

    def start(self) -> None:
        """Returns when systemd has it that it is ready."""
        self.machine.run(f"systemctl start {UNIT}")

    def restart(self) -> None:
        self.machine.run(f"systemctl restart {UNIT}")

    def stop(self) -> tuple[int, float]:
        began = time.monotonic()
        self.machine.run(f"systemctl stop {UNIT}")
        return int(self.show("ExecMainStatus")), time.monotonic() - began

    def drop_in(self, text: str) -> None:
        """Change the unit's [Service] section for as long as the test lasts."""
        self.machine.write(DROP_IN, f"[Service]\n{text}\n")
        self.machine.run("systemctl daemon-reload")

    def show(self, name: str) -> str:
        """A property, as `systemctl show` has it."""
        return self.machine.show(UNIT, name)

    @property
    def pid(self) -> int:
        """As numbered inside; 0 where it does not run."""
        return int(self.show("MainPID"))

    def signal(self, number: signal.Signals) -> None:
        self.machine.run(f"systemctl kill --kill-who=main --signal={number} {UNIT}")

    def reload(self, text: str) -> None:
        """Write another configuration and `systemctl reload`. Raises CommandError."""
        self.configure(text)
        self.machine.run(f"systemctl reload {UNIT}")

    # What it tells.

    @property
    def log(self) -> str:
        """What it logged itself, line by line: neither its alerts nor what systemd says of it."""
        lines = self._journal(_SYSTEMD_UNIT=UNIT, _TRANSPORT="stdout")
        return "".join(f"{line['MESSAGE']}\n" for line in lines)

    def entries(self, kind: str | None = None) -> list[dict[str, Any]]:
        """Its alerts, as journald has them."""
        sent = [one for one in self._journal(SYSLOG_IDENTIFIER="lowatch") if "LOWATCH_KIND" in one]
        return [one for one in sent if kind in (None, one["LOWATCH_KIND"])]

    def announced(self, kind: str) -> list[str]:
        return [entry["LOWATCH_STATE"] for entry in self.entries(kind)]

    def _journal(self, **fields: str) -> list[dict[str, Any]]:
        return self.machine.journal(after=self._cursor, **fields)

    def until(self, look: Callable[[], T], timeout: float = 30.0) -> T:
        return eventually(look, timeout, self.machine.log)

    # Its package.

    @property
    def state(self) -> Path:
        """Its state directory, seen from outside."""
        return self.machine.path(STATE)
