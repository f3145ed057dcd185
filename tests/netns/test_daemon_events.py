"""The daemon notices by the kernel's events what closes, comes and goes; and polls where none tells."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from lowatch import wiring
from lowatch.app.check import check
from lowatch.config.load import load
from lowatch.kernel.host import Host
from lowatch.resolve.engine import Engine
from tests.support.aio import run_async
from tests.support.daemon import Daemon, configuration
from tests.support.dns_server import Knot
from tests.support.netns import Netns
from tests.support.service import service

WWW, BOTH, DNS = "www.example.com", "both.example.com", "dns.example.com"
ZONE = """
www  A    192.0.2.10
both A    192.0.2.10
both AAAA 2001:db8::10
dns  A    192.0.2.10
"""


@pytest.fixture
def knot(netns: Netns) -> Iterator[Knot]:
    with Knot({"example.com": ZONE}) as running:
        yield running


def watching(directory: Path, knot: Knot, *domains: str, top: str = "", dns: str = "") -> Daemon:
    """A daemon that announces at once."""
    listed = ", ".join(f'"{domain}"' for domain in domains)
    return Daemon(directory, configuration(knot, f'hold = "0s"\ndomains = [{listed}]\n{top}', dns=dns))


def hold(netns: Netns) -> None:
    netns.ip("addr add 192.0.2.10/32 dev lo")


def test_listener_closed(netns: Netns, knot: Knot, tmp_path: Path) -> None:
    hold(netns)
    tcp, udp = netns.listener("192.0.2.10", 80), netns.udp("192.0.2.10", 53)
    with watching(tmp_path, knot, f"{WWW}:80", f"{DNS}:53/udp") as daemon:
        assert set(daemon.orphans().values()) == {0}
        tcp.close()
        daemon.until(lambda: daemon.orphan(WWW) == 1)
        assert daemon.orphan(DNS, port=53, protocol="udp") == 0
        udp.close()
        daemon.until(lambda: daemon.orphan(DNS, port=53, protocol="udp") == 1)
        metrics = daemon.metrics()
        assert metrics['lowatch_netlink_events_total{group="destroy"}'] == 2
        assert metrics["lowatch_netlink_overruns_total"] == 0


def test_service_killed(netns: Netns, knot: Knot, tmp_path: Path) -> None:
    hold(netns)
    with service() as owner, watching(tmp_path, knot, f"{WWW}:80") as daemon:
        assert daemon.orphan(WWW) == 0
        owner.kill()
        daemon.until(lambda: daemon.orphan(WWW) == 1)
        daemon.until(lambda: daemon.announced("orphan-vip") == ["firing"])


def test_listener_comes_back(netns: Netns, knot: Knot, tmp_path: Path) -> None:
    """No event tells of it."""
    hold(netns)
    with watching(tmp_path, knot, f"{WWW}:80") as daemon:
        assert daemon.orphan(WWW) == 1
        netns.listener("0.0.0.0", 80)
        daemon.until(lambda: daemon.orphan(WWW) == 0)
        daemon.until(lambda: daemon.announced("orphan-vip") == ["firing", "resolved"])


def test_listener_comes_back_to_every_domain_that_shares_it(netns: Netns, tmp_path: Path) -> None:
    """All but one of them are looked at for another reason: the poll still finds that one.

    In process, for who is looked at when is a matter of milliseconds.
    """
    hold(netns)
    netns.ip("addr add 2001:db8::10/128 dev lo")  # nobody serves it: they all stay in violation
    names = [f"name{number}.example.com" for number in range(20)]
    zone = "*.example.com. A 192.0.2.10\n*.example.com. AAAA 2001:db8::10"
    listed = ", ".join(f'"{name}:80"' for name in names)

    async def scenario() -> set[str]:
        clock = wiring.SystemClock()
        with closing(Host(config.policy)) as host:
            engine = Engine(names, config.dns, clock)
            auditor = wiring.build_auditor(host, engine, config.policy)
            await check(auditor, engine, config.policy, clock)
            netns.listener("192.0.2.10", 80)
            for name in names[1:]:
                auditor.mark_domain(name)
            await auditor.audit()
            auditor.poll()
            _, judgement = await auditor.audit()
            return {
                endpoint.verdict
                for judged in judgement.domains.values()
                for endpoint in judged.endpoints
                if len(endpoint.address) == 4
            }

    with Knot({"example.com": zone}) as server:
        file = tmp_path / "lowatch.toml"
        file.write_text(configuration(server, f"domains = [{listed}]"))
        config = load(file)
        assert run_async(scenario()) == {"served"}


def test_address_added_and_deleted(netns: Netns, knot: Knot, tmp_path: Path) -> None:
    with watching(tmp_path, knot, f"{BOTH}:80") as daemon:
        assert daemon.orphans() == {}
        hold(netns)
        daemon.until(lambda: daemon.orphan(BOTH) == 1)
        netns.ip("addr add 2001:db8::10/128 dev lo")
        daemon.until(lambda: daemon.orphan(BOTH, "2001:db8::10") == 1)
        netns.ip("addr del 192.0.2.10/32 dev lo")
        daemon.until(lambda: daemon.orphan(BOTH) is None)
        assert daemon.orphan(BOTH, "2001:db8::10") == 1
        netns.ip("addr del 2001:db8::10/128 dev lo")
        daemon.until(lambda: daemon.orphans() == {})


def test_local_route_added_and_deleted(netns: Netns, knot: Knot, tmp_path: Path) -> None:
    with watching(tmp_path, knot, f"{BOTH}:80") as daemon:
        netns.ip("route add local 192.0.2.0/24 dev lo")
        daemon.until(lambda: daemon.orphan(BOTH) == 1)
        daemon.until(lambda: daemon.count("wide-prefix", "firing") == 1)
        netns.ip("-6 route add local 2001:db8::10 dev lo")
        daemon.until(lambda: daemon.orphan(BOTH, "2001:db8::10") == 1)
        netns.ip("route del local 192.0.2.0/24 dev lo")
        daemon.until(lambda: daemon.orphan(BOTH) is None)
        daemon.until(lambda: daemon.count("wide-prefix", "firing") == 0)
        netns.ip("-6 route del local 2001:db8::10 dev lo")
        daemon.until(lambda: daemon.orphans() == {})


def test_anyip_routes_that_go_without_an_event(netns: Netns, knot: Knot, tmp_path: Path) -> None:
    """The last IPv4 address of lo takes every AnyIP route along, and the kernel says nothing of them."""
    netns.ip("route add local 192.0.2.0/24 dev lo")
    with watching(tmp_path, knot, f"{WWW}:80") as daemon:
        assert daemon.orphan(WWW) == 1
        netns.ip("-4 addr flush dev lo")  # 127.0.0.1 as well: the daemon cannot be asked meanwhile
        netns.ip("addr add 127.0.0.1/8 dev lo")
        daemon.until(lambda: daemon.orphans() == {})
        daemon.until(lambda: daemon.count("wide-prefix", "firing") == 0)
        daemon.until(lambda: [row["address"] for row in daemon.audit()["held"]] == ["127.0.0.1", "::1"])


def test_routed_away_by_a_policy_rule(netns: Netns, knot: Knot, tmp_path: Path) -> None:
    """A rule ahead of table local: the address is held, and yet not delivered here."""
    hold(netns)
    netns.ip("rule add pref 100 lookup local")  # so that the first one may go
    netns.ip("rule del pref 0")
    with watching(tmp_path, knot, f"{WWW}:80") as daemon:
        assert daemon.orphan(WWW) == 1
        netns.ip("route add blackhole 192.0.2.10 table 77")
        netns.ip("rule add to 192.0.2.10 pref 50 lookup 77")
        daemon.until(lambda: daemon.orphans() == {})
        netns.ip("rule del pref 50")
        daemon.until(lambda: daemon.orphan(WWW) == 1)


@pytest.mark.parametrize("like", ["proto 66", "proto 66 src 127.0.0.1", "mtu 1300"])
def test_one_of_two_local_routes_goes(netns: Netns, knot: Knot, tmp_path: Path, like: str) -> None:
    """The address stays local: the kernel tells routes apart by more than where they lead."""
    route = "local 192.0.2.10/32 dev lo table local"
    netns.ip(f"route add {route}")
    netns.ip(f"route append {route} {like}")
    netns.ip("addr add 203.0.113.7/32 dev lo")
    with watching(tmp_path, knot, f"{WWW}:80") as daemon:
        assert daemon.orphan(WWW) == 1
        netns.ip(f"route del {route} {like}")
        netns.ip("addr add 203.0.113.8/32 dev lo")  # and when this is seen, that was looked at
        daemon.until(lambda: daemon.metric('lowatch_held_addresses{interface="lo",family="ipv4"}') == 4)
        assert daemon.orphan(WWW) == 1
        daemon.until(lambda: daemon.announced("orphan-vip") == ["firing"])
        netns.ip(f"route del {route}")
        daemon.until(lambda: daemon.orphans() == {})


@pytest.mark.parametrize("mode", [0, 1])
def test_a_local_route_by_a_nexthop_object(netns: Netns, knot: Knot, tmp_path: Path, mode: int) -> None:
    """It may name no interface; it goes without a word with its nexthop; its interface may be another."""
    netns.sysctl("net.ipv4.nexthop_compat_mode", mode)
    netns.ip("link add spare0 type bridge")
    netns.ip("link set spare0 up")
    netns.ip("nexthop add id 7 dev lo")
    netns.ip("-6 nexthop add id 8 dev lo")
    netns.ip("route add local 192.0.2.10/32 nhid 7 table local")
    netns.ip("route add local 2001:db8::10/128 nhid 8 table local")
    with watching(tmp_path, knot, f"{BOTH}:80") as daemon:
        assert daemon.orphan(BOTH) == daemon.orphan(BOTH, "2001:db8::10") == 1
        netns.ip("nexthop replace id 7 dev spare0")  # not watched
        daemon.until(lambda: daemon.orphan(BOTH) is None)
        netns.ip("nexthop replace id 7 dev lo")
        daemon.until(lambda: daemon.orphan(BOTH) == 1)
        netns.ip("nexthop del id 7")
        netns.ip("nexthop del id 8")
        daemon.until(lambda: daemon.orphans() == {})
        netns.ip("nexthop add id 9 dev lo")
        netns.ip("route add local 192.0.2.10/32 nhid 9 table local")
        daemon.until(lambda: daemon.orphan(BOTH) == 1)


def test_any_of_and_all_of(netns: Netns, knot: Knot, tmp_path: Path) -> None:
    """Default ports: one will do. A domain's own: each is required."""
    hold(netns)
    http = netns.listener("192.0.2.10", 80)
    with watching(tmp_path, knot, WWW, f"{BOTH}:80", f"{BOTH}:443") as daemon:
        assert (daemon.orphan(WWW), daemon.orphan(WWW, port=443)) == (0, 0)
        assert (daemon.verdict(WWW, 443), daemon.verdict(WWW, 80)) == ("unused", "served")
        assert (daemon.orphan(BOTH), daemon.orphan(BOTH, port=443)) == (0, 1)
        https = netns.listener("192.0.2.10", 443)
        daemon.until(lambda: daemon.verdict(BOTH, 443) == "served")
        http.close()
        daemon.until(lambda: (daemon.orphan(BOTH), daemon.orphan(BOTH, port=443)) == (1, 0))
        assert (daemon.orphan(WWW), daemon.orphan(WWW, port=443)) == (0, 0)
        https.close()
        daemon.until(lambda: (daemon.orphan(WWW), daemon.orphan(WWW, port=443)) == (1, 1))


