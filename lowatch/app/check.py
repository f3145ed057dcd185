"""Makes one audit: asks for each domain once, observes the host, and judges everything."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from itertools import chain
from typing import Protocol

from lowatch.core.audit import Audit, build_audit
from lowatch.core.clock import Clock, Now
from lowatch.core.judgement import Judgement
from lowatch.core.lifecycle import without_memory
from lowatch.core.policy import Policy
from lowatch.core.snapshot import Snapshot

from .auditor import Auditor
from .ports import Resolver

Progress = Callable[[int, int], None]
"""(done, total): how many domains have been asked."""

_PATIENCE = 5.0
"""Seconds that getaddrinfo may take in all. An answer that is later is reported as unknown."""


class CrossChecker(Protocol):
    async def cross_check(self, domains: Iterable[str], patience: float) -> None:
        """Ask getaddrinfo about these domains, so that their answers have its view.

        The first domains matter most. patience: seconds, for all of them.
        """


async def check(
    auditor: Auditor,
    resolver: Resolver,
    policy: Policy,
    clock: Clock,
    progress: Progress | None = None,
    cross_checker: CrossChecker | None = None,
) -> tuple[Audit, Snapshot, Judgement]:
    """The audit, with its snapshot and judgement. It has no memory: findings are firing or acknowledged.

    cross_checker: asked about all domains, those that lead here first; None if getaddrinfo is not asked.
    """
    await _resolve_once(resolver, len(policy.domains), progress)
    if cross_checker is not None:
        domains = _to_cross_check(auditor.may_lead_here(), resolver, policy)
        await cross_checker.cross_check(domains, _PATIENCE)
    snapshot, judgement = await auditor.audit_with_connects()
    return audit_of(snapshot, judgement, auditor, policy, clock.now()), snapshot, judgement


def audit_of(snapshot: Snapshot, judgement: Judgement, auditor: Auditor, policy: Policy, now: Now) -> Audit:
    """The audit that a report shows, of an auditor's last snapshot."""
    tracked = without_memory(judgement, now, policy)
    return build_audit(snapshot, judgement, tracked, auditor.followed(), now.monotonic)


def _to_cross_check(here: Collection[str], resolver: Resolver, policy: Policy) -> list[str]:
    """All domains but those without a DNS answer, which stay unknown whatever getaddrinfo returns."""
    unknown = resolver.unresolved()
    others = (name for name in policy.domains if name not in here)
    return [name for name in chain(here, others) if name not in unknown]


async def _resolve_once(resolver: Resolver, total: int, progress: Progress | None) -> None:
    if not total:
        return
    async with asyncio.TaskGroup() as group:
        running = group.create_task(resolver.run(_Asked(total, progress)))
        await resolver.settled()
        running.cancel()


class _Asked:
    """An AnswerListener that counts the domains that have been asked."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._total = total
        self._progress = progress
        self._domains: set[str] = set()

    def answer_changed(self, domain: str) -> None:
        self._domains.add(domain)
        if self._progress is not None:
            self._progress(len(self._domains), self._total)
