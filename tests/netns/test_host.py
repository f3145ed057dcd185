"""Host: its tables, as dumps fill them, and what it says when it cannot see."""

from __future__ import annotations

import ipaddress
import json
import random
import resource
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from lowatch.core.addresses import Address, Prefix, format_address, parse_address, parse_prefix
from lowatch.core.held import NOT_ROUTED, Delivery, Held
from lowatch.core.known import Known, Unknown
from lowatch.core.listeners import Endpoint
from lowatch.core.policy import Policy
from lowatch.kernel.host import Host
from lowatch.wire.rtnetlink import dump_local_routes
from tests.netns.following import EVERY_INTERFACE, HTTP, dumped, tables
from tests.oracle.generate import generate
from tests.oracle.stage import staged
from tests.support.netns import Netns


@pytest.fixture
def host() -> Iterator[Host]:
    with closing(Host(EVERY_INTERFACE)) as made:
        yield made


def held(host: Host) -> dict[tuple[str, str], Held]:
    """By prefix and interface."""
    return {
        (f"{format_address(one.address)}/{one.prefixlen}", one.interface): one for one in tables(host).held
    }


class TestTables:
    def test_addresses_are_those_of_ip(self, netns: Netns, host: Host) -> None:
        netns.batch(
            [
                "link add eth0 type bridge",
                "link set eth0 up",
                "addr add 192.0.2.1/32 dev lo label lo:vip",
                "addr add 10.1.2.3/24 dev lo noprefixroute",
                "addr add 10.1.2.4/24 dev eth0",
                "addr add 10.1.2.5/24 dev eth0",
                "addr add 10.5.0.1 peer 10.5.1.2/24 dev lo",
                "addr add 2001:db8::1/128 dev lo preferred_lft 0",
                "addr add 2001:db8:5::1 peer 2001:db8:5::2/128 dev lo",
                "addr add 2001:db8::2/64 dev eth0 nodad",
            ]
        )
        listed = {}
        for link in json.loads(netns.ip("-j addr show")):
            for info in link["addr_info"]:
                address = str(ipaddress.ip_address(info["local"]))
                listed[f"{address}/{info['prefixlen']}", link["ifname"]] = info
        found = {key: one for key, one in held(host).items() if one.by == "address"}
        assert found.keys() == listed.keys()
        for key, one in found.items():
            assert one.label == listed[key].get("label")
            assert set(one.flags) == _flags(listed[key])
            peer = None if one.peer is None else format_address(one.peer)
            assert peer == (listed[key].get("address") or None)
            assert one.created is not None
        assert found["10.5.0.1/24", "lo"].prefix == parse_prefix("10.5.1.0/24")

    def test_routes_that_no_address_brought(self, netns: Netns, host: Host) -> None:
        netns.batch(
            [
                "link add eth0 type bridge",
                "link set eth0 up",
                "addr add 10.1.2.3/24 dev lo",
                "route add local 10.9.0.0/16 dev lo",
                "route add local 192.0.2.9 dev lo proto 66",
                "route add local 192.0.2.8 dev lo table 1000",
                "route add local 2001:db8:9::/48 dev lo",
                "route add 10.8.0.0/16 dev eth0",
                "route add blackhole 10.9.1.0/24 table local",
            ]
        )
        routes = {key: one for key, one in held(host).items() if one.by == "route"}
        assert routes.keys() == {
            (prefix, "lo") for prefix in ("10.9.0.0/16", "192.0.2.9/32", "192.0.2.8/32", "2001:db8:9::/48")
        }
        assert routes["192.0.2.9/32", "lo"].origin == "proto 66"
        assert routes["192.0.2.8/32", "lo"].table == 1000
        wide = {(str(route.prefix), route.interface) for route in host.wide_routes()}
        assert wide == {
            (prefix, "lo") for prefix in ("127.0.0.0/8", "10.1.2.0/24", "10.9.0.0/16", "2001:db8:9::/48")
        }

    def test_watched_are_those_that_match(self, netns: Netns) -> None:
        netns.batch(
            ["link add dummy0 type bridge", "link add dummy1 type bridge", "link add eth0 type bridge"]
        )
        netns.batch(
            [f"addr add 192.0.2.{i}/32 dev {name}" for i, name in enumerate(("dummy0", "dummy1", "eth0"))]
        )
        with closing(Host(Policy(("dummy*",)))) as host:
            assert {link.name for link in tables(host).links} == {"dummy0", "dummy1"}
            assert {interface for _, interface in held(host)} == {"dummy0", "dummy1"}
            before = host.generation
            host.replace_watches(Policy())
            assert host.generation > before
            assert {interface for _, interface in held(host)} == {"lo"}

    def test_refresh_dumps_again_only_when_asked(self, netns: Netns, host: Host) -> None:
        before = tables(host)
        generation = host.generation
        netns.ip("addr add 192.0.2.1/32 dev lo")
        assert tables(host) == before
        host.invalidate()
        assert tables(host) == dumped() != before
        assert host.generation > generation
        generation = host.generation
        host.invalidate()
        assert tables(host) == dumped()
        assert host.generation == generation, "nothing has changed"

    def test_thousands_of_them(self, netns: Netns, host: Host) -> None:
        netns.batch(f"addr add 10.{n >> 8}.{n & 255}.1/32 dev lo" for n in range(3000))
        netns.batch(f"route add local 172.16.{n >> 8}.{n & 255} dev lo" for n in range(1000))
        found = held(host)
        assert sum(one.by == "address" for one in found.values()) == 3000 + 2
        assert sum(one.by == "route" for one in found.values()) == 1000


