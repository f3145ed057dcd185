"""`lowatch clean` in process, and all that the kernel says of addresses and routes."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from lowatch import wiring
from lowatch.cli.environment import Environment
from lowatch.cli.main import main
from lowatch.core.changes.rows import KernelState
from lowatch.kernel.changes.changer import Changer
from tests.support.checking import CommandResult

_PASSING = ("cstamp", "tstamp", "valid_life_time", "preferred_life_time")


class Picture(NamedTuple):
    """What `ip -d` and pyroute2 have to say, in the kernel's order."""

    addresses: list[Any]
    routes: list[Any]
    state: KernelState


def picture() -> Picture:
    """Of the calling thread's network namespace."""
    return Picture(
        [_lasting(link) for link in _ip("address", "show")],
        [*_ip("-4", "route", "show", "table", "all"), *_ip("-6", "route", "show", "table", "all")],
        _state(),
    )


def _state() -> KernelState:
    with Changer() as changer:
        addresses, routes = changer.state()
    return KernelState(tuple(row.lasting for row in addresses), routes)


def _ip(*arguments: str) -> list[Any]:
    done = subprocess.run(
        ["ip", "-d", "-j", *arguments], capture_output=True, text=True, check=True, timeout=60
    )
    found: list[Any] = json.loads(done.stdout or "[]")
    return found


def _lasting(link: Any) -> Any:
    """The addresses of a link, without lifetimes that run out; "forever" is 0xFFFFFFFF."""
    found = link.get("addr_info", [])
    for one in found:
        for name in _PASSING:
            if one.get(name) != 0xFFFFFFFF:
                one.pop(name, None)
        one.pop("tentative", None)
    return link["ifname"], found


class Cleaner:
    """Runs the command with a configuration, and with state and socket below a directory.

    wired: what it audits with. answers: what is typed at the terminal; None if there is none.
    """

    def __init__(self, directory: Path, configuration: str, wired: Any = wiring) -> None:
        self.wiring = wired
        self.directory = directory
        self.file = directory / "lowatch.toml"
        self.file.write_text(configuration)
        self.variables = {"RUNTIME_DIRECTORY": str(directory), "STATE_DIRECTORY": str(directory / "state")}

    def __call__(self, *arguments: str, answers: str | None = None) -> CommandResult:
        stdout, stderr = io.StringIO(), io.StringIO()
        environment = Environment(
            stdout,
            stderr,
            self.variables.get,
            lambda: self.wiring,
            stdin=None if answers is None else io.StringIO(answers),
            stderr_is_terminal=answers is not None,
        )
        code = main(["clean", *arguments], environment)
        return CommandResult(code, stdout.getvalue(), stderr.getvalue())

    def plan(self, *arguments: str) -> CommandResult:
        return self(*arguments, "-c", str(self.file))

    def apply(self, *arguments: str, answers: str | None = None) -> CommandResult:
        yes = () if answers is not None else ("--yes",)
        return self("--apply", *yes, *arguments, "-c", str(self.file), answers=answers)

    def undo(self) -> CommandResult:
        """With the latest script."""
        return self("--undo", str(self.scripts()[-1]))

    def scripts(self) -> list[Path]:
        return sorted(
            (self.directory / "state").glob("undo-*.sh"), key=lambda path: path.stat().st_mtime_ns
        )

    def killed_after(self, changes: int) -> int:
        """Applies in a process that is killed after so many changes; its exit status."""
        code = f"""
import os, signal, sys
from lowatch.app.cleaning import Cleaning
from lowatch.__main__ import main
take, left = Cleaning._take, [{changes}]
def taking(self, *arguments):
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    left[0] -= 1
    return take(self, *arguments)
Cleaning._take = taking
sys.argv = ["lowatch", "clean", "--apply", "--yes", "-c", {str(self.file)!r}]
sys.exit(main())
"""
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**self.variables, "PATH": "/usr/bin:/bin"},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return done.returncode