REDIRECT = """
table ip nat {
    chain output {
        type nat hook output priority -100
        ip daddr 192.0.2.10 tcp dport 80 dnat to 127.0.0.1:8080
    }
}
"""


def test_redirected_is_no_orphan_where_a_connect_confirms(netns: Netns, knot: Knot, tmp_path: Path) -> None:
    hold(netns)
    netns.nft(REDIRECT)
    netns.listener("127.0.0.1", 8080)
    with watching(tmp_path, knot, f"{WWW}:80") as daemon:
        assert (daemon.verdict(WWW), daemon.orphan(WWW)) == ("redirected", 0)
        assert daemon.findings() == []


def test_redirected_is_an_orphan_to_those_who_do_not_probe(
    netns: Netns, knot: Knot, tmp_path: Path
) -> None:
    hold(netns)
    netns.nft(REDIRECT)
    backend = netns.listener("127.0.0.1", 8080)
    backend.setblocking(False)
    with watching(tmp_path, knot, f"{WWW}:80", top='probe = "off"') as daemon:
        assert (daemon.verdict(WWW), daemon.orphan(WWW)) == ("orphan", 1)
    with pytest.raises(BlockingIOError):
        backend.accept()  # nobody tried


def test_accept_queue_full_and_drained(netns: Netns, knot: Knot, tmp_path: Path) -> None:
    hold(netns)
    listener = netns.listener("192.0.2.10", 80, backlog=2)
    with watching(tmp_path, knot, f"{WWW}:80") as daemon:
        assert daemon.verdict(WWW) == "served"
        netns.sockets.fill(listener)
        daemon.reload(daemon.file.read_text())  # no event tells: the next look does
        daemon.until(lambda: daemon.count("backlogged-vip", "firing") == 1)
        assert (daemon.verdict(WWW), daemon.orphan(WWW)) == ("backlogged", 0)
        (finding,) = daemon.findings()
        assert "is full (3 of 2 connections)" in finding["message"]
        for _ in range(3):
            listener.accept()[0].close()
        daemon.until(lambda: daemon.verdict(WWW) == "served")
        daemon.until(lambda: daemon.announced("backlogged-vip") == ["firing", "resolved"])


