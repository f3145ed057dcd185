"""`lowatch check` and `lowatch explain`: one audit, now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from lowatch.app.auditor import Auditor
from lowatch.app.check import Progress
from lowatch.app.check import check as check_once
from lowatch.app.ports import Resolver
from lowatch.app.shown_audit import with_problems
from lowatch.config.settings import Config
from lowatch.config.targets import AddressTarget, ExplainTarget
from lowatch.core.audit import Audit
from lowatch.core.last_served import LastServed
from lowatch.core.listeners import Endpoint
from lowatch.core.policy import Policy
from lowatch.core.snapshot import Problem
from lowatch.kernel.host import Host
from lowatch.resolve.views.resolver import ViewsResolver

from .build import (
    SystemClock,
    build_auditor,
    build_resolver,
    collect_rarely,
    opened_host,
    run_in,
    searched,
)

if TYPE_CHECKING:
    from lowatch.core.boot import BootFiles
    from lowatch.core.explanation import Explanation
    from lowatch.core.findings import Finding, Fix
    from lowatch.core.fixes.rehearsal import Job
    from lowatch.core.plan import Rehearsal


def check(configured: Config, progress: Progress | None) -> Audit:
    """One audit, now.

    The files that configure addresses at boot are about the first network namespace, so no other is
    compared with them.
    """
    from lowatch.app.boot_files import with_boot  # noqa: PLC0415  # the daemon does without

    collect_rarely()

    async def run() -> Audit:
        with opened_host(configured.policy) as host:
            host.refresh()  # of too many addresses, those that it has are looked at
            config = await searched(configured, host)
            _, views = build_resolver(config, config.policy, host)
            auditor = build_auditor(host, views, config.policy, netns=config.netns)
            audit, _, _ = await check_once(auditor, views, config.policy, SystemClock(), progress, views)
            audit = with_problems(audit, config)
            audit = audit if config.netns else with_boot(audit, host, read_boot_files)
        return with_rehearsals(audit, config)

    return run_in(configured.netns, run)


def with_rehearsals(audit: Audit, config: Config) -> Audit:
    """The audit with the outcome of its fixes. Blocks: nothing else may wait for the loop any more."""
    if not any(fix.plan for tracked in audit.findings for fix in tracked.finding.fixes):
        return audit
    from lowatch.app import rehearsals  # noqa: PLC0415  # only for a fix

    return rehearsals.with_rehearsals(audit, config.policy, _rehearse)


def rehearsed_together(chosen: Sequence[tuple[Finding, Fix]], audit: Audit, config: Config) -> str:
    """Why fixes of an audit must not be carried out one upon the other; "" if nothing speaks against it."""
    from lowatch.app.rehearsals import together  # noqa: PLC0415  # only for `clean`
    from lowatch.kernel.rehearsal.rehearser import rehearse  # noqa: PLC0415

    return together(chosen, audit, config.policy, lambda jobs: rehearse(jobs, in_turn=True))


def _rehearse(jobs: Sequence[Job]) -> list[Rehearsal]:
    from lowatch.kernel.rehearsal.rehearser import rehearse  # noqa: PLC0415  # only for a fix

    return rehearse(jobs)


def explain(
    configured: Config, target: ExplainTarget, remembered: Mapping[Endpoint, LastServed]
) -> Explanation:
    """The chain of evidence for one target. remembered: who served last, as the daemon knows."""
    from lowatch.app.boot_files import explained  # noqa: PLC0415
    from lowatch.app.explain import Bench  # noqa: PLC0415  # 3 ms that `check` does without
    from lowatch.app.explain import explain as explain_target  # noqa: PLC0415
    from lowatch.app.survey import surveyed  # noqa: PLC0415
    from lowatch.kernel.survey import Survey  # noqa: PLC0415

    async def run() -> Explanation:
        with opened_host(configured.policy) as host:
            host.refresh()
            config = await searched(configured, host, by_address=isinstance(target, AddressTarget))
            bench = Bench(host, SystemClock(), config.ports, _Builder(config, host, remembered), _rehearse)
            explanation = await explain_target(target, config.policy, bench)
            missed = tuple(Problem("lookups", text) for text in config.missed)
            explanation = replace(explanation, problems=(*missed, *explanation.problems))
            explanation = await surveyed(explanation, Survey(host.interface), host)
            if config.netns:
                return explanation
            return explained(explanation, host, read_boot_files())

    return run_in(configured.netns, run)


def read_boot_files() -> BootFiles:
    from lowatch.boot import read  # noqa: PLC0415  # only a report with findings needs it

    return read.read_boot_files()


class _Builder(NamedTuple):
    """Builds what an audit on this host needs."""

    config: Config
    host: Host
    remembered: Mapping[Endpoint, LastServed]

    def resolver(self, policy: Policy) -> ViewsResolver:
        return build_resolver(self.config, policy, self.host)[1]

    def auditor(self, resolver: Resolver, policy: Policy) -> Auditor:
        auditor = build_auditor(self.host, resolver, policy, netns=self.config.netns)
        auditor.last.remember(self.remembered)
        return auditor
