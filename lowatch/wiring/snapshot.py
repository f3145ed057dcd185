"""`lowatch snapshot`: one audit, now, recorded instead of shown."""

from __future__ import annotations

from dataclasses import replace

from lowatch.app.check import Progress
from lowatch.app.check import check as check_once
from lowatch.app.record import elsewhere, routes
from lowatch.app.record import record as recording_of
from lowatch.config.settings import Config
from lowatch.core.recording.recording import Recording

from .build import (
    SystemClock,
    build_auditor,
    build_resolver,
    collect_rarely,
    opened_host,
    run_in,
    searched,
)


def record(configured: Config, progress: Progress | None) -> Recording:
    """One audit, now, as a recording."""
    collect_rarely()

    async def run() -> Recording:
        with opened_host(configured.policy) as host:
            host.refresh()
            config = await searched(configured, host)
            _, views = build_resolver(config, config.policy, host)
            auditor = build_auditor(host, views, config.policy, netns=config.netns)
            _, snapshot, _ = await check_once(auditor, views, config.policy, SystemClock(), progress, views)
            found = recording_of(snapshot, config.policy, auditor.followed(), config)
            found = replace(found, elsewhere=elsewhere(found, views))
            return replace(found, routes=routes(found, host))

    return run_in(configured.netns, run)