def test_backlogged_becomes_an_orphan(netns: Netns, knot: Knot, tmp_path: Path) -> None:
    """The stuck service is killed: one finding ends, the other begins."""
    hold(netns)
    listener = netns.full_listener("192.0.2.10", 80)
    with watching(tmp_path, knot, f"{WWW}:80") as daemon:
        daemon.until(lambda: daemon.announced("backlogged-vip") == ["firing"])
        listener.close()
        daemon.until(lambda: daemon.orphan(WWW) == 1)
        daemon.until(lambda: daemon.announced("backlogged-vip") == ["firing", "resolved"])
        daemon.until(lambda: daemon.announced("orphan-vip") == ["firing"])


def test_link_renamed_in_and_out_of_the_watched_globs(netns: Netns, knot: Knot, tmp_path: Path) -> None:
    netns.ip("link add spare0 type bridge")
    netns.ip("addr add 192.0.2.10/32 dev spare0")
    with watching(tmp_path, knot, f"{WWW}:80", top='interfaces = ["vip*"]') as daemon:
        assert daemon.orphans() == {}
        netns.ip("link set spare0 name vip7")
        daemon.until(lambda: daemon.orphan(WWW, interface="vip7") == 1)
        assert [row["interface"] for row in daemon.audit()["held"]] == ["vip7"]
        netns.ip("link set vip7 name spare1")
        daemon.until(lambda: daemon.orphans() == {})
        assert daemon.audit()["held"] == []


