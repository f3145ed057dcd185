"""What is run in a guest: the features of its kernel, tests, and random worlds."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence

from .guest import CHECKOUT

SUITES = (
    "tests/kernel_behaviour",
    "tests/cases",
    "tests/lvs",
    "tests/netns",
    "tests/neighbours",
    "tests/service",
    "tests/tracing",
)
_LEFT_OUT = ("tests/service/test_package.py", "tests/netns/test_daemon_clients.py")
"""The first looks at every file of the host, and virtiofsd needs a descriptor for each. The second starts
thousands of programs, and tests/kernel_behaviour/test_failed_connects.py has what the kernel reports."""
WORLDS = 200
_FIXES_PER_WORLD = 4  # as `make oracle` has it: 500 fixes for 2,000 worlds


class SelectionError(Exception):
    """pytest found no test to run; the message has what it said."""


def script(arguments: Sequence[str], worlds: int) -> str:
    """The shell script of a guest. Its notes are the features; its status is 0 if all is as it should be.

    arguments: pytest's, as for `make test`; without a path among them they select from SUITES.
    """
    python = shlex.quote(sys.executable)
    lines = [
        f"{python} -m tests.kernels.features >&3",
        "exec 3>&-",
        "failed=0",
        f"{python} -m pytest -p no:cacheprovider {shlex.join(_selected(arguments))} || failed=1",
    ]
    if worlds:
        fixes = max(1, worlds // _FIXES_PER_WORLD)
        # The seed is given: a world that fails can be looked at on this kernel.
        count = f"--worlds {worlds} --fixes {fixes} --verify 0 --cleanings 0"
        lines.append(f"{python} -m tests.oracle {count} --seed 1 || failed=1")
    return "\n".join([*lines, "exit $failed"])


def _selected(arguments: Sequence[str]) -> list[str]:
    """pytest's arguments in the guest, with the files that have something to run.

    They are looked for here, as that takes a tenth of the time. It also compiles them.
    """
    paths = [one for one in arguments if (CHECKOUT / one.partition("::")[0]).exists()]
    where = [] if paths else list(SUITES)
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", *where, *arguments]
    # What only the guest's kernel can run is collected here all the same (tests/lvs/modules.py).
    environment = os.environ | {"LOWATCH_KERNELS": "guest"}
    done = subprocess.run(
        command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False
    )
    files = sorted({line.partition("::")[0] for line in done.stdout.splitlines() if "::" in line})
    if not paths:
        files = [file for file in files if file not in _LEFT_OUT]
    if done.returncode or not files:
        raise SelectionError(f"{done.stdout}{done.stderr}".strip())
    return [*arguments] if paths else [*arguments, *files]


def documented(version: str) -> dict[str, bool]:
    """The features that a kernel has and lacks, as docs/internals/kernels.md says."""
    text = (CHECKOUT / "docs/internals/kernels.md").read_text()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if "|" in line]
    head = next(row for row in rows if row[0] == "feature")
    column = head.index(version)
    table = rows[rows.index(head) + 2 :]
    return {row[0]: row[column] == "yes" for row in table if len(row) == len(head)}
