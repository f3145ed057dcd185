"""Another host on the same link that has an address already."""

from __future__ import annotations

from tests.support.netns import Netns
from tests.support.waiting import eventually


def another_host_has(netns: Netns, address: str) -> Netns:
    """Join the namespace to another one, which holds the address, by an eth0 that is ready for DAD.

    Detection takes a few milliseconds there, not a second (RetransTimer, RFC 4861, 10).
    """
    other = netns.sibling()
    netns.ip(f"link add eth0 type veth peer name eth0 netns {other.path}")
    for place in other, netns:
        place.sysctl("net.ipv6.conf.eth0.optimistic_dad", 0)
        place.sysctl("net.ipv6.neigh.eth0.retrans_time_ms", 20)
        place.ip("link set eth0 up")
    other.ip(f"addr add {address} dev eth0 nodad")
    # A packet that is sent before both ends have a carrier is lost, and DAD would find nobody.
    eventually(
        lambda: "LOWER_UP" in netns.ip("link show eth0") and "LOWER_UP" in other.ip("link show eth0")
    )
    eventually(lambda: "tentative" not in netns.ip("-6 addr show dev eth0 scope link"))
    return other
