"""LVS with direct routing: a director, two real servers, and the virtual IP that one of them keeps.

    client 192.0.2.100 ---+--- director 192.0.2.1    VIP 192.0.2.10 on eth0, and IPVS
                          +--- real1    192.0.2.11   VIP on lo, a web server; lowatch runs here
                          +--- real2    192.0.2.12   VIP on lo, a web server

The client asks the Ethernet who has the VIP. Only the director may answer. It passes each connection's
packets on to a real server, by MAC and otherwise as they are; that takes them, for the VIP is local there,
and answers the client directly.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.lvs.segment import Segment, answers, ask, mac
from tests.support.checking import Checked, check, mend
from tests.support.daemon import Daemon, configuration
from tests.support.dns_server import Knot
from tests.support.neighbours import WebServer
from tests.support.netns import Netns

VIP, WWW = "192.0.2.10", "www.example.com"
DIRECTOR, REAL1, REAL2, CLIENT = "192.0.2.1", "192.0.2.11", "192.0.2.12", "192.0.2.100"


class Lvs:
    """The four hosts. The test, and so lowatch, is on real1."""

    def __init__(self, real1: Netns, segment: Segment, directory: Path, stack: ExitStack) -> None:
        self.segment, self.directory = segment, directory
        self.director = segment.host(f"{DIRECTOR}/24")
        self.real1 = segment.host(f"{REAL1}/24", real1)
        self.real2 = segment.host(f"{REAL2}/24")
        self.client = segment.host(f"{CLIENT}/24")
        self.web1 = WebServer(directory, "real1")
        self.web2 = WebServer(directory, "real2")
        for host, web in (self.real1, self.web1), (self.real2, self.web2):
            # Neither answer requests for the VIP nor name it in requests of their own.
            host.sysctl("net.ipv4.conf.eth0.arp_ignore", 1)
            host.sysctl("net.ipv4.conf.eth0.arp_announce", 2)
            host.ip(f"addr add {VIP}/32 dev lo")
            with host.entered():
                stack.enter_context(web)
        self.director.ip(f"addr add {VIP}/32 dev eth0")
        self.director.run("ipvsadm", "--add-service", "--tcp-service", f"{VIP}:80", "--scheduler", "rr")
        for real in REAL1, REAL2:
            self.balance(real)
        self.knot = stack.enter_context(Knot({"example.com": f"www A {VIP}"}))
        self.configuration = configuration(self.knot, f'hold = "0s"\ndomains = ["{WWW}:80"]')

    def balance(self, real: str, *, to: bool = True) -> None:
        """Whether the director sends connections to a real server."""
        command = ["--add-server" if to else "--delete-server", "--tcp-service", f"{VIP}:80"]
        how = ["--gatewaying"] if to else []
        self.director.run("ipvsadm", *command, "--real-server", f"{real}:80", *how)

    def asks_for_vip(self) -> set[str]:
        """Who answers the client's ARP request for the VIP."""
        return self.segment.who_has(VIP, self.client)

    def check(self) -> Checked:
        """`lowatch check` on real1."""
        return check(self.directory, self.configuration)


@pytest.fixture
def lvs(netns: Netns, segment: Segment, tmp_path: Path) -> Iterator[Lvs]:
    with ExitStack() as stack:
        yield Lvs(netns, segment, tmp_path, stack)


def test_a_service_moves_away_and_its_vip_stays(lvs: Lvs) -> None:
    """What lowatch is for: clients get their answers, and this host alone does not."""
    with Daemon(lvs.directory, lvs.configuration) as daemon:
        # All is well: the client is served by both; real1 itself by its own web server.
        assert lvs.asks_for_vip() == {DIRECTOR}
        assert answers(lvs.client, VIP) == {"real1", "real2"}
        assert ask(lvs.real1, VIP) == "real1"
        assert (daemon.orphan(WWW), daemon.findings()) == (0, [])
        assert (lvs.check().code, lvs.check().verdict(WWW)) == (0, "served")

        # The service moves away from real1, in order: first the director knows. The VIP is forgotten.
        lvs.balance(REAL1, to=False)
        lvs.web1.stop()
        assert answers(lvs.client, VIP) == {"real2"}
        with pytest.raises(ConnectionRefusedError):
            ask(lvs.real1, VIP)
        daemon.until(lambda: daemon.orphan(WWW) == 1)
        seen = lvs.check()
        assert (seen.code, seen.kinds(), seen.verdict(WWW)) == (1, {"orphan-vip": 1}, "orphan")
        orphan = seen.finding("orphan-vip")
        assert orphan["message"] == (
            "www.example.com resolves to 192.0.2.10, which is on lo, but nothing listens there on 80/tcp: "
            "requests from this host fail"
        )

        # The fix: real1 becomes a client like any other.
        assert orphan["fix"] == ["ip address del 192.0.2.10/32 dev lo"]
        mend(lvs.real1, orphan["fix"])
        assert ask(lvs.real1, VIP) == "real2"
        assert answers(lvs.client, VIP) == {"real2"}
        daemon.until(lambda: daemon.orphans() == {})
        daemon.until(lambda: daemon.announced("orphan-vip") == ["firing", "resolved"])
        assert (lvs.check().code, lvs.check().findings()) == (0, [])


