"""(e) DNS: the cost of a query, compared with other clients, and of the daemon with 100,000 names."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack, closing
from pathlib import Path

from tests.support.netns import Netns

from . import dns_load, dns_paced, dns_unpaced, dns_zone, report, world
from .daemon import resolv_conf
from .dns_paced import Plan
from .dns_unpaced import Contest
from .report import Row

MANY, FEW = 100_000, 10_000
TTL = 60
HELD = 10
"""Names that resolve to this host and are served there."""
IPV6 = "2001:db8::1/128"
"""Held as well: without an IPv6 address on the host, AAAA queries are rarer."""


def run(*, quick: bool) -> list[Row]:
    many, few, ttl = (MANY // 10, FEW // 10, TTL // 6) if quick else (MANY, FEW, TTL)
    rounds = 1 if quick else dns_unpaced.ROUNDS
    with Netns() as netns, netns.entered(), ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lowatch-bench-")))
        knot = stack.enter_context(dns_zone.served(many, ttl))
        server = knot.nameserver
        report.title(f"(e) DNS, unpaced: {many} names on a Knot of its own core")
        contest = Contest(server, many, rounds, folder)
        rows = dns_unpaced.measure(contest)
        rows += dns_unpaced.measure_tcp(contest._replace(rounds=1))
        report.title(f"(e) DNS, paced: `lowatch run` with {many} and with {few} names of TTL {ttl}")
        stack.enter_context(closing(world.Lo())).fill(HELD)
        netns.ip(f"addr add {IPV6} dev lo")
        stack.enter_context(world.listening(HELD))
        stack.enter_context(resolv_conf(folder, f"nameserver {server.host}\n"))
        plan = Plan(server, folder, many, few, ttl, 1 if quick else 2, ttl / 2, all=not quick)
        rows += dns_paced.measure(plan)
        report.title(f"(e) Loading {many} names from files")
        return rows + dns_load.measure(folder, many, 3 if quick else 5)
