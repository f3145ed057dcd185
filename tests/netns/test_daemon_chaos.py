"""Whatever is done to a host, the daemon soon sees what a fresh audit sees: no event is missed."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from socket import socket

import pytest

from lowatch.app import daemon as daemon_module
from lowatch.config.load import load
from tests.support.aio import run_async
from tests.support.daemon import configuration
from tests.support.dns_server import Knot
from tests.support.netns import CommandError, Netns
from tests.support.watching import Observed, converged, fresh_audit, running, truth

ROUNDS, CHANGES = 25, 8
V4 = [f"192.0.2.{n}" for n in range(1, 7)]
V6 = [f"2001:db8::{n}" for n in range(1, 4)]
PREFIXES = ["192.0.2.0/29", "192.0.2.4/30", "192.0.2.5/32", "192.0.0.0/16"]
LINKS = ["lo", "vip0", "vip1", "spare0", "eth0"]
PORTS = [80, 8080]
ZONE = "".join(f"v4-{n} A {a}\n" for n, a in enumerate(V4)) + "".join(
    f"v6-{n} AAAA {a}\nboth{n} AAAA {a}\nboth{n} A {V4[n]}\n" for n, a in enumerate(V6)
)


class Chaos:
    """Changes a host at random; what the kernel refuses just does not happen."""

    def __init__(self, netns: Netns, seed: int) -> None:
        self._netns = netns
        self._random = random.Random(seed)
        self._sockets: dict[tuple[str, int, bool], socket] = {}
        self.done: list[str] = []
        often, seldom = (self._address, self._socket), (self._route, self._rule, self._link, self._flush)
        self._changes: list[Callable[[], None]] = [*often * 3, *seldom]

    def change(self) -> None:
        self._random.choice(self._changes)()

    def _ip(self, command: str) -> None:
        try:
            self._netns.ip(command)
        except CommandError:
            return
        self.done.append(command)

    def _address(self) -> None:
        verb, link = self._random.choice(["add", "add", "del"]), self._random.choice(LINKS)
        if self._random.random() < 0.7:
            length = self._random.choice([32, 32, 32, 29, 24])
            self._ip(f"addr {verb} {self._random.choice(V4)}/{length} dev {link}")
        else:
            length = self._random.choice([128, 128, 64])
            nodad = " nodad" if verb == "add" else ""
            self._ip(f"addr {verb} {self._random.choice(V6)}/{length} dev {link}{nodad}")

    def _route(self) -> None:
        verb, link = self._random.choice(["add", "del"]), self._random.choice(LINKS)
        kind = self._random.choice(["local", "local", "blackhole"])
        device = f"dev {link} " if kind == "local" else ""
        metric = self._random.choice(["", "metric 7"])
        if self._random.random() < 0.7:
            self._ip(f"route {verb} {kind} {self._random.choice(PREFIXES)} {device}table local {metric}")
        else:
            self._ip(f"-6 route {verb} {kind} {self._random.choice(V6)} {device}table local {metric}")

    def _rule(self) -> None:
        verb = self._random.choice(["add", "del"])
        self._ip(f"rule {verb} to {self._random.choice(V4)} pref 0 blackhole")

    def _socket(self) -> None:
        address = self._random.choice([*V4, *V6, "0.0.0.0", "::"])
        port, tcp = self._random.choice(PORTS), self._random.random() < 0.7
        key = (address, port, tcp)
        made = self._sockets.pop(key, None)
        if made is not None:
            made.close()
            self.done.append(f"close {key}")
            return
        try:
            make = self._netns.listener if tcp else self._netns.udp
            self._sockets[key] = make(address, port, freebind=True, v6only=self._random.random() < 0.5)
        except OSError:
            return
        self.done.append(f"open {key}")

    def _link(self) -> None:
        name, other = self._random.choice([("vip0", "spare1"), ("spare1", "vip0")])
        self._ip(
            self._random.choice(
                [
                    f"link set {name} name {other}",
                    "link set vip1 down",
                    "link set vip1 up",
                    "link del vip1",
                    "link add vip1 type bridge",
                ]
            )
        )

    def _flush(self) -> None:
        """Now and then; and loopback comes back, for the nameserver is there."""
        if self._random.random() < 0.3:
            self._ip("-4 addr flush dev lo")
            self._ip("addr add 127.0.0.1/8 dev lo")


@pytest.mark.parametrize("seed", range(2))
def test_it_sees_what_a_fresh_audit_sees(
    netns: Netns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(daemon_module, "SWEEP_EVERY", 3600.0)
    for name in "vip0", "spare0", "eth0":
        netns.ip(f"link add {name} type bridge")
        netns.ip(f"link set {name} up")
    names = [line.split()[0] for line in ZONE.splitlines()]
    domains = [f'"{name}.example.com:{port}"' for name in names for port in ("80", "8080/udp")]
    top = f'hold = "0s"\ninterfaces = ["lo", "vip*"]\ndomains = [{", ".join(domains)}]'
    chaos, observed = Chaos(netns, seed), Observed()

    async def scenario() -> None:
        async with running(config, observed) as daemon:
            for _ in range(ROUNDS):
                for _ in range(CHANGES):
                    chaos.change()
                wanted = truth(await fresh_audit(config))
                try:
                    await converged(daemon, wanted, 3)
                except AssertionError as error:
                    raise AssertionError("\n".join((str(error), *chaos.done[-20:]))) from None

    with Knot({"example.com": ZONE}) as knot:
        file = tmp_path / "lowatch.toml"
        file.write_text(configuration(knot, top, dns="max_qps = 10000"))
        config = load(file)
        run_async(scenario(), timeout=60)
    assert len(chaos.done) > ROUNDS
