"""The real journald, alone in namespaces of its own: no systemd is booted.

A test module runs itself again as their first process, by `told_beside_journald`; there its `main`
is to use `journald`, and print what happened as JSON.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.repository import ROOT

JOURNALD = "/lib/systemd/systemd-journald"
DIRECTORY = Path("/run/log/journal")
_PATIENCE = 300.0
"""Seconds, for what takes one: `make oldest` gets what the other parts of CI leave of the processors."""
CATALOG = ROOT / "packaging/catalog/lowatch.catalog"


def told_beside_journald(module: str, *arguments: object, alone: bool = True) -> Any:
    """What the module prints. alone: in a user namespace too, in which nobody but root exists."""
    namespaces = ["--mount", "--pid", "--fork", "--kill-child"]
    if alone:
        namespaces += ["--user", "--map-root-user"]
    command = ["unshare", *namespaces, sys.executable, "-m", module, *map(str, arguments)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False, cwd=ROOT)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


@contextmanager
def journald(keep: Path | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """In the first process of the namespaces. keep: where its files are copied to in the end."""
    for where in ("/run", "/var/log", "/mnt", "/var/lib/systemd", "/usr/lib/systemd/catalog"):
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", where], check=True)
    subprocess.run(["mount", "-t", "proc", "proc", "/proc"], check=True)
    Path("/mnt/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    subprocess.run(["mount", "--bind", "/mnt/machine-id", "/etc/machine-id"], check=True)
    for place in (Path("/run/systemd/journal"), DIRECTORY):
        place.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64M", "tmpfs", DIRECTORY], check=True)
    daemon = subprocess.Popen([JOURNALD], stdout=subprocess.DEVNULL, stderr=sys.stderr)
    try:
        deadline = time.monotonic() + _PATIENCE / 2
        while not Path("/run/systemd/journal/socket").exists():
            assert time.monotonic() < deadline, "journald made no socket"
            assert daemon.poll() is None, "journald ended"
            time.sleep(0.01)
        yield daemon
    finally:
        daemon.terminate()
        daemon.wait()
        if keep is not None:
            shutil.copytree(DIRECTORY, keep)


async def arrived(number: int) -> list[dict[str, Any]]:
    """The journal's entries, once there are so many: as `journalctl --follow` shows them.

    (--merge, for else it wants the boot's id in a journal that may still be empty.)
    """
    command = ["journalctl", f"--directory={DIRECTORY}", "--merge", "--identifier=lowatch", "--all"]
    follow = await asyncio.create_subprocess_exec(
        *command, "--output=json", "--follow", "--lines=all", stdout=asyncio.subprocess.PIPE, limit=1 << 24
    )
    assert follow.stdout is not None
    async with asyncio.timeout(_PATIENCE / 2):
        entries = [json.loads(await follow.stdout.readline()) for _ in range(number)]
    follow.terminate()
    await follow.wait()
    return entries


def explained() -> str:
    """The journal with the catalog's explanations, as `journalctl -x` shows it."""
    shutil.copy(CATALOG, "/usr/lib/systemd/catalog/")
    subprocess.run(["journalctl", "--update-catalog"], check=True)
    command = ["journalctl", f"--directory={DIRECTORY}", "-x", "--no-pager", "--output=short"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
