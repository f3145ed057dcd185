"""`make demo DEMO=lvs`: an LVS director, two real servers, and the virtual IP that one of them keeps.

On a kernel without ip_vs it runs in an emulated one of Debian.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from lowatch.cli.demo.narrator import Narrator, since, stdout_narrator
from lowatch.cli.demo.stage import python
from tests.kernels import guest
from tests.kernels.packages import FetchError, fetch
from tests.lvs.modules import missing
from tests.lvs.segment import Segment, ask
from tests.support.dns_server import Knot
from tests.support.neighbours import WebServer
from tests.support.netns import Netns, isolate_session

VIP, DOMAIN = "192.0.2.10", "shop.example"
ADDRESSES = {
    "director": "192.0.2.1",
    "real1": "192.0.2.11",
    "real2": "192.0.2.12",
    "client": "192.0.2.100",
}
SERVICE = f"--tcp-service {VIP}:80"
KERNEL = "6.12"
_PATIENCE = 600.0
"""Seconds for a guest to boot and play it all."""


class Story:
    """The scenes. lowatch runs on real1."""

    def __init__(self, narrator: Narrator, folder: Path, stack: ExitStack) -> None:
        self._narrator = narrator
        self._folder = folder
        self._stack = stack
        real1 = stack.enter_context(Netns())
        self._segment = Segment(real1)
        self._hosts = {
            name: self._segment.host(f"{address}/24", real1 if name == "real1" else None)
            for name, address in ADDRESSES.items()
        }
        self._webs = {name: WebServer(folder, name) for name in ("real1", "real2")}

    def play(self) -> None:
        self._balance()
        self._forget_arp_ignore()
        self._move_away()

    def _balance(self) -> None:
        self._narrator.scene(
            "Two real servers hold a virtual IP on lo, and a director sends them connections in turn:"
        )
        for name, web in self._webs.items():
            self._run(name, f"ip address add {VIP}/32 dev lo")
            self._run(name, "sysctl -qw net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2")
            with self._hosts[name].entered():
                self._stack.enter_context(web)
            self._narrator.seen(f"{name}$ ./web-server &")
        self._run("director", f"ip address add {VIP}/32 dev eth0")
        self._run("director", f"ipvsadm --add-service {SERVICE} --scheduler rr")
        for name in self._webs:
            self._run(
                "director", f"ipvsadm --add-server {SERVICE} --real-server {ADDRESSES[name]} --gatewaying"
            )
        with self._hosts["real1"].entered():
            self._stack.enter_context(Knot({"example": f"shop 60 A {VIP}"}, port=53))
        self._get("client", expected=["real1", "real2"], times=2)
        self._who_has_it(["director"])
        self._check(0)

    def _forget_arp_ignore(self) -> None:
        self._narrator.scene("real1 loses arp_ignore, and tells the client that the virtual IP is there:")
        self._run("real1", "sysctl -qw net.ipv4.conf.all.arp_ignore=0")
        self._who_has_it(["director", "real1"])
        self._check(1, "arp-leak")
        self._run("real1", "sysctl -qw net.ipv4.conf.all.arp_ignore=1")
        self._who_has_it(["director"])

    def _move_away(self) -> None:
        self._narrator.scene(
            "The service moves away from real1, where the virtual IP is forgotten. Clients do not notice:"
        )
        self._run("director", f"ipvsadm --delete-server {SERVICE} --real-server {ADDRESSES['real1']}")
        self._webs["real1"].stop()
        self._narrator.seen("real1$ kill %web-server")
        self._get("client", expected=["real2"], times=2)
        self._get("real1", expected=["refused"])
        self._check(1, "orphan-vip")

        self._narrator.scene("With the fix, real1 is a client like any other:")
        self._run("real1", f"ip address del {VIP}/32 dev lo")
        self._get("real1", expected=["real2"])
        self._check(0)

    def _run(self, host: str, command: str) -> None:
        self._hosts[host].run(*shlex.split(command))
        self._narrator.seen(f"{host}$ {command}")

    def _get(self, host: str, *, expected: list[str], times: int = 1) -> None:
        answered = []
        for _ in range(times):
            try:
                answered.append(ask(self._hosts[host], VIP))
            except ConnectionRefusedError:
                answered.append("refused")
        self._narrator.seen(f"{host}: GET http://{VIP}/", ", then ".join(answered))
        _expect(f"answers to {host}", set(answered), set(expected))

    def _who_has_it(self, expected: list[str]) -> None:
        """Ask for the virtual IP by ARP."""
        names = {address: name for name, address in ADDRESSES.items()}
        found = {names[one] for one in self._segment.who_has(VIP, self._hosts["client"])}
        self._narrator.seen(f"client: who has {VIP}?", " and ".join(sorted(found)))
        _expect("who answers", found, set(expected))

    def _check(self, code: int, finding: str = "") -> None:
        self._narrator.seen(f"real1$ lowatch check {DOMAIN}:80")
        with self._hosts["real1"].entered():
            done = subprocess.run(
                [
                    "env",
                    f"COLUMNS={self._narrator.quoted_width}",
                    *python("lowatch", "check", f"{DOMAIN}:80"),
                ],
                cwd=self._folder,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
        self._narrator.quoted(done.stdout)
        self._narrator.seen("real1$ echo $?", str(done.returncode))
        _expect("exit code", done.returncode, code)
        _expect(f"a finding {finding}", finding in done.stdout, True)


def _expect(what: str, found: object, expected: object) -> None:
    if found != expected:
        raise AssertionError(f"{what}: {found}, not {expected}")


def main() -> int:
    if os.geteuid():
        print("lvs demo: needs root, who may use IPVS and start a guest", file=sys.stderr)
        return 2
    try:
        return _in_guest() if missing(("ip_vs",)) else _here()
    except KeyboardInterrupt:
        print("lvs demo: interrupted", file=sys.stderr)
        return 128 + signal.SIGINT
    except (AssertionError, FetchError, guest.GuestError, OSError) as error:
        print(f"lvs demo: failed: {error}", file=sys.stderr)
        return 1


def _in_guest() -> int:
    guest.check_host()
    print(
        f"lvs demo: this kernel lacks ip_vs, so it runs in an emulated one (Debian's {KERNEL}).", flush=True
    )
    outcome = guest.run(
        fetch(KERNEL),
        f"exec {shlex.quote(sys.executable)} -m tests.lvs.demo",
        on_line=lambda line: print(line, flush=True),
        timeout=_PATIENCE,
    )
    return outcome.status


def _here() -> int:
    narrator = stdout_narrator()
    began = time.monotonic()
    narrator.title("lvs demo: runs in network namespaces of its own; nothing outside is touched.")
    isolate_session()
    with tempfile.TemporaryDirectory(prefix="lowatch-demo-") as folder, ExitStack() as stack:
        Story(narrator, Path(folder), stack).play()
    narrator.end(f"All as expected, in {since(began)}. The namespaces have been removed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
