"""`lowatch check --verify`: one audit, now, and what contradicts it on this host."""

from __future__ import annotations

import platform
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from lowatch.app.boot_files import with_boot
from lowatch.app.check import Progress, audit_of
from lowatch.app.check import check as check_once
from lowatch.app.record import elsewhere, routes
from lowatch.app.record import record as recording_of
from lowatch.app.shown_audit import with_problems
from lowatch.app.verify import Verifier
from lowatch.config.settings import Config
from lowatch.core.audit import Audit
from lowatch.core.listeners import Endpoint
from lowatch.core.recording.recording import Recording
from lowatch.kernel.decoder_check import compare_decoders
from lowatch.kernel.probe import PatientProber
from lowatch.report.metrics.read_back import ReadBack, read_back
from lowatch.resolve.engine import Unobserved
from lowatch.resolve.upstream.socket_channels import SocketChannels
from lowatch.resolve.upstream.verifying_reader import VerifyingReader

from .build import (
    SystemClock,
    build_auditor,
    build_resolver,
    collect_rarely,
    opened_host,
    run_in,
    searched,
)
from .check import read_boot_files, with_rehearsals
from .versions import build

if TYPE_CHECKING:
    from lowatch.core.judgement import Judgement
    from lowatch.core.verification import Verification

_RELEASE = re.compile(r"[0-9]+(\.[0-9]+)*")


def verify(configured: Config, progress: Progress | None) -> tuple[Audit, Recording]:
    """The audit with its verification, and a recording of both for a bug report."""
    collect_rarely()

    async def run() -> tuple[Audit, Recording]:
        clock, observer = SystemClock(), Unobserved()
        reader = VerifyingReader(observer)
        with opened_host(configured.policy) as host:
            host.refresh()
            config = await searched(configured, host)
            policy = config.policy
            _, views = build_resolver(
                config, policy, host, channels=SocketChannels(clock, observer, reader=reader)
            )
            auditor = build_auditor(host, views, policy, netns=config.netns)
            _, snapshot, judgement = await check_once(auditor, views, policy, clock, progress, views)
            verifier = Verifier(auditor, host, views, policy, PatientProber(), lambda: opened_host(policy))
            snapshot, judgement, found = await verifier.verify(snapshot, judgement)
            found = _with_decoders(found, judgement, reader)
            audit = audit_of(snapshot, judgement, auditor, policy, clock.now())
            found = _with_metrics(found, read_back(audit))
            recording = recording_of(snapshot, policy, auditor.followed(), config)
            recording = replace(
                recording,
                elsewhere=elsewhere(recording, views),
                disagreements=found.disagreements,
                made_with=made_with(),
            )
            recording = replace(recording, routes=routes(recording, host))
            shown = replace(with_problems(audit, config), verification=found)
            shown = shown if config.netns else with_boot(shown, host, read_boot_files)
        return with_rehearsals(shown, config), recording

    return run_in(configured.netns, run)


def _with_decoders(found: Verification, judgement: Judgement, reader: VerifyingReader) -> Verification:
    """The result, with what the decoders differ in."""
    endpoints = (
        Endpoint(one.address, one.port) for each in judgement.domains.values() for one in each.endpoints
    )
    netlink, missed = compare_decoders(endpoints)
    return replace(
        found,
        messages=netlink.compared,
        answers=reader.compared,
        disagreements=(*found.disagreements, *netlink.differences, *reader.differences),
        missed=missed,
    )


def _with_metrics(found: Verification, read: ReadBack) -> Verification:
    """The result, with what the metrics differ in."""
    return replace(found, series=read.series, disagreements=(*found.disagreements, *read.differences))


def made_with() -> str:
    """The versions on which a fault may depend. Of the kernel's, the numbers alone."""
    release = _RELEASE.match(platform.release())
    versions = build()
    return (
        f"Linux {release[0] if release else 'unknown'}, Python {versions.python}, "
        f"dnspython {versions.dnspython}, pyroute2 {versions.pyroute2}"
    )
