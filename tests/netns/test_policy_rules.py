"""Policy rules ahead of table local that look at more than the address: judged against a real connect()."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.checking import check
from tests.support.daemon import Daemon, configuration
from tests.support.dns_server import Knot
from tests.support.netns import Netns
from tests.support.waiting import eventually

WWW = "www.example.com"
VIPS = {"-4": "192.0.2.10", "-6": "2001:db8::10"}
ZONE = "www A 192.0.2.10\nwww AAAA 2001:db8::10"


@pytest.fixture
def knot(netns: Netns) -> Iterator[Knot]:
    """A NIC with a gateway that nobody is, a VIP served on both ports, and table local not first."""
    netns.ip("link add veth0 type veth peer name veth1")
    netns.batch(["link set veth0 up", "link set veth1 up", "addr add 10.0.0.1/24 dev veth0"])
    netns.ip("addr add 2001:db8:1::1/64 dev veth0 nodad")
    netns.batch(["addr add 192.0.2.10/32 dev lo", "addr add 2001:db8::10/128 dev lo nodad"])
    for family, gateway in ("-4", "10.0.0.2"), ("-6", "2001:db8:1::2"):
        netns.ip(f"{family} rule add pref 100 lookup local")
        netns.ip(f"{family} rule del pref 0")
        netns.ip(f"{family} route add default via {gateway} table 77")
    netns.listener("::", 80, v6only=False)
    netns.listener("::", 443, v6only=False)
    with Knot({"example.com": ZONE}) as running:
        yield running


def met(address: str, port: int) -> str:
    try:
        socket.create_connection((address, port), timeout=0.3).close()
    except TimeoutError:
        return "silence"
    except OSError as error:
        return str(error)
    return "accepted"


@pytest.mark.parametrize("family", ["-4", "-6"])
@pytest.mark.parametrize(
    ("rule", "of_443", "of_80"),
    [
        ("ipproto tcp dport 443", None, "served"),
        ("ipproto tcp dport 400-500", None, "served"),
        ("ipproto udp dport 443", "served", "served"),
        ("ipproto tcp sport 443", "filtered", "served"),
        ("from VIP", "filtered", "filtered"),
        ("from VIP ipproto tcp sport 443", "filtered", "served"),
        ("iif lo to VIP", None, None),
        ("to VIP uidrange 0-0", None, None),
        ("fwmark 7", "served", "served"),
        ("to VIP ipproto udp", "served", "served"),
        ("to VIP dport 1-442", "served", None),
        ("to VIP ipproto tcp dport 443", None, "served"),
    ],
)
def test_rules_that_look_at_more(
    netns: Netns, knot: Knot, tmp_path: Path, family: str, rule: str, of_443: str | None, of_80: str | None
) -> None:
    vip = VIPS[family]
    text = configuration(knot, f'domains = ["{WWW}:443", "{WWW}:80"]')
    netns.ip(f"{family} rule add pref 50 {rule.replace('VIP', vip)} lookup 77")
    for port, expected in (443, of_443), (80, of_80):
        assert (met(vip, port) == "accepted") == (expected == "served"), port
    seen = check(tmp_path, text)
    verdicts = {row["port"]: row["verdict"] for row in seen.report["endpoints"] if row["address"] == vip}
    assert (verdicts.get(443), verdicts.get(80)) == (of_443, of_80)
    other = {row["verdict"] for row in seen.report["endpoints"] if row["address"] != vip}
    assert other == {"served"}


def test_rules_that_come_and_go(netns: Netns, knot: Knot, tmp_path: Path) -> None:
    netns.ip("addr add 192.0.2.11/32 dev lo")
    text = configuration(knot, f'hold = "0s"\ndomains = ["{WWW}:443", "{WWW}:81"]')
    with Daemon(tmp_path, text) as daemon:
        assert daemon.orphan(WWW, port=443) == 0
        assert daemon.orphan(WWW, port=81) == 1
        netns.ip("-4 rule add pref 50 ipproto tcp dport 81 lookup 77")
        daemon.until(lambda: daemon.orphan(WWW, port=81) is None)
        assert daemon.orphan(WWW, "2001:db8::10", port=81) == 1
        netns.ip("-4 rule add pref 50 from 192.0.2.10 lookup 77")
        daemon.until(lambda: daemon.verdict(WWW, 443) == "filtered")
        assert daemon.orphan(WWW, port=443) == 0
        netns.ip("-4 rule del pref 50 from 192.0.2.10 lookup 77")
        netns.ip("-4 rule del pref 50 ipproto tcp dport 81 lookup 77")
        daemon.until(lambda: daemon.orphan(WWW, port=81) == 1)
        assert daemon.verdict(WWW, 443) == "served"


@pytest.mark.parametrize("ruled", [False, True])
def test_the_route_to_the_source_goes(netns: Netns, tmp_path: Path, ruled: bool) -> None:
    """Its clients come from another address, to which nothing leads back then.

    ruled: with a policy rule ahead of table local, so that each flow is asked about before.
    """
    netns.ip("-6 rule add pref 100 lookup local")
    netns.ip("-6 rule del pref 0")
    netns.ip("link add vip0 type bridge")
    netns.batch(["link set vip0 up", "addr add 2001:db8::11/128 dev vip0 nodad"])
    netns.ip("route add local 2001:db8::10 dev lo table local")
    if ruled:
        netns.ip("-6 rule add pref 50 to 2001:db8::99 lookup 77")
    netns.listener("2001:db8::10", 80, freebind=True)
    with ExitStack() as stack:
        knot = stack.enter_context(Knot({"example.com": "www AAAA 2001:db8::10"}))
        text = configuration(knot, f'domains = ["{WWW}:80"]')
        daemon = stack.enter_context(Daemon(tmp_path, text))
        daemon.until(lambda: daemon.verdict(WWW) == "served")
        netns.ip("-6 route del local 2001:db8::11 dev vip0 table local")
        assert met("2001:db8::10", 80) == "silence"
        daemon.until(lambda: daemon.verdict(WWW) == "filtered")
        netns.ip("-6 route add local 2001:db8::11 dev vip0 table local")
        assert met("2001:db8::10", 80) == "accepted"
        daemon.reload(text)  # nothing says that this route is the source's: the next sweep would notice
        daemon.until(lambda: daemon.verdict(WWW) == "served")


@pytest.mark.parametrize(("family", "vip"), VIPS.items())
def test_a_rule_chooses_the_device_by_the_port(netns: Netns, tmp_path: Path, family: str, vip: str) -> None:
    """A listener that is bound to lo gets only the packets that a route by lo delivers."""
    netns.ip("link add vip0 type bridge")
    netns.batch(
        ["link set vip0 up", "addr add 192.0.2.10/32 dev lo", "addr add 2001:db8::10/128 dev lo nodad"]
    )
    netns.ip(f"route add local {vip} dev vip0 table 100")
    netns.ip(f"{family} rule add pref 100 lookup local")
    netns.ip(f"{family} rule del pref 0")
    for port in 80, 443:
        netns.listener(vip, port, device="lo")
    record = "AAAA" if ":" in vip else "A"
    text = 'hold = "0s"\ndomains = ["www.example.com:80", "www.example.com:443"]'
    with (
        Knot({"example.com": f"www {record} {vip}"}) as knot,
        Daemon(tmp_path, configuration(knot, text)) as daemon,
    ):
        daemon.until(lambda: daemon.verdict(WWW, 80) == daemon.verdict(WWW, 443) == "served")
        netns.ip(f"{family} rule add pref 50 to {vip} ipproto tcp dport 80 lookup 100")
        assert (met(vip, 80), met(vip, 443)) == ("[Errno 111] Connection refused", "accepted")
        daemon.until(lambda: daemon.verdict(WWW, 80) == "orphan")
        assert daemon.verdict(WWW, 443) == "served"
        netns.ip(f"{family} rule del pref 50")
        daemon.until(lambda: daemon.verdict(WWW, 80) == "served")


def test_the_route_to_a_preferred_source_goes(netns: Netns, tmp_path: Path) -> None:
    """A local IPv4 route may name a source of its own, inside a prefix that is local by another route."""
    netns.batch(["route add local 198.51.100.0/24 dev lo", "addr add 192.0.2.1/32 dev lo"])
    netns.ip("route add local 192.0.2.10 dev lo table local src 198.51.100.1")
    netns.listener("0.0.0.0", 80)
    with (
        Knot({"example.com": "www A 192.0.2.10"}) as knot,
        Daemon(tmp_path, configuration(knot, f'domains = ["{WWW}:80"]')) as daemon,
    ):
        daemon.until(lambda: daemon.verdict(WWW) == "served")
        assert met("192.0.2.10", 80) == "accepted"
        netns.ip("route del local 198.51.100.0/24 dev lo")
        assert met("192.0.2.10", 80) != "accepted"
        daemon.until(lambda: daemon.verdict(WWW) != "served")


@pytest.mark.parametrize(("address", "reached"), [("10.9.9.9", False), ("2001:db8:9::9", True)])
def test_an_address_that_is_local_only_outside_table_local(
    netns: Netns, tmp_path: Path, address: str, reached: bool
) -> None:
    """In IPv4 its clients have no source to come from."""
    netns.ip("addr add 192.0.2.10/32 dev lo")
    netns.ip(f"route add local {address} dev lo table 100")
    family = "-6" if ":" in address else "-4"
    netns.ip(f"{family} rule add to {address} lookup 100")
    netns.listener("::", 80, v6only=False)
    assert (met(address, 80) == "accepted") is reached
    record = "AAAA" if ":" in address else "A"
    with Knot({"example.com": f"www {record} {address}"}) as knot:
        seen = check(tmp_path, configuration(knot, f'domains = ["{WWW}:80"]'))
    assert seen.verdict(WWW) == ("served" if reached else "filtered")


def test_a_link_local_address_leads_nowhere(netns: Netns, tmp_path: Path) -> None:
    """DNS gives no scope with it, and connect() wants one."""
    netns.ip("link add veth0 type veth peer name veth1")
    netns.batch(["link set veth0 up", "link set veth1 up", "addr add fe80::10/64 dev veth0 nodad"])
    netns.listener("::", 80, v6only=False)
    assert "Invalid argument" in met("fe80::10", 80)
    with Knot({"example.com": "www AAAA fe80::10"}) as knot:
        text = configuration(knot, f'interfaces = ["lo", "veth0"]\ndomains = ["{WWW}:80"]')
        seen = check(tmp_path, text)
    assert seen.report["endpoints"] == []


@pytest.mark.parametrize("family", ["-4", "-6"])
@pytest.mark.parametrize(
    ("action", "https", "verdict"),
    [("lookup 77", "accepted", "unknown"), ("prohibit", "Permission denied", "orphan")],
)
def test_one_port_of_several_is_led_to_another_host(
    netns: Netns, tmp_path: Path, family: str, action: str, https: str, verdict: str
) -> None:
    """Where any of them will do, that host may well serve the name."""
    vip, record = VIPS[family], "AAAA" if family == "-6" else "A"
    there = netns.sibling()
    netns.ip(f"link add veth0 type veth peer name veth1 netns {there.path}")
    netns.batch(["link set veth0 up", "addr add 10.0.0.1/24 dev veth0"])
    netns.batch(["addr add 192.0.2.10/32 dev lo", "addr add 2001:db8::10/128 dev lo nodad"])
    netns.ip("addr add 2001:db8:1::1/64 dev veth0 nodad")
    there.batch(["link set veth1 up", "addr add 10.0.0.2/24 dev veth1", "addr add 192.0.2.10/32 dev lo"])
    there.batch(["addr add 2001:db8:1::2/64 dev veth1 nodad", "addr add 2001:db8::10/128 dev lo nodad"])
    with there.entered():
        there.listener("::", 443, v6only=False)
    via, source = ("2001:db8:1::2", "2001:db8:1::1") if family == "-6" else ("10.0.0.2", "10.0.0.1")
    netns.ip(f"{family} route add default via {via} src {source} table 77")
    netns.ip(f"{family} rule add pref 100 lookup local")
    netns.ip(f"{family} rule del pref 0")
    netns.ip(f"{family} rule add pref 50 ipproto tcp dport 443 {action}")
    assert https in eventually(lambda: said if (said := met(vip, 443)) != "silence" else "")
    assert "refused" in met(vip, 80)
    with Knot({"example.com": f"www {record} {vip}"}) as knot:
        seen = check(tmp_path, configuration(knot, f'domains = ["{WWW}"]'))
    assert {row["port"]: row["verdict"] for row in seen.report["endpoints"]} == {80: verdict}
    assert len(seen.findings("orphan-vip")) == (verdict == "orphan")
    assert seen.report["complete"] is (verdict == "orphan")
