"""A host in a network namespace, and the changes that may happen to it. Each change is a real one.

Some changes are left out, because lowatch's verdicts do not cover them: a listener behind a firewall or NAT
(not probed; judge.py accepts such verdicts), lo going down (the daemon's page is there), rules that depend
on users or marks, IPv6 listeners bound to a device (tests/oracle/generate.py has the reason). Routes in
other tables that are not local are left out too: a filter drops their events, and the next sweep sees them.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import NamedTuple

from tests.oracle.clients import Target
from tests.oracle.stage import Opened
from tests.oracle.world import Protocol, Socket
from tests.support.dns_server import Knot
from tests.support.netns import CommandError, Netns

ZONE = "example.com"
WATCHED = ("lo", "vip0")
VIPS = ("192.0.2.10", "192.0.2.11", "2001:db8::10", "2001:db8::11")
ELSEWHERE = ("198.51.100.9", "2001:db8:ffff::9")
PORTS: dict[str, tuple[tuple[int, Protocol], ...]] = {
    "www": ((80, "tcp"),),
    "any": ((80, "tcp"), (443, "tcp")),
    "both": ((443, "tcp"), (53, "udp")),
    "dns": ((53, "udp"),),
}
ENDPOINTS = sorted({one for ports in PORTS.values() for one in ports})
ANY_OF = frozenset({"any"})
BEHIND = 9999
"""The port that NAT leads to. It may have a listener."""


class Filter(NamedTuple):
    """A netfilter rule for a target: "dnat" on output, or "drop" or "reject" on input."""

    target: Target
    action: str

    @property
    def statement(self) -> str:
        address, port, protocol = self.target
        v6 = ":" in address
        match = f"{'ip6' if v6 else 'ip'} daddr {address} {protocol} dport {port}"
        if self.action == "dnat":
            return f"{match} dnat {'ip6' if v6 else 'ip'} to {'[::1]' if v6 else '127.0.0.1'}:{BEHIND}"
        return f"{match} {self.action}"


class Scene:
    """done: the changes so far, as commands that a person can repeat."""

    def __init__(self, netns: Netns, knot: Knot, hosts: Path, random: Random) -> None:
        self._netns = netns
        self._knot = knot
        self._hosts = hosts
        self._random = random
        self.done: list[str] = []
        self.sockets: list[Opened] = []
        self.filters: set[Filter] = set()
        self.answers: dict[str, tuple[str, ...]] = dict.fromkeys(PORTS, ())
        self.overrides: dict[str, tuple[str, ...]] = {}
        self._opened = 0

    def set_up(self) -> None:
        self._ip("link add vip0 type bridge")
        self._ip("link add nic0 type veth peer name nic1")
        for link in "vip0", "nic0", "nic1":
            self._ip(f"link set {link} up")
        self._ip("addr add 10.0.0.1/24 dev nic0")
        self._ip("addr add 2001:db8:1::1/64 dev nic0 nodad")
        for family, gateway in ("-4", "10.0.0.2"), ("-6", "2001:db8:1::2"):
            self._ip(f"{family} rule add pref 100 lookup local")
            self._ip(f"{family} rule del pref 0")
            self._ip(f"{family} route add default via {gateway} table 77")
            self._ip(f"{family} route add blackhole default table 78")
        for number in 1, 2:
            self._ip(f"nexthop add id {number} dev lo")
            self._ip(f"-6 nexthop add id {number + 10} dev lo")
        self._netns.sysctl("net.ipv4.nexthop_compat_mode", self._random.randint(0, 1))
        for name in PORTS:
            self.answers[name] = self._some_addresses()
        self._publish()
        for _ in range(4):
            self._ip(f"addr add {self._address()} dev lo{self._nodad()}")
            self._socket()

    def change(self) -> None:
        """Makes one random change. The kernel may refuse it."""
        kinds: list[tuple[Callable[[], None], int]] = [
            (self._change_address, 20),
            (self._change_route, 20),
            (self._change_rule, 12),
            (self._socket, 22),
            (self._close, 16),
            (self._link, 3),
            (self._filter, 5),
            (self._override, 5),
            (self._resolve, 4),
        ]
        changes, weights = zip(*kinds, strict=True)
        self._random.choices(changes, weights)[0]()

    def targets(self) -> dict[str, list[Target]]:
        """Name -> the targets that a client on this host would connect to now."""
        return {
            name: [
                Target(address, number, protocol)
                for address in self.overrides.get(name, self.answers[name])
                for number, protocol in ports
            ]
            for name, ports in PORTS.items()
        }

    def device(self, target: Target) -> str:
        """The interface through which routing delivers it locally; "" if it does not."""
        asked = f"{target.address} ipproto {target.protocol} dport {target.port}"
        with suppress(CommandError):
            said = self._netns.ip(f"route get fibmatch {asked}").split()
            if said[0] == "local":
                return said[said.index("dev") + 1] if "dev" in said else "lo"
        return ""

    def __str__(self) -> str:
        return "\n".join(
            self._netns.run(*command.split())
            for command in (
                "ip -br address",
                "ip -6 route show table main",
                "ip rule",
                "ip -6 rule",
                "ip route show table all type local",
                "ip -6 route show table local",
                "ip nexthop",
                "nft list ruleset",
                "ss -Hltun",
            )
        )

    # The changes.

    def _ip(self, command: str) -> None:
        try:
            self._netns.ip(command)
        except CommandError:
            self.done.append(f"ip {command} (refused)")
        else:
            self.done.append(f"ip {command}")

    def _address(self) -> str:
        vip = self._random.choice(VIPS)
        wide = self._random.random() < 0.15
        return f"{vip}/{(64 if wide else 128) if ':' in vip else (24 if wide else 32)}"

    @staticmethod
    def _nodad() -> str:
        return " nodad"  # ignored of an IPv4 address

    def _change_address(self) -> None:
        device = self._random.choice(("lo", "lo", "lo", "vip0", "nic0"))
        if self._random.random() < 0.6:
            self._ip(f"addr add {self._address()} dev {device}{self._nodad()}")
        elif self._random.random() < 0.1:
            self._ip(f"addr flush dev {self._random.choice(('vip0', 'nic0'))}")
        else:
            self._ip(f"addr del {self._address()} dev {device}")

    def _change_route(self) -> None:
        random, vip = self._random, self._random.choice(VIPS)
        verb = random.choice(("add", "append", "replace", "del", "del"))
        table = random.choice(("local", "local", "local", "100"))
        like = random.choice(("", "", "proto 66", "proto static", "metric 7"))
        if random.random() < 0.2:
            verb = random.choice((verb, "del"))
            kind = random.choice(("blackhole", "unreachable", "prohibit"))
            self._ip(f"route {verb} {kind} {vip} table local {like}")
            return
        number = random.randint(1, 2) + (10 if ":" in vip else 0)
        through = random.choice(("dev lo", "dev lo", "dev vip0", "dev nic0", f"nhid {number}"))
        if random.random() < 0.1:
            verb = random.choice(("del", "add"))
            self._ip(f"{'-6' if ':' in vip else '-4'} nexthop {verb} id {number} dev lo")
            return
        self._ip(f"route {verb} local {vip} {through} table {table} {like}")

    def _change_rule(self) -> None:
        random, vip = self._random, self._random.choice(VIPS)
        family = "-6" if ":" in vip else "-4"
        if random.random() < 0.7:
            self._ip(f"{family} rule del pref {random.randint(50, 53)}")
            return
        port = random.choice((80, 443))
        selector = random.choice(
            (
                f"to {vip}",
                f"from {vip}",
                f"to {vip} ipproto tcp dport {port}",
                f"from {vip} ipproto tcp sport {port}",
                f"to {vip} ipproto udp",
                f"to {vip} iif lo",
            )
        )
        where = f"pref {random.randint(50, 53)}"
        self._ip(f"{family} rule add {where} {selector} lookup {random.choice((77, 78, 100))}")

    def _link(self) -> None:
        name = self._random.choice(("vip0", "nic0"))
        self._ip(f"link set {name} {self._random.choice(('up', 'up', 'down'))}")

    def _socket(self) -> None:
        random = self._random
        number, protocol = random.choice([*ENDPOINTS, (BEHIND, "tcp")])
        address = random.choice((*VIPS, *VIPS, "0.0.0.0", "::", "::", "127.0.0.1", "::1"))
        spec = Socket(
            protocol,
            address,
            number,
            v6only=random.choice((True, False)) if address == "::" else None,
            reuseport=random.random() < 0.5,
            device="lo" if random.random() < 0.1 and ":" not in address else None,
            freebind=True,
        )
        try:
            made = self._netns.sockets.bound(
                spec.address,
                spec.port,
                kind=socket.SOCK_STREAM if spec.protocol == "tcp" else socket.SOCK_DGRAM,
                v6only=spec.v6only,
                reuseport=spec.reuseport,
                device=spec.device,
                freebind=spec.freebind,
            )
            made.setblocking(False)
            if spec.protocol == "tcp":
                made.listen(512)
        except OSError:
            self.done.append(f"socket {spec} (refused)")
            return
        self._opened += 1
        self.sockets.append(Opened(self._opened, spec, made))
        self.done.append(f"socket {self._opened}: {spec}")

    def _close(self) -> None:
        if len(self.sockets) > self._random.randint(2, 9):
            gone = self.sockets.pop(self._random.randrange(len(self.sockets)))
            gone.socket.close()
            self.done.append(f"socket {gone.number} closed")

    def _filter(self) -> None:
        if self.filters and self._random.random() < 0.5:
            gone = self._random.choice(sorted(self.filters))
            self.filters.remove(gone)
            self.done.append(f"nft: no {gone.statement}")
        else:
            number, protocol = self._random.choice(((80, "tcp"), (443, "tcp"), (53, "udp")))
            target = Target(self._random.choice(VIPS), number, protocol)  # type: ignore[arg-type]
            action = self._random.choice(("dnat", "dnat", "dnat", "drop", "reject"))
            self.filters = {one for one in self.filters if one.target != target} | {Filter(target, action)}
            self.done.append(f"nft: {Filter(target, action).statement}")
        nat = [one.statement for one in self.filters if one.action == "dnat"]
        rest = [one.statement for one in self.filters if one.action != "dnat"]
        self._netns.nft(
            "\n".join(
                [
                    "flush ruleset",
                    "table inet walk {",
                    "chain output { type nat hook output priority -100",
                    *nat,
                    "}",
                    "chain input { type filter hook input priority 0",
                    *rest,
                    "}",
                    "}",
                ]
            )
        )

    def _some_addresses(self) -> tuple[str, ...]:
        count = self._random.choice((0, 1, 1, 1, 2, 2, 3))
        return tuple(sorted(set(self._random.sample((*VIPS, *VIPS, *ELSEWHERE), count))))

    def _resolve(self) -> None:
        name = self._random.choice(tuple(PORTS))
        self.answers[name] = tuple(sorted(set(self._some_addresses())))
        self._publish()
        self.done.append(f"DNS: {name} is {', '.join(self.answers[name]) or 'nothing'}")

    def _publish(self) -> None:
        lines = [
            f"{name} 0 {'AAAA' if ':' in address else 'A'} {address}"
            for name, addresses in self.answers.items()
            for address in dict.fromkeys(addresses)
        ]
        self._knot.replace(ZONE, "\n".join([*lines, "ns 0 A 127.0.0.1"]))

    def _override(self) -> None:
        name = self._random.choice(tuple(PORTS))
        if name in self.overrides:
            del self.overrides[name]
        elif chosen := tuple(sorted(set(self._some_addresses()))):
            self.overrides[name] = chosen
        said = self.overrides.get(name)
        self.done.append(f"/etc/hosts: {name} is {', '.join(said) if said else 'not there'}")
        lines = [f"{address} {one}.{ZONE}" for one, some in self.overrides.items() for address in some]
        self._hosts.write_text("".join(f"{line}\n" for line in ["127.0.0.1 localhost", *lines]))
