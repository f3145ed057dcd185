"""ipv6.disable=1: the kernel has no IPv6 sockets and no IPv6 tables, as with CONFIG_IPV6=n."""

from __future__ import annotations

import errno
import socket
from pathlib import Path

import pytest

from tests.support.checking import check, mend
from tests.support.daemon import Daemon, configuration
from tests.support.dns_server import Knot
from tests.support.netns import Netns

VIP, WWW, BOTH, V6 = "192.0.2.10", "www.example.com", "both.example.com", "v6.example.com"
ZONE = {"example.com": f"www A {VIP}\nboth A {VIP}\nboth AAAA 2001:db8::10\nv6 AAAA 2001:db8::10"}


def test_it_is_so() -> None:
    with pytest.raises(OSError) as told:  # noqa: PT011 - it is the errno that matters
        socket.socket(socket.AF_INET6)
    assert told.value.errno == errno.EAFNOSUPPORT
    assert not Path("/proc/sys/net/ipv6").exists()


def test_check(netns: Netns, tmp_path: Path) -> None:
    """IPv4 is judged as ever. An IPv6 address is not local, and that is known."""
    netns.ip(f"addr add {VIP}/32 dev lo")
    with Knot(ZONE) as knot:
        text = configuration(knot, f'domains = ["{WWW}:80", "{BOTH}:80", "{V6}:80"]')
        seen = check(tmp_path, text)
        assert (seen.code, seen.kinds()) == (1, {"orphan-vip": 2})
        assert {row["domain"] for row in seen.report["endpoints"]} == {WWW, BOTH}
        assert seen.report["problems"] == []
        for address in VIP, "0.0.0.0":
            with netns.listener(address, 80):
                seen = check(tmp_path, text)
                assert (seen.code, seen.verdict(WWW), seen.verdict(BOTH)) == (0, "served", "served")
        mend(netns, check(tmp_path, text).findings("orphan-vip")[0]["fix"])
        assert check(tmp_path, text).code == 0


def test_an_ipv6_address_that_is_expected(netns: Netns, tmp_path: Path) -> None:
    """It is missing. No command can add it here."""
    with Knot(ZONE) as knot:
        seen = check(tmp_path, configuration(knot, 'expect = ["2001:db8::10"]'))
    assert (seen.code, seen.kinds()) == (1, {"missing-vip": 1})
    assert seen.finding("missing-vip")["fix"] == []


def test_a_nameserver_by_ipv6_is_passed_over(netns: Netns, tmp_path: Path) -> None:
    netns.ip(f"addr add {VIP}/32 dev lo")
    with Knot(ZONE) as knot:
        text = f'domains = ["{WWW}:80"]\n[dns]\nnameservers = ["[2001:db8::53]:53", "{knot.nameserver}"]\n'
        seen = check(tmp_path, text)
    assert (seen.code, seen.verdict(WWW)) == (1, "orphan")


def test_daemon(netns: Netns, tmp_path: Path) -> None:
    netns.ip(f"addr add {VIP}/32 dev lo")
    with Knot(ZONE) as knot:
        text = configuration(knot, f'hold = "0s"\ndomains = ["{WWW}:80", "{BOTH}:80", "{V6}:80"]')
        with Daemon(tmp_path, text) as daemon:
            assert set(daemon.orphans().values()) == {1}
            listener = netns.listener(VIP, 80)
            daemon.until(lambda: set(daemon.orphans().values()) == {0})
            listener.close()
            daemon.until(lambda: set(daemon.orphans().values()) == {1})
            netns.ip(f"addr del {VIP}/32 dev lo")
            daemon.until(lambda: daemon.orphans() == {})
            netns.ip(f"addr add {VIP}/32 dev lo")
            daemon.until(lambda: daemon.orphan(BOTH) == 1)
            assert daemon.audit()["problems"] == []
