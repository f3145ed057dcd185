"""`lowatch check` and `lowatch explain`: one audit, now."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from lowatch.app.auditor import Auditor
from lowatch.app.check import Progress
from lowatch.app.check import check as check_once
from lowatch.app.ports import Resolver
from lowatch.app.shown_audit import with_problems
from lowatch.config.settings import Config
from lowatch.config.targets import ExplainTarget
from lowatch.core.audit import Audit
from lowatch.core.policy import Policy
from lowatch.kernel.host import Host
from lowatch.resolve.views.resolver import ViewsResolver

from .build import SystemClock, build_auditor, build_resolver, collect_rarely, opened_host

if TYPE_CHECKING:
    from lowatch.core.explanation import Explanation


def check(config: Config, progress: Progress | None) -> Audit:
    """One audit, now."""
    collect_rarely()

    async def run() -> Audit:
        with opened_host(config.policy) as host:
            host.refresh()  # of too many addresses, those that it has are looked at
            _, views = build_resolver(config, config.policy, host)
            auditor = build_auditor(host, views, config.policy)
            audit, _, _ = await check_once(auditor, views, config.policy, SystemClock(), progress, views)
            return with_problems(audit, config)

    return asyncio.run(run())


def explain(config: Config, target: ExplainTarget) -> Explanation:
    """The chain of evidence for one target."""
    from lowatch.app.explain import Bench  # noqa: PLC0415  # 3 ms that `check` does without
    from lowatch.app.explain import explain as explain_target  # noqa: PLC0415

    async def run() -> Explanation:
        with opened_host(config.policy) as host:
            host.refresh()
            bench = Bench(host, SystemClock(), config.ports, _Builder(config, host))
            return await explain_target(target, config.policy, bench)

    return asyncio.run(run())


class _Builder(NamedTuple):
    """Builds what an audit on this host needs."""

    config: Config
    host: Host

    def resolver(self, policy: Policy) -> ViewsResolver:
        return build_resolver(self.config, policy, self.host)[1]

    def auditor(self, resolver: Resolver, policy: Policy) -> Auditor:
        return build_auditor(self.host, resolver, policy)
