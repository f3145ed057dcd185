"""(h) An audit with all kinds of findings on, and one of each on the host, compared with a plain one."""

from __future__ import annotations

import asyncio
import gc
import resource
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace

from lowatch.core.addresses import Port, parse_address
from lowatch.core.findings import FindingKind
from lowatch.core.judgement import Judgement
from lowatch.core.policy import Domain, Policy
from lowatch.kernel.host import Host
from lowatch.wiring import collect_rarely
from tests.support.netns import Netns

from . import report, world
from .audit import COUNT, RUNS, Setting, names
from .report import Row
from .stats import summarise

LIMIT = 1.3
UNIT = "bench.service"
FOUND = frozenset(
    {
        FindingKind.IDLE_VIP,
        FindingKind.WIDE_PREFIX,
        FindingKind.BLACK_HOLE_PREFIX,
        FindingKind.ARP_LEAK,
        FindingKind.DUPLICATE_VIP,
        FindingKind.MISSING_VIP,
    }
)
"""The kinds of which the host has a finding. The others are looked for in vain, everywhere."""

_HOST = (
    "link add nic0 type veth peer name nic1",
    "link set nic1 up",
    "link set nic0 up",
    f"addr add {world.text(0)}/32 dev nic0",  # duplicate-vip
    "addr add 198.51.100.1/24 dev nic0",
    "addr add 198.51.100.77/32 dev lo",  # idle-vip; in the NIC's subnet: arp-leak
    "addr add 2001:db8::1/64 dev lo nodad",  # black-hole-prefix
    "route add local 203.0.113.0/24 dev lo",  # wide-prefix
)
_MISSING = "192.0.2.99"


def run(*, quick: bool) -> list[Row]:
    return measure(Setting.of(COUNT // 10 if quick else COUNT, 3 if quick else RUNS))


def measure(plain: Setting) -> list[Row]:
    collect_rarely()  # as `check` and `run` do
    report.title(f"(h) All kinds on: {plain.size} addresses, listeners, domains")
    whole = plain._replace(policy=all_kinds(plain))
    with Netns() as bare, Netns() as busy:
        for netns in (bare, busy):
            with netns.entered(), closing(world.Lo()) as lo:
                lo.fill(plain.size)
        prepare(busy)
        with _listening(bare, plain.size), _listening(busy, plain.size):
            first, sweep = asyncio.run(_compare((bare, plain), (busy, whole), plain.runs))
    return [
        report.at_most(f"(h) CPU of a {what}, all kinds on / plain", ratio, LIMIT, "{:.2f}")
        for what, ratio in (("first audit", first), ("sweep", sweep))
    ]


def all_kinds(plain: Setting) -> Policy:
    """Every domain names a unit, and every address is expected."""
    domains = {
        name: Domain(name, (Port(world.PORT, "tcp"),), any_of=False, unit=UNIT)
        for name in names(plain.size)
    }
    held = tuple(world.address(number) for number in range(plain.size))
    return replace(plain.policy, domains=domains, expect=(*held, parse_address(_MISSING)))


def prepare(netns: Netns) -> None:
    """What there is to find."""
    netns.batch(_HOST)
    netns.sysctl("net.ipv4.conf.nic0.arp_ignore", 1)
    netns.sysctl("net.ipv4.conf.nic0.arp_announce", 1)
    netns.sysctl("net.ipv4.conf.nic1.arp_ignore", 1)
    netns.sysctl("net.ipv4.conf.nic1.arp_announce", 2)


@contextmanager
def _listening(netns: Netns, count: int) -> Iterator[None]:
    with ExitStack() as stack:
        with netns.entered():
            stack.enter_context(world.listening(count))
        yield


async def _compare(
    plain: tuple[Netns, Setting], whole: tuple[Netns, Setting], runs: int
) -> tuple[float, float]:
    """The ratios of the CPU time of a first audit, and of a sweep. Both are measured in turn."""
    firsts: tuple[list[float], list[float]] = ([], [])
    sweeps: tuple[list[float], list[float]] = ([], [])
    for number in range(runs + 1):
        for index, (netns, setting) in enumerate((plain, whole)):
            with netns.entered(), closing(Host(setting.policy)) as host:
                auditor = setting.auditor(host)
                cpu = _cpu()
                _, judgement = await auditor.audit_with_connects()
                first = _cpu() - cpu
                if index and not number:
                    _assert_found(judgement)
                for _ in range(2):  # the first sweep is the warm-up
                    host.invalidate()
                    auditor.mark_all()
                    cpu = _cpu()
                    await auditor.audit_with_connects()
                    sweep = _cpu() - cpu
            if number:
                firsts[index].append(first)
                sweeps[index].append(sweep)
    ratios = []
    for what, (less, more) in (("first audit", firsts), ("sweep", sweeps)):
        report.line(f"{what}, plain: CPU", report.milliseconds(summarise(less)))
        report.line(f"{what}, all kinds on: CPU", report.milliseconds(summarise(more)))
        ratios.append(summarise(more).median / summarise(less).median)
    return ratios[0], ratios[1]


def _cpu() -> float:
    """CPU seconds of this process so far, after a collection."""
    gc.collect()
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _assert_found(judgement: Judgement) -> None:
    found = {one.subject.kind for one in judgement.findings}
    assert found >= FOUND, FOUND - found
