"""One address on two interfaces, and IPv6's duplicate address detection."""

from __future__ import annotations

import pytest

from lowatch.wire.rtnetlink import RTN_UNICAST
from tests.kernel_behaviour.asking import is_local, route_to, settle
from tests.support.duplicates import another_host_has
from tests.support.netns import Netns
from tests.support.waiting import eventually


@pytest.mark.parametrize("vip", ["192.0.2.10/32", "2001:db8::10/128"])
@pytest.mark.parametrize("taken_off", ["lo", "eth0"])
def test_it_stays_local(netns: Netns, vip: str, taken_off: str) -> None:
    netns.batch(["link add eth0 type bridge", "link set eth0 up"])
    for interface in "lo", "eth0":
        netns.ip(f"addr add {vip} dev {interface} nodad")
    settle(netns)
    netns.ip(f"addr del {vip} dev {taken_off}")
    address = vip.partition("/")[0]
    assert is_local(address)
    netns.ip(f"addr del {vip} dev {'eth0' if taken_off == 'lo' else 'lo'}")
    eventually(lambda: not is_local(address))


def test_an_address_that_failed_dad_is_not_local(netns: Netns) -> None:
    """Its prefix leads to the neighbours. On lo, which does no DAD, the same address is."""
    another_host_has(netns, "2001:db8::10/64")
    netns.ip("addr add 2001:db8::10/64 dev eth0")
    eventually(lambda: "dadfailed tentative" in netns.ip("-6 addr show dev eth0"))
    assert not is_local("2001:db8::10")
    assert route_to("2001:db8::10").type == RTN_UNICAST
    netns.ip("addr add 2001:db8::10/128 dev lo")
    eventually(lambda: is_local("2001:db8::10"))
