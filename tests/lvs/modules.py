"""What these tests need of a kernel."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

MODULES = ("ip_vs", "dummy", "vrf", "ipip")
_GUEST = Path("/run/guest/settings")
"""Made by tests/kernels/init.sh."""


def _is_for_guest() -> bool:
    """Whether this is a guest of tests/kernels, or tests/kernels/plan.py, which lists tests for one."""
    return _GUEST.exists() or "LOWATCH_KERNELS" in os.environ


def missing(modules: tuple[str, ...] = MODULES) -> list[str]:
    """The modules that this kernel neither has nor could load.

    In a guest of tests/kernels: none. What a kernel lacks there is a failure, not a reason to leave it out.
    """
    return [] if _is_for_guest() else [name for name in modules if not _has(name)]


def _has(module: str) -> bool:
    environment = os.environ | {"PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}
    command = ["modprobe", "--dry-run", "--quiet", module]
    try:
        return subprocess.run(command, env=environment, check=False).returncode == 0
    except FileNotFoundError:  # no kmod
        return False
