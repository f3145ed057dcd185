"""Who a socket belongs to, and how old an address is."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from lowatch.wire.rtnetlink import GROUP_IPV4_IFADDR, parse_address
from tests.kernel_behaviour.asking import NETLINK_ROUTE, hearing, lookup
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


def stamped(netns: Netns, address: str) -> tuple[float, float, float]:
    """Monotonic seconds before and after an address was added, and its stamp."""
    with hearing(NETLINK_ROUTE, GROUP_IPV4_IFADDR) as ear:
        before = time.monotonic()
        netns.ip(f"addr add {address}/32 dev lo")
        event = ear.until(lambda _: True)[-1]
        after = time.monotonic()
    message = parse_address(event.data, event.start, event.end)
    assert message is not None
    assert message.created is not None
    return before, after, message.created


def test_an_address_is_stamped_in_hundredths_of_a_second(netns: Netns) -> None:
    """Counted in jiffies, so compared with another stamp: they drift from what clocks say."""
    first, second, one = stamped(netns, "192.0.2.10")
    time.sleep(0.2)
    third, fourth, other = stamped(netns, "192.0.2.11")
    assert third - second - 0.03 <= other - one <= fourth - first + 0.03
