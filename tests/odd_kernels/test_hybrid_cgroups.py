"""systemd's hybrid hierarchy: controllers in cgroup v1, units in v1 and in v2 below unified/."""

from __future__ import annotations

from pathlib import Path

from tests.odd_kernels.units import UNIT, listener_in, served_by
from tests.support.netns import Netns

CGROUPS = Path("/sys/fs/cgroup")


def test_the_unit_is_found(netns: Netns, tmp_path: Path) -> None:
    assert (CGROUPS / "systemd/cgroup.procs").exists()
    assert not (CGROUPS / "cgroup.controllers").exists()
    with listener_in(netns, CGROUPS / "unified/system.slice" / UNIT):
        assert served_by(tmp_path)["unit"] == UNIT
