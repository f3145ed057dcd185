"""Changer against the real kernel: each step, its inverse, and what is refused."""

from __future__ import annotations

import errno
import os

import pytest

from lowatch.core.addresses import parse_address
from lowatch.core.changes.rows import AddressRow, ChangeError, RouteRow
from lowatch.core.held import Held
from lowatch.core.plan import Step
from lowatch.kernel.changes.changer import Changer, address_of, route_of
from tests.support.netns import Netns
from tests.support.waiting import eventually

VIP, VIP6 = parse_address("192.0.2.10"), parse_address("2001:db8::10")


def test_an_address_is_restored_with_all_that_it_had(netns: Netns) -> None:
    netns.ip("addr add 192.0.2.10/24 dev lo label lo:vip broadcast 192.0.2.255 metric 7 scope link")
    netns.ip("addr add 192.0.2.11/24 dev lo noprefixroute scope link")
    netns.ip("addr add 192.0.2.12 peer 198.51.100.7/24 dev lo")
    with Changer() as changer:
        before = changer.state()
        rows = [row for row in before.addresses if row.scope == 253 or row.peer]
        for row in reversed(rows):
            changer.delete_address(row)
        assert len(changer.state().addresses) == len(before.addresses) - 3
        for row in sorted(rows, key=before.addresses.index):
            changer.add_address(row)
        assert set(changer.state().addresses) == set(before.addresses)
        assert set(changer.state().routes) == set(before.routes)


@pytest.mark.parametrize("flags", ["nodad", "nodad preferred_lft 0", "nodad noprefixroute", "home"])
def test_an_ipv6_address_is_local_again_when_it_has_been_added(netns: Netns, flags: str) -> None:
    netns.ip(f"addr add 2001:db8::10/64 dev lo {flags}")
    with Changer() as changer:
        eventually(lambda: any(row.prefix.address == VIP6 for row in changer.state().routes))
        before = changer.state()
        row = address_of(Held(VIP6, 64, "lo"), before.addresses)
        changer.delete_address(row)
        changer.add_address(row)
        assert {one.lasting for one in changer.state().addresses} == {
            one.lasting for one in before.addresses
        }
        assert set(changer.state().routes) == set(before.routes)


def test_a_route_is_restored_where_it_was(netns: Netns) -> None:
    netns.ip("route add local 192.0.2.0/24 dev lo table local proto 66 mtu lock 1400")
    netns.ip("route append local 192.0.2.0/24 dev lo table local proto 67")
    with Changer() as changer:
        before = changer.state()
        first, second = (row for row in before.routes if row.protocol in (66, 67))
        for row in (first, second):
            changer.delete_route(row)
        changer.add_route(second)
        changer.add_route(first, "prepend")
        assert changer.state() == before


def test_steps_of_a_plan(netns: Netns) -> None:
    netns.ip("addr add 192.0.2.10/24 dev lo")
    netns.ip("route append local 192.0.2.10 dev lo table local proto 66")
    netns.ip("addr add 2001:db8::10/64 dev lo nodad")
    held = Held(VIP, 24, "lo")
    with Changer() as changer:
        eventually(lambda: any(row.prefix.length == 64 for row in changer.state().routes))
        added = changer.apply(Step("add", held), changer.state())
        assert isinstance(added, AddressRow)
        assert added.place in {row.place for row in changer.state().addresses}
        removed = changer.apply(Step("remove", held), changer.state())
        assert removed.place == ("lo", VIP, 24, None)
        route = Held(VIP, 32, "lo", "route", table=255)
        gone = changer.apply(Step("remove", route), changer.state())
        assert isinstance(gone, RouteRow)
        assert gone.protocol == 66
        unrouted = changer.apply(Step("unroute", Held(VIP6, 64, "lo")), changer.state())
        assert str(unrouted) == "2001:db8::/64 dev lo table 254"
        assert unrouted not in changer.state().routes


def test_what_the_kernel_refuses_is_told_in_one_line(netns: Netns) -> None:
    held = Held(VIP, 32, "lo")
    with Changer() as changer:
        with pytest.raises(
            ChangeError, match=r"^deleting 192\.0\.2\.10/32 dev lo: it is not there any more$"
        ):
            changer.apply(Step("remove", held), changer.state())
        with pytest.raises(ChangeError, match=r"^there is no interface gone0$"):
            changer.add_address(AddressRow("gone0", VIP, 32))
        changer.add_address(AddressRow("lo", VIP, 32))
        with pytest.raises(ChangeError, match=r"^adding 192\.0\.2\.10/32 dev lo: File exists") as raised:
            changer.add_address(AddressRow("lo", VIP, 32))
        assert raised.value.code == errno.EEXIST
        with pytest.raises(ChangeError, match=r"^deleting the route .*: it is not there any more$"):
            route_of(Step("remove", Held(VIP, 24, "lo", "route", table=100)), changer.state().routes)


def test_it_leaves_no_descriptor_behind(netns: Netns) -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208  # a count
    with Changer() as changer:
        changer.state()
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
