"""INET_DIAG_CGROUP_ID is the st_ino of the cgroup2 directory that a socket was made in."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kernel_behaviour.asking import lookup
from tests.support.netns import Netns

ROOTS = (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup"))


def own_cgroup() -> Path:
    root = next(root for root in ROOTS if (root / "cgroup.controllers").exists())
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    path = next(line.removeprefix("0::/") for line in lines if line.startswith("0::/"))
    return root / path


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_cgroup_id_is_the_directorys_inode_number(netns: Netns, protocol: str) -> None:
    (netns.listener if protocol == "tcp" else netns.udp)("0.0.0.0", 80)
    found = lookup("127.0.0.1", f"80/{protocol}")
    assert found is not None
    assert found.cgroup == own_cgroup().stat().st_ino
