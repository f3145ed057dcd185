"""udp_diag cannot be loaded, as on a kernel without CONFIG_INET_UDP_DIAG; until an administrator does."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support.checking import check
from tests.support.daemon import Daemon, configuration
from tests.support.dns_server import Knot
from tests.support.netns import Netns

VIP, WWW = "192.0.2.10", "www.example.com"
ZONE = {"example.com": f"www A {VIP}"}
WHY = "the kernel cannot look up udp sockets (module udp_diag): No such file or directory"


def test_udp_is_unknown_until_the_module_is_loaded(netns: Netns, tmp_path: Path) -> None:
    assert "udp_diag" not in Path("/proc/modules").read_text()
    netns.ip(f"addr add {VIP}/32 dev lo")
    listener = netns.listener(VIP, 80)
    with Knot(ZONE) as knot:
        text = configuration(knot, f'hold = "0s"\ndomains = ["{WWW}:80", "{WWW}:53/udp"]')
        with Daemon(tmp_path, text) as daemon:
            seen = check(tmp_path, text)
            assert (seen.code, seen.verdict(WWW, 80), seen.verdict(WWW, 53)) == (3, "served", "unknown")
            assert WHY in seen.endpoints(WWW)[53]["reason"]

            # TCP is judged. Who else uses the address is not known, so no command is offered.
            listener.close()
            daemon.until(lambda: daemon.orphan(WWW) == 1)
            seen = check(tmp_path, text)
            assert (seen.code, seen.verdict(WWW, 80), seen.verdict(WWW, 53)) == (1, "orphan", "unknown")
            orphan = seen.finding("orphan-vip")
            assert orphan["fix"] == []
            assert "the kernel cannot list udp sockets (module udp_diag)" in orphan["advice"]

            subprocess.run(["modprobe", "udp_diag"], check=True)
            daemon.until(lambda: daemon.orphan(WWW, port=53, protocol="udp") == 1, 90.0)
            seen = check(tmp_path, text)
            assert seen.kinds() == {"orphan-vip": 2}
            assert seen.findings()[0]["fix"] == [f"ip address del {VIP}/32 dev lo"]
            netns.udp(VIP, 53)
            assert check(tmp_path, text).verdict(WWW, 53) == "served"