def test_arp_ignore_is_forgotten(lvs: Lvs) -> None:
    """Whichever answer comes first: some neighbours then send all to real1, past the director."""
    with Daemon(lvs.directory, lvs.configuration) as daemon:
        lvs.real1.sysctl("net.ipv4.conf.eth0.arp_ignore", 0)
        assert lvs.asks_for_vip() == {DIRECTOR, REAL1}
        lvs.client.ip(f"neigh replace {VIP} lladdr {mac(lvs.real1)} dev eth0")  # what it learns then
        assert answers(lvs.client, VIP) == {"real1"}
        daemon.until(lambda: daemon.findings("arp-leak"))
        seen = lvs.check()
        assert (seen.code, seen.kinds(), seen.verdict(WWW)) == (1, {"arp-leak": 1}, "served")
        leak = seen.finding("arp-leak")
        assert leak["message"] == (
            "192.0.2.10 on lo leaks by ARP: requests for it are answered on eth0 (arp_ignore 0); "
            "neighbours may send its traffic here, bypassing a load balancer"
        )

        assert leak["fix"] == [
            "sysctl -w net.ipv4.conf.eth0.arp_ignore=1",
            "sysctl -w net.ipv4.conf.all.arp_ignore=1",
        ]
        for command in leak["fix"]:  # each is enough by itself
            lvs.real1.sysctl("net.ipv4.conf.eth0.arp_ignore", 0)
            mend(lvs.real1, [command])
            assert lvs.asks_for_vip() == {DIRECTOR}
        lvs.client.ip(f"neigh del {VIP} dev eth0")
        assert answers(lvs.client, VIP) == {"real1", "real2"}
        daemon.until(lambda: daemon.findings() == [])
        assert lvs.check().code == 0


def test_arp_announce_is_forgotten(lvs: Lvs) -> None:
    """real1 asks for the client's MAC in the name of the VIP, and the client learns from the question."""
    lvs.real1.sysctl("net.ipv4.conf.eth0.arp_announce", 0)
    lvs.balance(REAL2, to=False)
    assert ask(lvs.client, VIP) == "real1"
    assert mac(lvs.real1) in lvs.client.ip(f"neigh show {VIP}")
    leak = lvs.check().finding("arp-leak")
    assert "it is sent as the source of requests on eth0 (arp_announce 0)" in leak["message"]
    mend(lvs.real1, leak["fix"][:1])
    for host, address in (lvs.real1, CLIENT), (lvs.client, VIP):
        host.ip(f"neigh del {address} dev eth0")
    assert ask(lvs.client, VIP) == "real1"
    assert mac(lvs.director) in lvs.client.ip(f"neigh show {VIP}")
    assert lvs.check().code == 0


def test_case_14_only_lo_was_set(lvs: Lvs) -> None:
    """dpvs#312: real1 has left the pool, and users still get its default page."""
    lvs.balance(REAL1, to=False)
    for setting, value in ("arp_ignore", 1), ("arp_announce", 2):
        lvs.real1.sysctl(f"net.ipv4.conf.lo.{setting}", value)
        lvs.real1.sysctl(f"net.ipv4.conf.eth0.{setting}", 0)
    assert lvs.asks_for_vip() == {DIRECTOR, REAL1}
    lvs.client.ip(f"neigh replace {VIP} lladdr {mac(lvs.real1)} dev eth0")
    assert answers(lvs.client, VIP) == {"real1"}
    seen = lvs.check()
    assert (seen.code, seen.kinds()) == (1, {"arp-leak": 1})
    mend(lvs.real1, seen.finding("arp-leak")["fix"][:1])
    lvs.client.ip(f"neigh del {VIP} dev eth0")
    assert lvs.asks_for_vip() == {DIRECTOR}
    assert answers(lvs.client, VIP) == {"real2"}
    assert lvs.check().code == 0


def test_case_22_vip_missing_on_a_real_server(lvs: Lvs) -> None:
    """seesaw#25: every other connection goes to a host that does not take it."""
    lvs.real1.ip(f"addr del {VIP}/32 dev lo")
    with pytest.raises(TimeoutError):  # one of two goes to real1
        answers(lvs.client, VIP, times=2, timeout=2.0)
    expecting = f'expect = ["{VIP}"]\n{lvs.configuration}'
    seen = check(lvs.directory, expecting)
    assert (seen.code, seen.kinds()) == (1, {"missing-vip": 1})
    missing = seen.finding("missing-vip")
    assert missing["fix"] == ["ip address add 192.0.2.10/32 dev lo"]
    mend(lvs.real1, missing["fix"])
    assert answers(lvs.client, VIP) == {"real1", "real2"}
    assert check(lvs.directory, expecting).code == 0


def test_a_director_is_no_client_of_its_own(lvs: Lvs) -> None:
    """From the VIP to the VIP: a real server has both, and drops the packet. Nothing is refused."""
    assert answers(lvs.client, VIP) == {"real1", "real2"}  # and the director has their MACs
    with lvs.director.entered():
        with pytest.raises(TimeoutError):
            ask(lvs.director, VIP, timeout=2.0)
        with Knot({"example.com": f"www A {VIP}"}) as knot:
            text = configuration(knot, f'interfaces = ["lo", "eth0"]\ndomains = ["{WWW}:80"]')
            seen = check(lvs.directory, text)
    assert (seen.code, seen.findings("orphan-vip"), seen.verdict(WWW)) == (3, [], "unknown")
    assert seen.endpoints(WWW)[80]["reason"] == (
        "connect: no socket, but a connect was not refused: NAT may forward it, or a firewall may drop it"
    )
