"""A lab of two web servers that share an anycast address, 192.0.2.10, of which one is this host.

`web1` is the test's own namespace, `web2` another host, `router` stands between them where routes
are announced by BGP. Whoever asks for www.example.com gets the shared address.
"""

from __future__ import annotations

import json
import shlex
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.neighbours.transcript import Transcript
from tests.support.checking import Checked, mend
from tests.support.daemon import Daemon, configuration
from tests.support.dns_server import Knot
from tests.support.name_service import write_etc
from tests.support.neighbours import Bird, Program, WebServer
from tests.support.netns import Netns
from tests.support.waiting import eventually

VIP, WWW = "192.0.2.10", "www.example.com"

# A command, with that directory for /etc: so that DNS and the C library agree on names.
_WITH_ETC = ["unshare", "--mount", "--", "sh", "-c", 'mount --bind "$0" /etc && exec "$@"']

_ROUTER = """
router id 198.51.100.2;
protocol device { }
protocol kernel { ipv4 { export all; }; }
protocol bgp web1 {
    local 198.51.100.2 as 65002;
    neighbor 198.51.100.1 as 65001;
    passive;
    ipv4 { import all; export none; };
}
"""


class Lab:
    """`lowatch run` watches web1 from `watch` on; hold: its hold time."""

    def __init__(self, web1: Netns, directory: Path, stack: ExitStack) -> None:
        self.web1, self.web2, self.router = web1, web1.sibling(), web1.sibling()
        self.directory = directory
        etc = {"resolv.conf": b"nameserver 127.0.0.1\n", "nsswitch.conf": b"hosts: dns\n", "hosts": b""}
        self._lowatch = [*_WITH_ETC, str(write_etc(directory / "etc", etc))]
        lowatch = shlex.join([*self._lowatch, sys.executable, "-m", "lowatch"])
        self.transcript = Transcript(web1, directory, f'lowatch() {{ {lowatch} "$@"; }}')
        web1.sysctl("net.ipv4.conf.all.arp_ignore", 1)  # else there is an arp-leak, too
        web1.sysctl("net.ipv4.conf.all.arp_announce", 2)
        self._stack = stack
        self.knot = stack.enter_context(Knot({"example.com": f"www A {VIP}"}, port=53))
        self.web = stack.enter_context(WebServer(directory, "web1"))
        self.start(WebServer(directory, "web2"), self.web2)

    def watch(self, hold: str = "0s") -> Daemon:
        text = configuration(self.knot, f'hold = "{hold}"\ndomains = ["{WWW}:80"]')
        self.daemon = self._stack.enter_context(Daemon(self.directory, text, prefix=self._lowatch))
        return self.daemon

    def start(self, program: Program, place: Netns | None = None) -> None:
        """At web1 or there; it ends with the lab."""
        with (place or self.web1).entered():
            self._stack.enter_context(program)

    # Its network.

    def one_segment(self) -> None:
        """web1 and web2 on one Ethernet; from web1, the address is routed to web2."""
        _join(self.web1, "eth0", "198.51.100.1/24", self.web2, "eth0", "198.51.100.2/24")
        self.web1.ip(f"route add {VIP}/32 via 198.51.100.2")

    def routed(self) -> None:
        """web1 and web2 behind a router, which has BGP with web1, and knows a longer way to web2."""
        _join(self.web1, "eth0", "198.51.100.1/24", self.router, "eth0", "198.51.100.2/24")
        _join(self.web2, "eth0", "203.0.113.1/24", self.router, "eth1", "203.0.113.2/24")
        self.web1.ip("route add default via 198.51.100.2")
        self.web2.ip("route add default via 203.0.113.2")
        self.web2.ip(f"addr add {VIP}/32 dev lo")
        self.router.sysctl("net.ipv4.ip_forward", 1)
        self.router.ip(f"route add {VIP}/32 via 203.0.113.1 metric 1000")
        self.start(Bird(self.directory, _ROUTER, "router"), self.router)

    def announced(self) -> bool:
        """Whether the router sends the address's traffic to web1."""
        return "198.51.100.1" in self.router.ip(f"route show {VIP}")

    # What is so, by three witnesses: the kernel's list, a connect, and lowatch.

    def held(self, place: Netns | None = None) -> bool:
        links = json.loads((place or self.web1).ip("-json address show dev lo"))
        return VIP in [row["local"] for row in links[0]["addr_info"]]

    def until_held(self, place: Netns | None = None) -> None:
        eventually(lambda: self.held(place), about=self._logs)

    def until_gone(self) -> None:
        eventually(lambda: not self.held(), about=self._logs)

    def until_announced(self) -> None:
        eventually(self.announced, about=self._logs)

    def until_withdrawn(self) -> None:
        eventually(lambda: not self.announced(), about=self._logs)

    def _logs(self) -> str:
        """The end of each."""
        lines = (
            f"{log.name}: {line}"
            for log in sorted(self.directory.glob("*.log"))
            for line in log.read_text().splitlines()[-20:]
        )
        return "\n".join(lines)

    def answer(self) -> str | None:
        """Who answers a connect from web1 to the address; None: it is refused."""
        try:
            with socket.create_connection((VIP, 80), timeout=5) as client:
                client.sendall(b"GET / HTTP/1.0\r\n\r\n")
                return client.makefile().read().split()[-1]
        except ConnectionRefusedError:
            return None

    def check(self) -> Checked:
        """`lowatch check`, with nothing that it could not observe."""
        command = [*self._lowatch, sys.executable, "-m", "lowatch", "check", "--format", "json"]
        command += ["-c", str(self.daemon.file)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
        assert not done.stderr, done.stderr
        report = json.loads(done.stdout)
        assert (report["complete"], report["problems"]) == (True, [])
        return Checked(done.returncode, report)

    def assert_served(self) -> None:
        assert (self.held(), self.answer()) == (True, "web1")
        self.daemon.until(lambda: self.daemon.orphan(WWW) == 0)
        seen = self.check()
        assert (seen.code, seen.findings(), seen.verdict(WWW)) == (0, [], "served")

    def assert_orphan(self) -> dict[str, Any]:
        """The finding."""
        self.daemon.until(lambda: self.daemon.orphan(WWW) == 1)
        assert (self.held(), self.answer()) == (True, None)
        seen = self.check()
        assert (seen.code, seen.verdict(WWW)) == (1, "orphan")
        finding = seen.finding("orphan-vip")
        assert (finding["interface"], finding["address"], finding["domain"]) == ("lo", VIP, WWW)
        return finding

    def assert_elsewhere(self) -> None:
        """The address is not here, and web2 answers for it."""
        self.daemon.until(lambda: self.daemon.orphan(WWW) is None)
        assert (self.held(), self.answer()) == (False, "web2")
        seen = self.check()
        assert (seen.code, seen.findings(), seen.report["endpoints"]) == (0, [], [])

    def mend(self, finding: dict[str, Any]) -> None:
        """Run what lowatch says would mend it; then it is mended."""
        mend(self.web1, finding["fix"])
        self.assert_elsewhere()
        self.daemon.until(lambda: self.daemon.announced("orphan-vip") == ["firing", "resolved"])

    # The same, to be read.

    def show(self, note: str, *, router: bool = False) -> None:
        self.transcript.note(note)
        self.transcript.run("ip -brief address show dev lo")
        if router:
            self.transcript.run(f"ip route show {VIP}", place=self.router)
        self.transcript.run(f"curl -sS http://{VIP}/")

    def show_finding(self) -> None:
        self.transcript.run("curl -s http://127.0.0.1:10048/metrics | grep ^lo_orphan_vip")
        self.transcript.run("lowatch check -c lowatch.toml")

    def show_mended(self, finding: dict[str, Any]) -> None:
        """Instead of `mend`: the commands are shown as well."""
        self.transcript.note("the fix that it offers")
        for command in finding["fix"]:
            self.transcript.run(command)
        self.assert_elsewhere()
        self.transcript.run(f"curl -sS http://{VIP}/")
        self.transcript.run("lowatch check -c lowatch.toml")
        self.daemon.until(lambda: self.daemon.announced("orphan-vip") == ["firing", "resolved"])


def _join(one: Netns, link: str, address: str, other: Netns, peer: str, peer_address: str) -> None:
    one.ip(f"link add {link} type veth peer name {peer} netns {other.path}")
    for place, name, own in (one, link, address), (other, peer, peer_address):
        place.ip(f"address add {own} dev {name}")
        place.ip(f"link set {name} up")
    # They are told to be up, and are a little later.
    eventually(lambda: "state UP" in one.ip(f"link show {link}"))
    eventually(lambda: "state UP" in other.ip(f"link show {peer}"))
