"""Host: what it keeps up by the kernel's events alone is what a dump would say."""

from __future__ import annotations

import random
import socket

import pytest

from lowatch.core.policy import Policy
from lowatch.kernel.request_socket import RequestSocket
from tests.netns.following import addresses, agreed, caught_up, dumped, following, routes, tables
from tests.support.aio import run_async
from tests.support.netns import CommandError, Netns

_NETWORKS = (
    "192.0.2.1/32",
    "192.0.2.2/32",
    "10.1.2.3/24",
    "10.1.2.4/24",
    "2001:db8::1/128",
    "2001:db8:1::3/64",
)
_ROUTES = ("10.9.0.0/16", "192.0.2.2/32", "192.0.2.9/32", "2001:db8:9::/48")
_DEVICES = ("lo", "eth0", "eth1")


def _command() -> str:
    """Anything that may happen to links, addresses and routes."""
    return random.choice((_address_command, _route_command, _route_command, _link_command))()


def _address_command() -> str:
    network, device = random.choice(_NETWORKS), random.choice(_DEVICES)
    return random.choice(
        (
            f"addr add {network} dev {device}",
            f"addr add {network} dev {device} noprefixroute",
            f"addr add 10.5.0.1 peer 10.5.1.{random.randint(1, 3)}/24 dev {device}",
            f"addr del {network} dev {device}",
            f"addr change {network} dev {device} preferred_lft {random.choice((0, 1000))}",
            f"addr flush dev {device}",
            f"-4 addr flush dev {device}",
        )
    )


def _route_command() -> str:
    route, device = random.choice(_ROUTES), random.choice(_DEVICES)
    verb = random.choice(("add", "add", "del", "replace", "replace", "append", "prepend"))
    table = random.choice(("local", "local", "local", "1000"))
    metric = random.choice(("", "", f"metric {random.randint(1, 2)}"))
    like = random.choice(("", "", "proto 66", "proto static", "src 10.1.2.3", "mtu 1300", "tos 4"))
    nexthop = random.randint(1, 2)
    return random.choice(
        (
            f"route {verb} local {route} dev {device} table {table} {metric} {like}",
            f"route {verb} local {route} dev {device} table {table} {metric} {like}",
            f"route {verb} local {route} nhid {nexthop} table {table} {metric} {like}",
            f"{random.choice(('', '-6'))} nexthop {verb} id {nexthop} dev {device}",
            f"route {verb} {random.choice(('blackhole', 'unreachable'))} {route} table local {metric}",
            f"route flush table {table} type local dev {device}",
        )
    )


def _link_command() -> str:
    number = random.randint(2, 3)
    return random.choice(
        (
            f"link set {random.choice(_DEVICES)} {random.choice(('up', 'up', 'down'))}",
            f"link set eth0 mtu {random.randint(1400, 1500)}",
            f"link set eth1 name eth{number}",
            f"link set eth{number} name eth1",
            "link add eth1 type bridge",
            "link del eth1",
            "link set lo up",
        )
    )


def test_the_followed_tables_are_what_a_dump_says() -> None:
    """Whatever happens, in whatever order. (Commands that the kernel refuses are part of it.)"""
    for _ in range(12):
        with Netns() as netns, netns.entered():
            netns.batch(["link add eth0 type bridge", "link add eth1 type bridge", "link set eth0 up"])
            netns.sysctl("net.ipv4.nexthop_compat_mode", random.randint(0, 1))
            done: list[str] = []
            try:
                run_async(_live_through(netns, done))
            except AssertionError as error:
                raise AssertionError("\n".join(["after", *done, str(error)])) from None


async def _live_through(netns: Netns, done: list[str]) -> None:
    async with following() as (host, _):
        for _ in range(12):
            command = _command()
            try:
                netns.ip(command)
            except CommandError:
                done.append(f"ip {command} (refused)")
            else:
                done.append(f"ip {command}")
            await caught_up()
            if random.random() < 0.3:
                await agreed(host)
        await agreed(host)


