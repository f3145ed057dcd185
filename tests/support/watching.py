"""A daemon inside the test's own loop, built as wiring builds it, and the truth to compare it with."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from lowatch import wiring
from lowatch.app.auditor_hints import AuditorHints
from lowatch.app.check import check
from lowatch.app.daemon import Daemon
from lowatch.config.settings import Config
from lowatch.core.audit import Audit
from lowatch.core.clock import Now
from lowatch.core.findings import FindingKind
from lowatch.core.lifecycle import (
    Remembered,
    Tracked,
)
from lowatch.core.policy import ports_of
from lowatch.files.threads import DaemonThreads
from lowatch.kernel.host import Host
from lowatch.resolve.engine import Engine
from lowatch.service.served_file import ServedFile
from lowatch.wiring.daemon import build_daemon

WANTED_BUFFER, DEFAULT_BUFFER = 4 << 20, 0
"""For Host.follow: what the product asks for, and what the kernel gives by itself."""


@dataclass
class Observed:
    """What a daemon counts, and what it announces; it remembers nothing across restarts."""

    counts: Counter[str] = field(default_factory=Counter)
    announced: list[Tracked] = field(default_factory=list)
    dropped: int = 0

    def netlink_event(self, group: str) -> None:
        self.counts[group] += 1

    def netlink_overrun(self) -> None:
        self.counts["overruns"] += 1

    def netlink_resync(self) -> None:
        self.counts["resyncs"] += 1

    def audited(self, seconds: float) -> None:
        self.counts["audits"] += 1

    def flush(self) -> None:
        pass

    def undelivered(self) -> Sequence[Tracked]:
        return ()

    def announce(self, tracked: Tracked, now: Now) -> None:
        self.announced.append(tracked)

    def load(self) -> list[Remembered]:
        return []

    def end_generation(self) -> int:
        return 0

    def save(self, tracked: Mapping[str, Tracked], generation: int) -> bool:
        return True


@asynccontextmanager
async def running(
    config: Config, observed: Observed, receive_buffer: int = WANTED_BUFFER
) -> AsyncIterator[Daemon]:
    """The daemon of that configuration, ready."""
    policy, clock = config.policy, wiring.SystemClock()
    with closing(Host(policy)) as host:
        engine = Engine(policy.domains, config.dns, clock)
        auditor = wiring.build_auditor(host, engine, policy)
        daemon = build_daemon(
            auditor,
            host,
            engine,
            policy,
            clock,
            observed,
            observed,
            ServedFile(None),
            observed,
            DaemonThreads(),
        )
        hints = AuditorHints(auditor, daemon, observed)
        host.follow(ports_of(policy.domains), hints, receive_buffer)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(daemon.run())
            while not daemon.ready:
                await asyncio.sleep(0.01)
            yield daemon
            task.cancel()


async def fresh_audit(config: Config) -> Audit:
    """What a new process would see."""
    clock = wiring.SystemClock()
    with closing(Host(config.policy)) as host:
        engine = Engine(config.policy.domains, config.dns, clock)
        auditor = wiring.build_auditor(host, engine, config.policy)
        audit, _, _ = await check(auditor, engine, config.policy, clock)
        return audit


class Truth(NamedTuple):
    """What of an audit must be the same whoever made it. orphans: the values of lo_orphan_vip."""

    held: set[Any]
    verdicts: dict[Any, str]
    findings: set[str]
    orphans: dict[Any, int]


def truth(audit: Audit, daemon: Daemon | None = None) -> Truth:
    """daemon: whose the audit is; else the values are those of the audit's own verdicts.

    Without idle-vip, which a daemon grants a socket that was there a moment ago.
    """
    values = {
        (e.interface, e.address, e.domain, e.port): int(e.verdict == "orphan") for e in audit.endpoints
    }
    return Truth(
        {(held.address, held.prefixlen, held.interface, held.by) for held in audit.held},
        {(one.domain, one.address, one.port): one.verdict for one in audit.endpoints},
        {
            one.finding.subject.key
            for one in audit.findings
            if one.present and one.finding.subject.kind is not FindingKind.IDLE_VIP
        },
        values if daemon is None else dict(daemon.orphans),
    )


async def converged(daemon: Daemon, wanted: Truth, timeout: float) -> None:
    """Return as soon as the daemon sees the same; AssertionError with the difference after `timeout`."""
    try:
        async with asyncio.timeout(timeout):
            while _seen(daemon) != wanted:
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError("\n".join(_differences(_seen(daemon), wanted))) from None


def _seen(daemon: Daemon) -> Truth:
    audit = daemon.audit
    assert audit is not None
    return truth(audit, daemon)


def _differences(seen: Truth, wanted: Truth) -> Iterator[str]:
    for name, ours, theirs in zip(Truth._fields, seen, wanted, strict=True):
        one, other = (set(x.items()) if isinstance(x, dict) else x for x in (ours, theirs))
        yield from (f"{name}: seen, but not true: {each}" for each in sorted(one - other, key=str))
        yield from (f"{name}: true, but not seen: {each}" for each in sorted(other - one, key=str))