def test_interface_that_comes_later(netns: Netns, knot: Knot, tmp_path: Path) -> None:
    with watching(tmp_path, knot, f"{WWW}:80", top='interfaces = ["vip0"]') as daemon:
        assert daemon.audit()["held"] == []
        netns.ip("link add vip0 type bridge")
        netns.ip("addr add 192.0.2.10/32 dev vip0")
        daemon.until(lambda: daemon.orphan(WWW, interface="vip0") == 1)
        daemon.until(lambda: daemon.count("holder-down", "firing") == 1)
        netns.ip("link set vip0 up")
        daemon.until(lambda: daemon.count("holder-down", "firing") == 0)
        netns.ip("link del vip0")
        daemon.until(lambda: daemon.orphans() == {})


def test_lo_down_and_up(netns: Netns, knot: Knot, tmp_path: Path) -> None:
    """IPv6 addresses are deleted with it; IPv4's stay, and nobody can connect: not an orphan's matter."""
    netns.ip("addr add 192.0.2.10/32 dev lo")
    netns.ip("addr add 2001:db8::10/128 dev lo")
    netns.listener("192.0.2.10", 80)
    with watching(tmp_path, knot, f"{BOTH}:80") as daemon:
        assert (daemon.orphan(BOTH), daemon.orphan(BOTH, "2001:db8::10")) == (0, 1)
        netns.ip("link set lo down")
        netns.ip("link set lo up")  # the daemon's own page is on lo
        daemon.until(lambda: daemon.orphan(BOTH, "2001:db8::10") is None)
        daemon.until(lambda: (daemon.orphan(BOTH), daemon.verdict(BOTH)) == (0, "served"))