class TestWhatIsHeard:
    def test_an_address_comes_and_goes(self, netns: Netns) -> None:
        async def live() -> None:
            async with following() as (host, hints):
                before = host.generation
                netns.ip("addr add 192.0.2.1/32 dev lo")
                await caught_up()
                assert "192.0.2.1" in addresses(host)
                assert "192.0.2.1/32" in hints.touched
                assert host.generation > before
                netns.ip("addr del 192.0.2.1/32 dev lo")
                await caught_up()
                assert "192.0.2.1" not in addresses(host)
                assert set(hints.touched) == {"192.0.2.1/32"}, "another address is left"
                assert hints.events["address"] == 2
                assert hints.events["route"] >= 2

        run_async(live())

    def test_the_ipv4_routes_that_go_silently_are_missed_at_once(self, netns: Netns) -> None:
        """Deleting the last IPv4 address of lo: no event tells of the routes."""

        async def live() -> None:
            netns.ip("route add local 10.9.0.0/16 dev lo")
            async with following() as (host, hints):
                assert routes(host) == {"10.9.0.0/16 lo"}
                netns.ip("addr del 127.0.0.1/8 dev lo")
                await caught_up()
                assert routes(host) == set()
                assert "any" in hints.touched

        run_async(live())

    def test_one_deletion_among_many_costs_no_dump(
        self, netns: Netns, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def live() -> None:
            netns.batch([f"addr add 192.0.2.{number}/32 dev lo" for number in range(1, 50)])
            async with following() as (host, hints):
                dumps: list[bytes] = []
                monkeypatch.setattr(RequestSocket, "dump", lambda _, request: dumps.append(request))
                netns.ip("addr del 192.0.2.7/32 dev lo")
                await caught_up()
                assert set(hints.touched) == {"192.0.2.7/32"}
                assert "192.0.2.7" not in addresses(host)
                assert dumps == []

        run_async(live())

    def test_a_route_that_prefers_a_source_goes_with_it(self, netns: Netns) -> None:
        """Of table main; before Linux 6.6 silently (docs/internals/kernel.md)."""

        async def live() -> None:
            netns.ip("addr add 192.0.2.1/32 dev lo")
            netns.ip("route add local 10.9.0.0/16 dev lo src 192.0.2.1 table main")
            async with following() as (host, hints):
                netns.ip("addr del 192.0.2.1/32 dev lo")
                await caught_up()
                assert routes(host) == set()
                assert "any" in hints.touched

        run_async(live())

    def test_a_route_in_place_of_another(self, netns: Netns) -> None:
        async def live() -> None:
            netns.batch(["link add eth0 type bridge", "link set eth0 up"])
            netns.ip("route add local 10.9.0.0/16 dev lo")
            async with following() as (host, _):
                netns.ip("route replace local 10.9.0.0/16 dev eth0")
                await caught_up()
                assert routes(host) == {"10.9.0.0/16 eth0"}
                netns.ip("route replace blackhole 10.9.0.0/16 table local")
                await caught_up()
                assert routes(host) == set()

        run_async(live())

    def test_a_rule_may_lead_any_address_away(self, netns: Netns) -> None:
        async def live() -> None:
            async with following() as (_, hints):
                netns.ip("rule add pref 50 to 192.0.2.1 blackhole")
                await caught_up()
                assert hints.touched == ["any"]
                assert hints.events == {"rule": 1}

        run_async(live())

    def test_what_changes_nothing_touches_nothing(self, netns: Netns) -> None:
        async def live() -> None:
            netns.ip("link add eth0 type bridge")
            async with following() as (host, hints):
                before = host.generation
                netns.ip("link set eth0 mtu 1400")
                await caught_up()
                assert hints.events["link"] == 1
                assert hints.touched == []
                assert host.generation == before

        run_async(live())


class TestLinks:
    def test_a_link_comes_is_renamed_and_goes_with_its_addresses(self, netns: Netns) -> None:
        async def live() -> None:
            async with following() as (host, _):
                netns.batch(["link add dummy0 type bridge", "addr add 192.0.2.1/32 dev dummy0"])
                await caught_up()
                index = socket.if_nametoindex("dummy0")
                assert (host.interface(index), host.watches(index)) == ("dummy0", True)
                netns.ip("link set dummy0 name kube-ipvs0")
                await caught_up()
                assert host.interface(index) == "kube-ipvs0"
                assert {held.interface for held in tables(host).held if held.prefixlen == 32} == {
                    "kube-ipvs0"
                }
                netns.ip("link del kube-ipvs0")
                await caught_up()
                assert (host.interface(index), host.watches(index)) == (None, False)
                assert "192.0.2.1" not in addresses(host)

        run_async(live())

    def test_a_rename_takes_addresses_into_view_and_out_of_it(self, netns: Netns) -> None:
        async def live() -> None:
            netns.batch(["link add eth0 type bridge", "addr add 192.0.2.1/32 dev eth0"])
            async with following() as (host, hints):
                host.replace_watches(Policy(("vip*",)))
                assert addresses(host) == set()
                netns.ip("link set eth0 name vip0")
                await caught_up()
                assert addresses(host) == {"192.0.2.1"}
                assert "any" in hints.touched
                netns.ip("link set vip0 name eth0")
                await caught_up()
                assert addresses(host) == set()

        run_async(live())

    def test_lo_goes_down_and_up(self, netns: Netns) -> None:
        async def live() -> None:
            netns.batch(["addr add 192.0.2.1/32 dev lo", "addr add 2001:db8::1/128 dev lo"])
            async with following() as (host, _):
                await agreed(host)
                netns.ip("link set lo down")
                await caught_up()
                assert not tables(host).loopback_up
                assert addresses(host) == {"127.0.0.1", "192.0.2.1"}
                netns.ip("link set lo up")
                await agreed(host)
                assert tables(host).loopback_up
                assert addresses(host) == {"127.0.0.1", "192.0.2.1", "::1"}

        run_async(live())

    def test_a_link_that_moves_away_and_back(self, netns: Netns) -> None:
        async def live() -> None:
            other = netns.sibling()
            netns.batch(["link add eth0 type veth peer name eth1", "addr add 192.0.2.1/32 dev eth0"])
            async with following() as (host, _):
                netns.ip(f"link set eth0 netns {other.path}")
                await caught_up()
                assert tables(host) == dumped()
                assert "192.0.2.1" not in addresses(host)

        run_async(live())

    def test_a_bridge_port_is_still_the_link_it_was(self, netns: Netns) -> None:
        """AF_BRIDGE messages of the link group speak of ports: one that leaves is no link that goes."""

        async def live() -> None:
            netns.batch(["link add br0 type bridge", "link add eth0 type veth peer name eth1"])
            netns.batch(["addr add 192.0.2.1/32 dev eth0", "link set eth0 master br0"])
            async with following() as (host, _):
                netns.ip("link set eth0 nomaster")
                await caught_up()
                assert tables(host) == dumped()
                assert "192.0.2.1" in addresses(host)

        run_async(live())
