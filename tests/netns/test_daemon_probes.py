"""What no lookup can tell: NAT that comes and goes, SYNs that are lost, firewalls that say nothing."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.checking import check
from tests.support.daemon import Daemon, configuration
from tests.support.dns_server import Knot
from tests.support.netns import Netns

WWW, DNS = "www.example.com", "dns.example.com"
VIPS = ("192.0.2.10", "2001:db8::10")


@pytest.fixture
def knot(netns: Netns) -> Iterator[Knot]:
    netns.ip("addr add 192.0.2.10/32 dev lo")
    netns.ip("addr add 2001:db8::10/128 dev lo nodad")
    zone = "www A 192.0.2.10\nwww AAAA 2001:db8::10\ndns A 192.0.2.10\ndns AAAA 2001:db8::10"
    with Knot({"example.com": zone}) as running:
        yield running


def watching(directory: Path, knot: Knot, *domains: str, hold: str = "0s") -> Daemon:
    listed = ", ".join(f'"{domain}"' for domain in domains)
    return Daemon(directory, configuration(knot, f'hold = "{hold}"\ndomains = [{listed}]'))


DNAT = """
table ip nat {
    chain output {
        type nat hook output priority -100
        ip daddr 192.0.2.10 tcp dport 80 dnat to 127.0.0.1:8080
        ip daddr 192.0.2.10 udp dport 53 dnat to 127.0.0.1:5353
    }
}
table ip6 nat {
    chain output {
        type nat hook output priority -100
        ip6 daddr 2001:db8::10 tcp dport 80 dnat to [::1]:8080
        ip6 daddr 2001:db8::10 udp dport 53 dnat to [::1]:5353
    }
}
"""
NO_NAT = "delete table ip nat; delete table ip6 nat"

LOST_SYN = """
table inet lossy {
    chain output {
        type filter hook output priority -300
        ip daddr 192.0.2.10 tcp dport 80 tcp flags & (syn | ack) == syn numgen inc mod 2 0 drop
        ip6 daddr 2001:db8::10 tcp dport 80 tcp flags & (syn | ack) == syn numgen inc mod 2 0 drop
    }
}
"""

DROP = """
table inet silent {
    chain input {
        type filter hook input priority 0
        tcp dport 80 drop
        udp dport 53 drop
    }
}
"""


def backends(netns: Netns) -> None:
    for address in "127.0.0.1", "::1":
        netns.listener(address, 8080)
        netns.udp(address, 5353)


def accepted(address: str) -> bool:
    """What a client with some patience meets."""
    try:
        socket.create_connection((address, 80), timeout=5).close()
    except OSError:
        return False
    return True


def values(daemon: Daemon, domain: str, port: int = 80, protocol: str = "tcp") -> list[float | None]:
    return [daemon.orphan(domain, vip, port, protocol=protocol) for vip in VIPS]


def verdicts(daemon: Daemon, domain: str) -> set[str]:
    return {row["verdict"] for row in daemon.audit()["endpoints"] if row["domain"] == domain}


def test_nat_that_comes_before_the_alert(netns: Netns, knot: Knot, tmp_path: Path) -> None:
    """An orphan, and clients are accepted again while it is on hold: nobody is paged."""
    backends(netns)
    with watching(tmp_path, knot, f"{WWW}:80", hold="30s") as daemon:
        assert values(daemon, WWW) == [1, 1]
        netns.nft(DNAT)
        assert all(map(accepted, VIPS))
        daemon.until(lambda: values(daemon, WWW) == [0, 0])
        daemon.until(lambda: daemon.findings("orphan-vip") == [])
        assert daemon.alerts == []


def test_nat_that_ends(netns: Netns, knot: Knot, tmp_path: Path) -> None:
    backends(netns)
    netns.nft(DNAT)
    with watching(tmp_path, knot, f"{WWW}:80") as daemon:
        assert (verdicts(daemon, WWW), values(daemon, WWW)) == ({"redirected"}, [0, 0])
        netns.nft(NO_NAT)
        assert not any(map(accepted, VIPS))
        daemon.until(lambda: values(daemon, WWW) == [1, 1], 15)
        daemon.until(lambda: daemon.announced("orphan-vip") == ["firing", "firing"])
        netns.nft(DNAT)
        daemon.until(lambda: values(daemon, WWW) == [0, 0], 15)
        daemon.until(lambda: daemon.announced("orphan-vip")[2:] == ["resolved", "resolved"])


def test_udp_behind_nat(netns: Netns, knot: Knot, tmp_path: Path) -> None:
    """Its clients get their replies; no datagram of ours can tell: unknown, and no alert."""
    backends(netns)
    netns.nft(DNAT)
    with watching(tmp_path, knot, f"{DNS}:53/udp") as daemon:
        daemon.until(lambda: "an empty datagram was not refused" in str(daemon.audit()["problems"]))
        assert verdicts(daemon, DNS) == {"unknown"}
        assert (daemon.alerts, daemon.findings(), daemon.orphans()) == ([], [], {})
        netns.nft(NO_NAT)
        daemon.until(lambda: values(daemon, DNS, 53, "udp") == [1, 1], 15)
        daemon.until(lambda: daemon.announced("orphan-vip") == ["firing", "firing"])


def test_udp_that_nobody_serves(netns: Netns, knot: Knot, tmp_path: Path) -> None:
    """The kernel itself refuses an empty datagram, and an arriving socket receives none."""
    with watching(tmp_path, knot, f"{DNS}:53/udp") as daemon:
        assert values(daemon, DNS, 53, "udp") == [1, 1]
        daemon.until(lambda: daemon.announced("orphan-vip") == ["firing", "firing"])
        netns.udp("::", 53, v6only=False)
        daemon.until(lambda: values(daemon, DNS, 53, "udp") == [0, 0])


def test_a_lost_syn_is_no_refusal(netns: Netns, knot: Knot, tmp_path: Path) -> None:
    """It is sent again after a second, and accepted."""
    backends(netns)
    netns.nft(DNAT)
    netns.nft(LOST_SYN)
    assert all(map(accepted, VIPS))
    with watching(tmp_path, knot, f"{WWW}:80") as daemon:
        daemon.until(lambda: verdicts(daemon, WWW) == {"redirected"})
        assert (daemon.alerts, set(daemon.orphans().values())) == ([], {0})


@contextmanager
def silenced(netns: Netns) -> Iterator[None]:
    netns.nft(DROP)
    yield
    netns.nft("delete table inet silent")


def test_a_firewall_that_drops_is_no_refusal(netns: Netns, knot: Knot, tmp_path: Path) -> None:
    """Nothing listens, and clients time out: not known, and said; an orphan once it refuses again."""
    with silenced(netns), watching(tmp_path, knot, f"{WWW}:80", f"{DNS}:53/udp") as daemon:
        daemon.until(lambda: "a connect was not refused" in str(daemon.audit()["problems"]))
        assert verdicts(daemon, WWW) == verdicts(daemon, DNS) == {"unknown"}
        assert (daemon.alerts, daemon.findings(), daemon.orphans()) == ([], [], {})
        assert daemon.audit()["complete"] is False
        netns.nft("delete table inet silent")
        daemon.until(lambda: values(daemon, WWW) == [1, 1], 15)
        daemon.until(lambda: values(daemon, DNS, 53, "udp") == [1, 1], 15)
        netns.nft(DROP)


def test_a_firewall_that_comes_later_takes_nothing_back(netns: Netns, knot: Knot, tmp_path: Path) -> None:
    """What fires goes on firing: that nobody answers is no reason to think that somebody serves."""
    with watching(tmp_path, knot, f"{WWW}:80") as daemon, silenced(netns):
        daemon.until(lambda: verdicts(daemon, WWW) == {"unknown"}, 20)
        assert values(daemon, WWW) == [1, 1]
        daemon.until(lambda: daemon.announced("orphan-vip") == ["firing", "firing"])


def test_a_listener_that_comes_behind_a_firewall(netns: Netns, knot: Knot, tmp_path: Path) -> None:
    with silenced(netns), watching(tmp_path, knot, f"{WWW}:80") as daemon:
        daemon.until(lambda: verdicts(daemon, WWW) == {"unknown"})
        netns.listener("::", 80)
        daemon.until(lambda: values(daemon, WWW) == [0, 0])


@pytest.mark.parametrize(
    ("rules", "code", "expected"),
    [("", 1, "orphan"), (DNAT, 0, "redirected"), (DNAT + LOST_SYN, 0, "redirected"), (DROP, 3, "unknown")],
    ids=["nobody", "NAT", "a lost SYN", "dropped"],
)
def test_a_single_audit_waits_for_its_answers(
    netns: Netns, knot: Knot, tmp_path: Path, rules: str, code: int, expected: str
) -> None:
    backends(netns)
    if rules:
        netns.nft(rules)
    seen = check(tmp_path, configuration(knot, f'domains = ["{WWW}:80"]'))
    assert {row["verdict"] for row in seen.report["endpoints"]} == {expected}
    assert seen.code == code


NAT_AWAY = """
table ip nat {
    chain output {
        type nat hook output priority -100
        ip daddr 192.0.2.10 tcp dport 80 dnat to 10.0.0.2:8080
    }
    chain postrouting {
        type nat hook postrouting priority 100
        oifname veth0 masquerade
    }
}
"""


def test_nat_to_another_host_serves_while_lo_is_down(netns: Netns, tmp_path: Path) -> None:
    """And where nothing does, what waits in vain is an orphan: that lo is down is reason enough to."""
    there = netns.sibling()
    netns.ip(f"link add veth0 type veth peer name veth1 netns {there.path}")
    netns.batch(["link set veth0 up", "addr add 10.0.0.1/24 dev veth0", "addr add 192.0.2.10/32 dev lo"])
    there.batch(["link set veth1 up", "addr add 10.0.0.2/24 dev veth1"])
    netns.nft(NAT_AWAY)
    with (
        there.entered(),
        there.listener("10.0.0.2", 8080),
        Knot({"example.com": "www A 192.0.2.10"}, host="10.0.0.2", port=5300) as knot,
        netns.entered(),
    ):
        netns.ip("link set lo down")
        socket.create_connection(("192.0.2.10", 80), timeout=5).close()
        seen = check(tmp_path, configuration(knot, f'domains = ["{WWW}:80", "{WWW}:81"]'))
    verdicts = {row["port"]: row["verdict"] for row in seen.report["endpoints"]}
    assert verdicts == {80: "redirected", 81: "orphan"}
    assert seen.finding("orphan-vip")["fix"] == []
