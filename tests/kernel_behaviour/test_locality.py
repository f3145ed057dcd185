"""What makes an address local, as RTM_GETROUTE with RTM_F_FIB_MATCH tells it and connect() confirms."""

from __future__ import annotations

import errno

import pytest

from lowatch.wire.rtnetlink import RT_TABLE_LOCAL, RTN_LOCAL, RTN_UNICAST
from tests.kernel_behaviour.asking import LO, KernelError, connects, is_local, route_to, settle
from tests.support.netns import Netns
from tests.support.waiting import eventually

RT_TABLE_MAIN = 254


@pytest.mark.parametrize(
    ("command", "local", "not_local"),
    [
        ("addr add 192.0.2.10/32 dev lo", ["192.0.2.10"], ["192.0.2.11"]),
        ("addr add 10.1.2.3/24 dev lo", ["10.1.2.3", "10.1.2.0", "10.1.2.200"], ["10.1.2.255", "10.1.3.1"]),
        ("addr add 10.1.2.3/31 dev lo", ["10.1.2.3", "10.1.2.2"], ["10.1.2.4"]),
        ("addr add 10.1.2.3/24 dev lo noprefixroute", ["10.1.2.3"], ["10.1.2.4"]),
        ("addr add 10.5.0.1 peer 10.5.1.2/24 dev lo", ["10.5.0.1", "10.5.1.2", "10.5.1.99"], ["10.5.0.2"]),
        ("addr add 192.0.2.10/32 dev lo label lo:0 scope host", ["192.0.2.10"], []),
        ("route add local 10.9.0.0/16 dev lo", ["10.9.0.0", "10.9.7.7", "10.9.255.255"], ["10.10.0.1"]),
        ("route add local 192.0.2.10 dev lo", ["192.0.2.10"], ["192.0.2.11"]),
        ("addr add 2001:db8::1/128 dev lo", ["2001:db8::1"], ["2001:db8::2"]),
        ("addr add 2001:db8::1/128 dev lo preferred_lft 0", ["2001:db8::1"], []),
        ("addr add 2001:db8::1/64 dev lo", ["2001:db8::1"], ["2001:db8::2", "2001:db8::"]),
        ("route add local 2001:db8:9::/48 dev lo", ["2001:db8:9::", "2001:db8:9:1::7"], ["2001:db8:a::1"]),
        ("link set lo up", ["127.0.0.1", "127.0.0.53", "127.255.0.1", "::1"], ["127.255.255.255"]),
    ],
)
def test_what_is_local(netns: Netns, command: str, local: list[str], not_local: list[str]) -> None:
    netns.ip(command)
    settle(netns)
    for address in local:
        assert is_local(address), address
        assert not connects(address), f"{address}: refused, and by this very host"
    for address in not_local:
        assert not is_local(address), address


def test_an_ipv6_prefix_black_holes_its_neighbours(netns: Netns) -> None:
    """`/64` on lo adds a unicast route into lo: a connect times out, where it was unreachable."""
    with pytest.raises(OSError, match="unreachable"):
        connects("2001:db8::2")
    netns.ip("addr add 2001:db8::1/64 dev lo")
    settle(netns)
    route = route_to("2001:db8::2")
    assert (route.type, route.length, route.ifindex) == (RTN_UNICAST, 64, LO)

    def times_out() -> bool:
        try:
            connects("2001:db8::2", timeout=0.05)
        except OSError as error:
            return isinstance(error, TimeoutError)
        return False

    eventually(times_out)  # Linux 6.1 may call it unreachable for a moment more


def test_fib_match_names_the_matched_prefix_and_device(netns: Netns) -> None:
    netns.batch(["link add eth0 type bridge", "link set eth0 up", "addr add 10.1.2.3/24 dev eth0"])
    netns.ip("route add local 10.9.0.0/16 dev lo")
    eth0 = int(netns.ip("-o link show eth0").split(":")[0])
    for address, length, device in (("10.9.1.1", 16, LO), ("10.1.2.3", 32, eth0)):
        route = route_to(address)
        assert (route.length, route.ifindex, route.type) == (length, device, RTN_LOCAL)
    assert "dev lo" in netns.ip("route get 10.1.2.3"), "without FIB_MATCH it is always lo"


def test_the_table_that_is_reported_says_nothing(netns: Netns) -> None:
    """IPv4 answers "main", whatever matched (it would take RTM_F_LOOKUP_TABLE, and no merged tries)."""
    netns.batch(["addr add 192.0.2.10/32 dev lo", "rule add pref 50 to 198.51.100.1 blackhole"])
    settle(netns)
    assert route_to("192.0.2.10").table == RT_TABLE_MAIN
    assert route_to("::1").table == RT_TABLE_LOCAL


