"""No cgroup is mounted at all, as in many containers."""

from __future__ import annotations

from pathlib import Path

from tests.odd_kernels.units import listener_in, served_by
from tests.support.netns import Netns

CGROUPS = Path("/sys/fs/cgroup")


def test_the_unit_is_not_known(netns: Netns, tmp_path: Path) -> None:
    """The verdict is; and the owner's uid."""
    assert list(CGROUPS.iterdir()) == []
    with listener_in(netns, None):
        listener = served_by(tmp_path)
    assert (listener["unit"], listener["uid"]) == (None, 0)
