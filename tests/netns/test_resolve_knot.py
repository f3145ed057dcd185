"""The DNS engine against Knot, a real server, through outages and over real networks."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from lowatch.config.settings import DnsSettings, Nameserver
from lowatch.core.addresses import format_address
from lowatch.core.answers import Answer, AnswerStatus
from lowatch.resolve.engine import Engine
from tests.support.aio import run_async
from tests.support.dns_server import Knot
from tests.support.netns import Netns
from tests.support.virtual_time import LoopClock

ZONES = {
    "example.com": """
www     A     192.0.2.10
www     AAAA  2001:db8::10
quick 0 A     192.0.2.20
v4only  A     192.0.2.30
alias   CNAME www
inner   CNAME alias
across  CNAME www.example.net.
lost    CNAME www.example.org.
nowhere CNAME none
loop    CNAME loop2
loop2   CNAME loop
*.wild  A     192.0.2.40
"""
    + "\n".join(f"many A 10.0.{n // 250}.{n % 250}" for n in range(1000)),
    "example.net": "www 30 A 198.51.100.1",
}


class Watched:
    """A running engine whose changes can be waited for."""

    def __init__(self, domains: Iterable[str], settings: DnsSettings, resolv_conf: Path) -> None:
        self.engine = Engine(domains, settings, LoopClock(), resolv_conf=resolv_conf)
        self._changed = asyncio.Event()

    def answer_changed(self, domain: str) -> None:
        self._changed.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            self._changed.clear()
            await self._changed.wait()

    def __getitem__(self, domain: str) -> Answer:
        return self.engine.answer(domain)


@asynccontextmanager
async def engine(
    *servers: Nameserver,
    domains: Iterable[str],
    resolv_conf: Path | None = None,
    **settings: float,
) -> AsyncIterator[Watched]:
    dns = DnsSettings(None if resolv_conf else servers, **settings)  # type: ignore[arg-type]
    watched = Watched(domains, dns, resolv_conf or Path("/nowhere"))
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(watched.engine.run(watched))
        try:
            await watched.engine.settled()
            yield watched
        finally:
            task.cancel()


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def texts(answer: Answer) -> list[str]:
    return [format_address(address) for address in answer.addresses]


def test_every_kind_of_answer() -> None:
    cases = {
        "www": (AnswerStatus.RESOLVED, ["192.0.2.10", "2001:db8::10"], ()),
        "v4only": (AnswerStatus.RESOLVED, ["192.0.2.30"], ()),
        "alias": (AnswerStatus.RESOLVED, ["192.0.2.10", "2001:db8::10"], ("www.example.com",)),
        "inner": (
            AnswerStatus.RESOLVED,
            ["192.0.2.10", "2001:db8::10"],
            ("alias.example.com", "www.example.com"),
        ),
        "across": (AnswerStatus.RESOLVED, ["198.51.100.1"], ("www.example.net",)),
        "lost": (AnswerStatus.UNKNOWN, [], ()),
        "nowhere": (AnswerStatus.NXDOMAIN, [], ("none.example.com",)),
        "loop": (AnswerStatus.UNKNOWN, [], ()),
        "none": (AnswerStatus.NXDOMAIN, [], ()),
        "any.wild": (AnswerStatus.RESOLVED, ["192.0.2.40"], ()),
    }

    async def scenario(server: Nameserver) -> None:
        domains = [f"{name}.example.com" for name in cases]
        async with engine(server, domains=domains) as asked:
            for name, (status, addresses, chain) in cases.items():
                answer = asked[f"{name}.example.com"]
                assert (answer.status, texts(answer), answer.a.chain) == (status, addresses, chain)
            assert "REFUSED" in asked["lost.example.com"].a.reason
            assert "www.example.org, an alias" in asked["lost.example.com"].a.reason
            assert "CNAME loop at " in asked["loop.example.com"].a.reason

    with Knot(ZONES) as knot:
        run_async(scenario(knot.nameserver))


def test_a_thousand_addresses_come_by_tcp() -> None:
    async def scenario(server: Nameserver) -> None:
        async with engine(server, domains=["many.example.com"]) as asked:
            assert len(set(asked["many.example.com"].addresses)) == 1000

    with Knot(ZONES) as knot:
        run_async(scenario(knot.nameserver))


def test_a_zone_that_changes_is_followed() -> None:
    async def scenario(knot: Knot) -> None:
        async with engine(knot.nameserver, domains=["quick.example.com"], min_ttl=0.0) as asked:
            assert texts(asked["quick.example.com"]) == ["192.0.2.20"]
            knot.replace("example.com", "quick 0 A 192.0.2.21\nquick 0 A 192.0.2.22")
            await asked.until(lambda: texts(asked["quick.example.com"]) == ["192.0.2.21", "192.0.2.22"])
            knot.replace("example.com", "other A 192.0.2.1")
            await asked.until(lambda: asked["quick.example.com"].status is AnswerStatus.NXDOMAIN)

    with Knot(ZONES, negative_ttl=0) as knot:
        run_async(scenario(knot), timeout=20)


@pytest.mark.parametrize("outage", ["killed", "stopped"])
def test_an_outage_leaves_every_address_stale_and_ends(outage: str) -> None:
    async def scenario(knot: Knot) -> None:
        names = [f"n{n}.wild.example.com" for n in range(50)]
        async with engine(knot.nameserver, domains=names, min_ttl=0.0, timeout=0.2) as asked:
            before = {name: texts(asked[name]) for name in names}
            knot.kill() if outage == "killed" else knot.pause()
            await asked.until(lambda: all(asked[name].a.status is AnswerStatus.STALE for name in names))
            reason = "Connection refused" if outage == "killed" else "no reply within 0.2 s"
            assert asked[names[0]].a.reason == f"{knot.nameserver}: {reason}"
            assert {name: texts(asked[name]) for name in names} == before
            knot.start() if outage == "killed" else knot.resume()
            await asked.until(lambda: all(asked[name].a.status is AnswerStatus.RESOLVED for name in names))
            assert {name: texts(asked[name]) for name in names} == before

    with Knot({"example.com": "*.wild 0 A 192.0.2.40"}, negative_ttl=0) as knot:
        run_async(scenario(knot), timeout=20)


def test_ipv6_and_port_53_by_resolv_conf(netns: Netns, tmp_path: Path) -> None:
    """A link-local server with its scope, as router advertisements bring them."""
    netns.ip("addr add fe80::53/64 dev lo nodad")
    resolv_conf = tmp_path / "resolv.conf"
    resolv_conf.write_text("nameserver fe80::53%lo\n")

    async def scenario() -> None:
        async with engine(domains=["www.example.com"], resolv_conf=resolv_conf) as asked:
            assert texts(asked["www.example.com"]) == ["192.0.2.10", "2001:db8::10"]
            assert asked["www.example.com"].a.server == "fe80::53%lo"

    with Knot(ZONES, host="::", port=53):
        run_async(scenario())


def test_a_server_off_the_host_sees_its_source_port_change(netns: Netns) -> None:
    async def scenario() -> set[int]:
        ports: set[int] = set()
        loop = asyncio.get_running_loop()
        with socket.socket(type=socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as server:
            server.bind(("192.0.2.53", 53))

            def note() -> None:
                query, source = server.recvfrom(4096)
                ports.add(source[1])
                server.sendto(query[:2] + b"\x81\x85" + query[4:], source)  # REFUSED

            loop.add_reader(server, note)
            domains = [f"n{n}.test" for n in range(100)]
            async with engine(Nameserver("192.0.2.53"), domains=domains, max_qps=1000) as asked:
                assert asked["n0.test"].a.reason == "192.0.2.53: REFUSED"
            loop.remove_reader(server)
        return ports

    netns.ip("addr add 192.0.2.53/32 dev lo")
    assert 200 // 32 <= len(run_async(scenario())) <= 200 // 32 + 3


def test_no_route_is_known_at_once(netns: Netns) -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        before = loop.time()
        servers = (Nameserver("192.0.2.53"), Nameserver("2001:db8::53"), Nameserver("fe80::1%eth9"))
        async with engine(*servers, domains=["www.example.com"]) as asked:
            assert asked["www.example.com"].a.reason == (
                "192.0.2.53: Network is unreachable; 2001:db8::53: Network is unreachable; "
                "fe80::1%eth9: no interface with this name"
            )
        assert loop.time() - before < 1

    run_async(scenario())


def test_it_holds_few_descriptors_with_a_thousand_names() -> None:
    async def scenario(server: Nameserver) -> None:
        names = [f"n{n}.wild.example.com" for n in range(1000)]
        before = open_descriptors()
        async with engine(server, domains=names, max_qps=100_000) as asked:
            assert open_descriptors() - before <= 2
            assert {texts(asked[name])[0] for name in names} == {"192.0.2.40"}

    with Knot(ZONES) as knot:
        run_async(scenario(knot.nameserver))
