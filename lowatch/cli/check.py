"""lowatch check: one audit, now."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from lowatch.config.load import load
from lowatch.config.mentions import with_targets
from lowatch.config.targets import (
    DomainTarget,
    parse_target,
)
from lowatch.core.audit import Audit
from lowatch.core.findings import Severity
from lowatch.core.lifecycle import FindingState
from lowatch.core.name_outcomes import ABSENT

from .arguments import Parser, add_config, add_netns
from .environment import Environment
from .exit_codes import FINDINGS, INCOMPLETE, OK, USAGE, CommandError
from .recordings import add_snapshot, replayed

if TYPE_CHECKING:
    from lowatch.core.recording.recording import Recording

    from .wiring_port import Progress

FORMATS = ("text", "json", "prometheus")


def define(parser: Parser) -> None:
    parser.runs(
        check,
        "Audits this host once, as the daemon does. Needs no privileges. "
        "Exit code: 0 nothing at or above --fail-on, 1 findings, 2 usage or configuration, "
        "3 nothing found, but the audit was incomplete or a domain given here does not resolve, or "
        "--verify found lowatch wrong.",
    )
    add_config(parser)
    add_snapshot(parser)
    add_netns(parser)
    parser.add_argument(
        "--verify",
        action="store_true",
        help="compare each verdict with a connect, and each decoded message with a library's reading",
    )
    parser.add_argument("--format", choices=FORMATS, default="text", help="default: text")
    parser.add_argument(
        "--fail-on",
        type=str,
        choices=[severity.value for severity in Severity],
        default=Severity.WARNING.value,
        help="lowest severity that makes the exit code 1; default: warning",
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="DOMAIN[:PORT[/PROTO]]",
        help="check these instead of the configured domains",
    )


def check(arguments: argparse.Namespace, environment: Environment) -> int:
    targets = _targets(arguments.names)
    if arguments.snapshot is not None:
        if targets:
            raise CommandError(USAGE, ["lowatch: --snapshot has its own domains (give none)"])
        if arguments.verify:
            raise CommandError(USAGE, ["lowatch: --verify connects on this host (give no --snapshot)"])
        audit = replayed(arguments).audit
    else:
        audit = _audit(arguments, targets, environment)
    environment.write(_render(audit, arguments.format, environment))
    return exit_code(audit, Severity(arguments.fail_on), asked_for=bool(targets))


def _audit(
    arguments: argparse.Namespace, targets: Sequence[DomainTarget], environment: Environment
) -> Audit:
    config = replace(load(arguments.config), netns=arguments.netns or "")
    if targets:
        config = with_targets(config, targets)
    wiring = environment.wiring()
    try:
        with progress_shown(environment) as progress:
            if not arguments.verify:
                return wiring.check(config, progress)
            audit, recording = wiring.verify(config, progress)
    except wiring.StartError as error:
        # Nothing could be observed: the same as an audit of which everything is unknown.
        raise CommandError(INCOMPLETE, [f"lowatch: {error}"]) from None
    return _with_report(audit, recording, arguments.format, environment)


def _with_report(audit: Audit, recording: Recording, form: str, environment: Environment) -> Audit:
    """The audit, with the path of a bug report if its verification found lowatch wrong."""
    found = audit.verification
    if found is None or not found.disagreements:
        return audit
    from .bug_report import write_report  # noqa: PLC0415  # hopefully never

    try:
        path = write_report(recording)
    except OSError as error:
        environment.tell(f"lowatch: cannot write a bug report: {error.strerror or error}")
        return audit
    if form == "prometheus":  # the other formats have it
        environment.tell(f"lowatch: verification failed; bug report: {path}")
    return replace(audit, verification=replace(found, report=path))


def exit_code(audit: Audit, fail_on: Severity, *, asked_for: bool = False) -> int:
    """The exit code. Acknowledged findings do not count.

    asked_for: whether the names are from the command line. One without an address is then not clean: it is
    probably mistyped. Findings do not count either where verification has shown that they may be wrong.
    """
    verified = audit.verification
    if verified is not None and verified.disagreements:
        return INCOMPLETE
    for tracked in audit.findings:
        active = tracked.state in (FindingState.PENDING, FindingState.FIRING)
        if active and tracked.finding.severity.rank >= fail_on.rank:
            return FINDINGS
    absent = asked_for and any(audit.statuses.get(status) for status in ABSENT)
    confirmed = verified is None or verified.confirmed
    return OK if audit.complete and confirmed and not absent else INCOMPLETE


def _targets(texts: Iterable[str]) -> list[DomainTarget]:
    targets, mistakes = [], []
    for text in texts:
        try:
            targets.append(parse_target(text))
        except ValueError as error:
            mistakes.append(f"lowatch: {error}")
    if mistakes:
        raise CommandError(USAGE, mistakes)
    return targets


def _render(audit: Audit, form: str, environment: Environment) -> str:
    if form == "json":
        from lowatch.report import json_report  # noqa: PLC0415  # each format costs only its users

        return json_report.render_audit(audit).decode()
    if form == "prometheus":
        from lowatch.report.metrics import audit as metrics  # noqa: PLC0415

        return metrics.render_audit(audit).body.decode()
    from lowatch.report.text import audit as text  # noqa: PLC0415

    return text.render(audit, colour=environment.colour, width=environment.columns)


@contextmanager
def progress_shown(environment: Environment) -> Iterator[Progress | None]:
    """Shows progress on one line, redrawn at most a hundred times, and clears it at the end."""
    if not environment.stderr_is_terminal:
        yield None
        return
    from lowatch.report.text.audit import render_progress  # noqa: PLC0415

    shown = -1

    def draw(done: int, total: int) -> None:
        nonlocal shown
        percent = 100 * done // total if total else 100
        if percent != shown:
            shown = percent
            environment.stderr.write(f"\r{render_progress(done, total)}")
            environment.stderr.flush()

    try:
        yield draw
    finally:
        if shown >= 0:
            environment.stderr.write("\r\x1b[K")
            environment.stderr.flush()
