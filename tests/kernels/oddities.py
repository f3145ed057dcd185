"""Kernels that lack what nearly all have: how each is made of Debian's, and which tests run there."""

from __future__ import annotations

import shlex
import sys
from typing import NamedTuple

_V1_CGROUPS = (
    "mount -t tmpfs cgroups /sys/fs/cgroup",
    "mkdir /sys/fs/cgroup/systemd /sys/fs/cgroup/pids",
    "mount -t cgroup -o none,name=systemd systemd /sys/fs/cgroup/systemd",
    "mount -t cgroup -o pids pids /sys/fs/cgroup/pids",
)


class Oddity(NamedTuple):
    """name: of a file of tests in tests/odd_kernels. append: for the kernel's command line.

    prepare: shell commands that make it odd, before the tests start.
    """

    name: str
    prepare: tuple[str, ...] = ()
    append: str = ""

    def script(self) -> str:
        """The shell script of its guest."""
        test = f"tests/odd_kernels/test_{self.name}.py"
        pytest = f"{shlex.quote(sys.executable)} -m pytest -p no:cacheprovider {test}"
        return "\n".join(["set -e", *self.prepare, f"LOWATCH_ODDITY={self.name} exec {pytest}"])


ODDITIES = {
    oddity.name: oddity
    for oddity in (
        Oddity("no_ipv6", append="ipv6.disable=1"),
        Oddity("no_socket_lookup", ("sysctl -qw kernel.modules_disabled=1",)),
        Oddity("no_udp_lookup", ("modprobe tcp_diag", "sysctl -qw kernel.modprobe=/bin/false")),
        Oddity("tiny_buffers", ("sysctl -qw net.core.rmem_max=2304 net.core.rmem_default=2304",)),
        Oddity(
            "hybrid_cgroups",
            (
                "umount /sys/fs/cgroup",
                *_V1_CGROUPS,
                "mkdir /sys/fs/cgroup/unified",
                "mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified",
            ),
        ),
        Oddity("v1_cgroups", ("umount /sys/fs/cgroup", *_V1_CGROUPS)),
        Oddity("no_cgroups", ("umount /sys/fs/cgroup",)),
    )
}
