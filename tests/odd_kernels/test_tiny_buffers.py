"""net.core.rmem_max and rmem_default at their least: events overrun, and replies come one by one."""

from __future__ import annotations

import socket
from pathlib import Path

from tests.support.checking import check
from tests.support.daemon import Daemon, configuration
from tests.support.dns_server import Knot
from tests.support.netns import Netns

VIP, WWW = "192.0.2.10", "www.example.com"
ZONE = {"example.com": f"www A {VIP}"}
MANY = [f"198.51.{high}.{low}" for high in range(8) for low in range(1, 255)]


def test_it_is_so() -> None:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW) as asking:
        assert asking.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) < 5000
        asking.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        assert asking.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) < 5000


def test_what_is_lost_is_read_again(netns: Netns, tmp_path: Path) -> None:
    with Knot(ZONE) as knot:
        text = configuration(knot, f'hold = "0s"\ndomains = ["{WWW}:80"]')
        with Daemon(tmp_path, text) as daemon:
            assert daemon.orphans() == {}
            netns.batch([f"addr add {address}/32 dev lo" for address in (*MANY, VIP)])
            daemon.until(lambda: daemon.orphan(WWW) == 1, 90.0)
            assert daemon.metrics()["lowatch_netlink_overruns_total"] > 0
            assert len(check(tmp_path, text).held("lo")) == len(MANY) + 1
            listener = netns.listener(VIP, 80)
            daemon.until(lambda: daemon.orphan(WWW) == 0, 90.0)
            listener.close()
            daemon.until(lambda: daemon.orphan(WWW) == 1, 90.0)
            netns.batch([f"addr del {address}/32 dev lo" for address in (VIP, *MANY)])
            daemon.until(lambda: daemon.orphans() == {}, 90.0)
            assert check(tmp_path, text).held("lo") == []