@pytest.mark.parametrize(
    ("refusal", "number"),
    [("blackhole", errno.EINVAL), ("unreachable", errno.EHOSTUNREACH), ("prohibit", errno.EACCES)],
)
@pytest.mark.parametrize("address", ["10.9.1.1", "2001:db8:9::1"])
def test_errors_of_getroute(netns: Netns, address: str, refusal: str, number: int) -> None:
    """A refusing route inside table local is an errno, not an answer, and connect() meets the same."""
    netns.batch(["route add local 10.9.0.0/16 dev lo", "route add local 2001:db8:9::/48 dev lo"])
    settle(netns)
    assert is_local(address)
    netns.ip(f"route add {refusal} {address} table local")
    with pytest.raises(KernelError) as told:
        route_to(address)
    assert told.value.errno == number
    with pytest.raises(OSError) as met:  # noqa: PT011 - it is the errno that matters
        connects(address)
    assert met.value.errno == number


def test_no_route_at_all(netns: Netns) -> None:
    for address in ("203.0.113.1", "2001:db8::1", "0.0.0.0", "::"):
        with pytest.raises(KernelError) as told:
            route_to(address)
        assert told.value.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH), address


@pytest.mark.parametrize(
    "steering",
    [
        ["-4 rule add pref 50 to 192.0.2.10 blackhole"],
        ["-4 rule add pref 50 to 192.0.2.10 goto 32766"],
        ["-4 rule add pref 50 to 192.0.2.10 lookup 100", "-4 route add unreachable 192.0.2.10 table 100"],
        ["-4 route prepend blackhole 192.0.2.10 table local"],
    ],
)
def test_a_held_address_may_be_led_away(netns: Netns, steering: list[str]) -> None:
    """By a rule ahead of table local, or an earlier route in it: only GETROUTE knows."""
    netns.ip("addr add 192.0.2.10/32 dev lo")
    netns.batch(["rule add pref 100 lookup local", "rule del pref 0"])
    assert is_local("192.0.2.10")
    for command in steering:
        netns.ip(command)
    assert not is_local("192.0.2.10")
    with pytest.raises(OSError, match=r"Invalid argument|unreachable|No route"):
        connects("192.0.2.10")


def test_neighbours_have_no_say(netns: Netns) -> None:
    """Local delivery asks nobody for a link-layer address: NOARP or not, link up or down."""
    netns.batch(["link add eth0 type veth peer name eth1", "addr add 192.0.2.10/32 dev eth0"])
    netns.listener("192.0.2.10", 80)
    for command in ("link set eth0 up", "link set eth0 arp off", "link set eth0 down"):
        netns.ip(command)
        assert is_local("192.0.2.10")
        assert connects("192.0.2.10")
    assert netns.ip("neigh show") == ""


class TestLoDown:
    def test_ipv4_stays_and_connects_time_out(self, netns: Netns) -> None:
        netns.batch(["addr add 192.0.2.10/32 dev lo", "route add local 10.9.0.0/16 dev lo"])
        netns.listener("0.0.0.0", 80)
        netns.ip("link set lo down")
        for address in ("192.0.2.10", "127.0.0.1"):
            assert is_local(address)
            with pytest.raises(TimeoutError):
                connects(address, timeout=0.05)
        assert "192.0.2.10/32" in netns.ip("addr show dev lo")

    def test_ipv6_addresses_are_deleted(self, netns: Netns) -> None:
        netns.ip("addr add 2001:db8::1/128 dev lo")
        settle(netns)
        netns.ip("link set lo down")
        assert "inet6" not in netns.ip("addr show dev lo")
        assert not is_local("2001:db8::1")
        assert not is_local("::1")

    def test_others_still_reach_the_vip(self, netns: Netns) -> None:
        other = netns.sibling()
        netns.ip(f"link add veth0 type veth peer name veth1 netns {other.path}")
        netns.batch(["addr add 198.51.100.1/24 dev veth0", "link set veth0 up"])
        other.batch(["addr add 198.51.100.2/24 dev veth1", "link set veth1 up"])
        netns.ip("addr add 192.0.2.10/32 dev lo")
        other.ip("route add 192.0.2.10 via 198.51.100.1")
        netns.listener("192.0.2.10", 80)
        netns.ip("link set lo down")
        with other.entered():
            assert connects("192.0.2.10")
