"""kernel.modules_disabled=1, before anyone asked for inet_diag: it can never be loaded."""

from __future__ import annotations

from pathlib import Path

from tests.support.checking import check
from tests.support.daemon import Daemon, configuration
from tests.support.dns_server import Knot
from tests.support.netns import Netns

VIP, WWW = "192.0.2.10", "www.example.com"
ZONE = {"example.com": f"www A {VIP}"}
WHY = "the kernel cannot look up {0} sockets (module {0}_diag): No such file or directory"


def test_it_is_so() -> None:
    assert Path("/proc/sys/kernel/modules_disabled").read_text() == "1\n"
    assert "inet_diag" not in Path("/proc/modules").read_text()


def test_all_is_unknown_and_the_reason_names_the_module(netns: Netns, tmp_path: Path) -> None:
    netns.ip(f"addr add {VIP}/32 dev lo")
    with Knot(ZONE) as knot:
        text = configuration(knot, f'hold = "0s"\ndomains = ["{WWW}:80", "{WWW}:53/udp"]')
        with Daemon(tmp_path, text) as daemon:
            for listener in None, netns.listener(VIP, 80):
                seen = check(tmp_path, text)
                assert (seen.code, seen.findings()) == (3, [])
                for port, protocol in (80, "tcp"), (53, "udp"):
                    endpoint = seen.endpoints(WWW)[port]
                    assert endpoint["verdict"] == "unknown"
                    assert WHY.format(protocol) in endpoint["reason"]
                assert daemon.findings() == []
                assert daemon.verdict(WWW) == "unknown"
                assert daemon.orphans() == {}, listener  # nothing was ever known
            # What does not depend on sockets is observed.
            netns.ip(f"addr del {VIP}/32 dev lo")
            daemon.until(lambda: daemon.orphans() == {})
            assert check(tmp_path, text).code == 0