def _flags(info: dict[str, Any]) -> set[str]:
    """`ip -j` has them as members that are true. (noprefixroute, permanent... but for the latter.)"""
    return {name for name, value in info.items() if value is True} - {"permanent", "dynamic"}


class TestDeliveries:
    def test_local_or_not_and_by_what(self, netns: Netns, host: Host) -> None:
        netns.batch(["addr add 10.1.2.3/24 dev lo", "route add blackhole 10.1.2.9 table local"])
        netns.ip("addr add 2001:db8::1/64 dev lo")
        asked = ["10.1.2.3", "10.1.2.4", "10.1.2.9", "203.0.113.1", "2001:db8::2", "127.0.0.53"]
        wanted = [
            Delivery(local=True, ifindex=1, length=32),
            Delivery(local=True, ifindex=1, length=24),
            NOT_ROUTED,
            NOT_ROUTED,
            Delivery(local=False, ifindex=1, length=64),
            Delivery(local=True, ifindex=1, length=8),
        ]
        assert host.deliveries([parse_address(address) for address in asked]) == wanted

    def test_may_be_local_never_leaves_out_what_is(self) -> None:
        """Over worlds of every kind: where routing says local, it must have been asked."""
        worlds = [generate(random.randrange(10**9)) for _ in range(40)]
        local = 0
        for world in worlds:
            with staged(world), closing(Host(EVERY_INTERFACE)) as host:
                host.refresh()
                asked = [parse_address(a) for name in world.names for a in name.addresses]
                asked += [_somewhere_in(one.network) for one in world.holdings for _ in range(3)]
                for address, delivery in zip(asked, host.deliveries(asked), strict=True):
                    assert isinstance(delivery, Delivery), world
                    if delivery.local:
                        local += 1
                        assert host.may_be_local(address), f"{format_address(address)} in\n{world}"
        assert local > 100

    def test_may_be_local_narrows_down(self, netns: Netns, host: Host) -> None:
        netns.ip("addr add 10.1.2.3/24 dev lo")
        host.refresh()
        for address, expected in (("10.1.2.9", True), ("10.1.3.1", False), ("203.0.113.1", False)):
            assert host.may_be_local(parse_address(address)) is expected


def _somewhere_in(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> Address:
    return Address(network[random.randrange(network.num_addresses)].packed)


@contextmanager
def no_more_descriptors() -> Iterator[None]:
    """Every socket() fails with EMFILE, as it does for a process at its limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class TestCannotSee:
    """Nothing that was not seen is taken for anything."""

    REASON = "Too many open files"

    def test_everything_is_unknown_and_nothing_raises(self, netns: Netns, host: Host) -> None:
        vip = parse_address("192.0.2.1")
        with no_more_descriptors():
            host.refresh()
            for observed in (
                host.links(),
                host.held(),
                host.sockets(),
                host.deliveries([vip])[0],
                host.listeners([Endpoint(vip, HTTP)])[0],
            ):
                assert isinstance(observed, Unknown)
                assert self.REASON in observed.reason
            assert host.may_be_local(vip), "who cannot tell must ask"

    def test_it_comes_back(self, netns: Netns, host: Host) -> None:
        netns.ip("addr add 192.0.2.1/32 dev lo")
        with no_more_descriptors():
            host.refresh()
            failed = host.generation
        assert tables(host) == dumped()
        assert host.generation > failed
        assert isinstance(host.sockets(), Known)

    def test_a_failure_after_success_is_no_success(self, netns: Netns, host: Host) -> None:
        """What was known before is not shown as if it were known now."""
        before = tables(host)
        host.close()  # the next question opens the socket anew
        host.invalidate()
        with no_more_descriptors():
            host.refresh()
            assert isinstance(host.held(), Unknown)
        host.refresh()
        assert tables(host) == before

    @pytest.mark.parametrize("table", ["links", "addresses", "routes"])
    def test_one_dump_that_fails(
        self, netns: Netns, host: Host, table: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """(The kernel refuses a dump of routes of a family that there is not.)"""
        from lowatch.kernel import host as module  # noqa: PLC0415 - to be patched

        impossible = dump_local_routes(0, 200)[:-12] + b"\xff" * 12
        monkeypatch.setitem(module.DUMPS, table, (impossible,))
        host.refresh()
        observed = host.held()
        assert isinstance(observed, Unknown)
        assert observed.reason.startswith(f"cannot list {table}: ")
        monkeypatch.undo()
        assert tables(host) == dumped()


def test_prefixes_of_what_is_held(netns: Netns, host: Host) -> None:
    netns.ip("addr add 10.1.2.3/24 dev lo")
    assert held(host)["10.1.2.3/24", "lo"].prefix == Prefix(parse_address("10.1.2.0"), 24)
