"""A virtual service on this host itself, by NAT: its VIP is held here, and no socket serves it.

director 192.0.2.1   VIP on lo, IPVS; lowatch runs here
real     192.0.2.11  a web server, with the director as its way back to the VIP
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.lvs.segment import Segment, ask
from tests.support.checking import Checked, check, mend
from tests.support.daemon import Daemon, configuration
from tests.support.dns_server import Knot
from tests.support.neighbours import WebServer
from tests.support.netns import Netns

VIP, WWW = "203.0.113.10", "www.example.com"
DIRECTOR, REAL = "192.0.2.1", "192.0.2.11"
SERVICE = ("--tcp-service", f"{VIP}:80")


class Director:
    def __init__(self, netns: Netns, segment: Segment, directory: Path, stack: ExitStack) -> None:
        self.netns, self.directory = segment.host(f"{DIRECTOR}/24", netns), directory
        self.real = real = segment.host(f"{REAL}/24")
        real.ip(f"route add {VIP}/32 via {DIRECTOR}")
        with real.entered():
            stack.enter_context(WebServer(directory, "real"))
        netns.sysctl("net.ipv4.ip_forward", 1)
        netns.sysctl("net.ipv4.conf.all.arp_ignore", 1)
        netns.sysctl("net.ipv4.conf.all.arp_announce", 2)
        netns.ip(f"addr add {VIP}/32 dev lo")
        self.knot = stack.enter_context(Knot({"example.com": f"www A {VIP}"}))
        self.configuration = configuration(self.knot, f'hold = "0s"\ndomains = ["{WWW}:80"]')

    def add_service(self, scheduler: str = "rr") -> None:
        self.netns.run("ipvsadm", "--add-service", *SERVICE, "--scheduler", scheduler)

    def add_real(self) -> None:
        self.netns.run("ipvsadm", "--add-server", *SERVICE, "--real-server", f"{REAL}:80", "--masquerading")

    def check(self, top: str = "") -> Checked:
        return check(self.directory, top + self.configuration)


@pytest.fixture
def director(netns: Netns, segment: Segment, tmp_path: Path) -> Iterator[Director]:
    with ExitStack() as stack:
        yield Director(netns, segment, tmp_path, stack)


def refused(director: Director) -> bool:
    with pytest.raises(ConnectionRefusedError):
        ask(director.netns, VIP)
    return True


def test_redirected_is_told_from_orphan(director: Director) -> None:
    assert refused(director)
    with Daemon(director.directory, director.configuration) as daemon:
        assert (daemon.verdict(WWW), daemon.orphan(WWW, VIP)) == ("orphan", 1)

        director.add_service()
        director.add_real()
        assert ask(director.netns, VIP) == "real"
        daemon.until(lambda: daemon.verdict(WWW) == "redirected")
        assert (director.check().code, director.check().verdict(WWW)) == (0, "redirected")
        daemon.until(lambda: daemon.announced("orphan-vip") == ["firing", "resolved"])

        director.netns.run("ipvsadm", "--delete-server", *SERVICE, "--real-server", f"{REAL}:80")
        assert refused(director)
        daemon.until(lambda: daemon.orphan(WWW, VIP) == 1)
        seen = director.check()
        assert (seen.code, seen.verdict(WWW)) == (1, "orphan")
        assert seen.finding("orphan-vip")["fix"] == []  # IPVS still has it
        assert seen.finding("orphan-vip")["advice"] == (
            "start the service for 80/tcp on 203.0.113.10; no command is offered: "
            "203.0.113.10 has an IPVS virtual service"
        )

        director.netns.run("ipvsadm", "--delete-service", *SERVICE)
        assert refused(director)
        orphan = director.check().finding("orphan-vip")
        assert orphan["fix"] == [f"ip address del {VIP}/32 dev lo"]
        mend(director.netns, orphan["fix"])
        daemon.until(lambda: daemon.orphans() == {})
        assert director.check().code == 0


def test_quiesced(director: Director) -> None:
    """A real server of weight 0 gets no new connections: they are refused."""
    director.add_service()
    director.add_real()
    edit = ("--edit-server", *SERVICE, "--real-server", f"{REAL}:80", "--masquerading", "--weight", "0")
    director.netns.run("ipvsadm", *edit)
    assert refused(director)
    assert director.check().verdict(WWW) == "orphan"


def test_without_connects_it_is_taken_for_an_orphan(director: Director) -> None:
    """probe = "off": the lookup alone decides. The fix is not offered, for IPVS has the address."""
    director.add_service()
    director.add_real()
    assert ask(director.netns, VIP) == "real"
    seen = director.check('probe = "off"\n')
    assert (seen.code, seen.verdict(WWW)) == (1, "orphan")
    assert seen.finding("orphan-vip")["fix"] == []


def test_a_listener_is_asked_and_ipvs_answers(director: Director) -> None:
    """With both, the kernel looks up a socket, but IPVS takes the packets first: somebody serves it."""
    director.add_service()
    director.add_real()
    director.netns.listener(VIP, 80)
    assert ask(director.netns, VIP) == "real"
    assert (director.check().code, director.check().verdict(WWW)) == (0, "served")


def test_ipv6(director: Director, tmp_path: Path) -> None:
    vip, real = "2001:db8:2::10", "2001:db8:1::11"
    service = ("--tcp-service", f"[{vip}]:80")
    director.netns.batch(
        [f"addr add {address} nodad" for address in ("2001:db8:1::1/64 dev eth0", f"{vip}/128 dev lo")]
    )
    director.real.batch(
        [f"addr add {real}/64 dev eth0 nodad", f"route add {vip}/128 via 2001:db8:1::1 dev eth0"]
    )
    director.netns.sysctl("net.ipv6.conf.all.forwarding", 1)
    director.netns.run("ipvsadm", "--add-service", *service, "--scheduler", "rr")
    director.netns.run(
        "ipvsadm", "--add-server", *service, "--real-server", f"[{real}]:80", "--masquerading"
    )
    director.knot.replace("example.com", f"www AAAA {vip}")
    with ExitStack() as stack:
        with director.real.entered():
            stack.enter_context(WebServer(tmp_path, "real6", "::"))
        assert ask(director.netns, vip) == "real6"
        assert (director.check().code, director.check().verdict(WWW)) == (0, "redirected")

    director.netns.run("ipvsadm", "--delete-server", *service, "--real-server", f"[{real}]:80")
    with pytest.raises(ConnectionRefusedError):
        ask(director.netns, vip)
    orphan = director.check().finding("orphan-vip")
    assert (orphan["address"], orphan["fix"]) == (vip, [])  # IPVS still has it
    director.netns.run("ipvsadm", "--delete-service", *service)
    orphan = director.check().finding("orphan-vip")
    assert orphan["fix"] == [f"ip address del {vip}/128 dev lo"], orphan["advice"]
