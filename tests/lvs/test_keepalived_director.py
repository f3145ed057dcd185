"""keepalived drives IPVS: a dead real server gets no more connections. Its VIP stays on its lo."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.lvs.segment import Segment, answers, ask
from tests.support.checking import check, mend
from tests.support.daemon import Daemon, configuration
from tests.support.dns_server import Knot
from tests.support.neighbours import Keepalived, WebServer
from tests.support.netns import Netns
from tests.support.waiting import eventually

VIP, WWW = "192.0.2.10", "www.example.com"
DIRECTOR, REAL1, REAL2, CLIENT = "192.0.2.1", "192.0.2.11", "192.0.2.12", "192.0.2.100"
KEEPALIVED = f"""\
vrrp_instance web {{
    state MASTER
    interface eth0
    virtual_router_id 51
    priority 150
    virtual_ipaddress {{
        {VIP}/32 dev eth0
    }}
}}
virtual_server {VIP} 80 {{
    delay_loop 1
    lb_algo rr
    lb_kind DR
    protocol TCP
    real_server {REAL1} 80 {{
        TCP_CHECK {{
            connect_timeout 3
        }}
    }}
    real_server {REAL2} 80 {{
        TCP_CHECK {{
            connect_timeout 3
        }}
    }}
}}
"""


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


def test_a_dead_real_server_leaves_the_pool_and_keeps_its_vip(
    netns: Netns, segment: Segment, tmp_path: Path, stack: ExitStack
) -> None:
    director, client = segment.host(f"{DIRECTOR}/24"), segment.host(f"{CLIENT}/24")
    real1, real2 = segment.host(f"{REAL1}/24", netns), segment.host(f"{REAL2}/24")
    web1, web2 = WebServer(tmp_path, "real1"), WebServer(tmp_path, "real2")
    for real, web in (real1, web1), (real2, web2):
        real.sysctl("net.ipv4.conf.eth0.arp_ignore", 1)
        real.sysctl("net.ipv4.conf.eth0.arp_announce", 2)
        real.ip(f"addr add {VIP}/32 dev lo")
        with real.entered():
            stack.enter_context(web)
    keepalived = Keepalived(tmp_path, KEEPALIVED, ipvs=True)
    with director.entered():
        stack.enter_context(keepalived)
    eventually(lambda: VIP in director.ip("addr show dev eth0"), about=lambda: keepalived.log)
    eventually(lambda: pool(director) == {REAL1, REAL2}, about=lambda: keepalived.log)
    assert answers(client, VIP) == {"real1", "real2"}

    with Knot({"example.com": f"www A {VIP}"}) as knot:
        text = configuration(knot, f'hold = "0s"\ndomains = ["{WWW}:80"]')
        with Daemon(tmp_path, text) as daemon:
            assert daemon.verdict(WWW) == "served"

            # The web server of real1 dies. keepalived notices; for clients nothing has happened.
            web1.kill()
            eventually(lambda: pool(director) == {REAL2}, about=lambda: keepalived.log)
            assert answers(client, VIP) == {"real2"}
            with pytest.raises(ConnectionRefusedError):
                ask(real1, VIP)
            daemon.until(lambda: daemon.orphan(WWW) == 1)
            assert check(tmp_path, text).kinds() == {"orphan-vip": 1}

            # It comes back, and is in the pool again.
            with real1.entered():
                web1.start()
            eventually(lambda: pool(director) == {REAL1, REAL2}, about=lambda: keepalived.log)
            assert answers(client, VIP) == {"real1", "real2"}
            daemon.until(lambda: daemon.orphan(WWW) == 0)

            # It is switched off for good. The fix makes real1 a client of the others.
            web1.kill()
            daemon.until(lambda: daemon.orphan(WWW) == 1)
            eventually(lambda: pool(director) == {REAL2}, about=lambda: keepalived.log)
            orphan = check(tmp_path, text).finding("orphan-vip")
            assert orphan["fix"] == [f"ip address del {VIP}/32 dev lo"]
            mend(real1, orphan["fix"])
            assert (ask(real1, VIP), ask(client, VIP)) == ("real2", "real2")
            daemon.until(lambda: daemon.orphans() == {})
            assert check(tmp_path, text).code == 0


def pool(director: Netns) -> set[str]:
    """The real servers that get connections."""
    rows = director.run("ipvsadm", "--list", "--numeric").splitlines()
    return {row.split()[1].partition(":")[0] for row in rows if row.startswith("  -> 1")}
