"""The last audit as the pages show it, with the problems of the files of domains_from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from lowatch.config.settings import Config
from lowatch.core.audit import Audit
from lowatch.core.lifecycle import Tracked
from lowatch.core.snapshot import Problem
from lowatch.files.threads import thread_problem

from .config_in_force import ConfigInForce


class FailedClients(Protocol):
    """Implemented by Victims."""

    @property
    def changes(self) -> int:
        """Grows whenever of() may return something else."""

    def of(self, tracked: Tracked) -> Tracked:
        """The finding, with its local clients that failed; the same object if there are none."""


class AuditedHost(Protocol):
    """The part of the daemon that is shown."""

    @property
    def ready(self) -> bool:
        """Whether a full audit has been made."""

    @property
    def audit(self) -> Audit | None:
        """The last audit; the same object until the next; None before the first."""

    @property
    def victims(self) -> FailedClients:
        """Local clients that failed."""


class LookupSource(Protocol):
    """Reports what this host looks up."""

    @property
    def problem(self) -> str:
        """Why lookups are missed, so that names may be missing; "" if none are."""


class ShownAudit:
    """The daemon's audit, with the problems of where names come from and the local clients that failed."""

    def __init__(
        self, daemon: AuditedHost, config: ConfigInForce, lookups: Sequence[LookupSource] = ()
    ) -> None:
        self._daemon = daemon
        self._config = config
        self._lookups = lookups
        self._made_of: tuple[Audit | None, Config, str, int, tuple[str, ...]] | None = None
        self._shown: Audit | None = None

    @property
    def ready(self) -> bool:
        return self._daemon.ready

    @property
    def audit(self) -> Audit | None:
        """The last audit; the same object until something differs; None before the first."""
        audit, config, victims = self._daemon.audit, self._config.current, self._daemon.victims
        missed = tuple(one.problem for one in self._lookups)
        rest, made_of = (thread_problem(), victims.changes, missed), self._made_of
        if made_of is None or audit is not made_of[0] or config is not made_of[1] or rest != made_of[2:]:
            self._made_of = audit, config, *rest
            self._shown = None if audit is None else self._completed(audit, missed)
        return self._shown

    def _completed(self, audit: Audit, missed: Sequence[str]) -> Audit:
        audit = with_problems(with_victims(audit, self._daemon.victims), self._config.current)
        return incomplete_by(audit, tuple(Problem("lookups", text) for text in missed if text))


def with_victims(audit: Audit, victims: FailedClients) -> Audit:
    """The audit, whose findings say which local clients failed."""
    findings = tuple(map(victims.of, audit.findings))
    is_new = any(shown is not one for shown, one in zip(findings, audit.findings, strict=True))
    return replace(audit, findings=findings) if is_new else audit


def with_problems(audit: Audit, config: Config) -> Audit:
    """The audit, with the problems of the files of domains_from, because names may be missing."""
    return incomplete_by(audit, problems_of(config))


def problems_of(config: Config) -> tuple[Problem, ...]:
    """The problems of the files of domains_from and of zones."""
    problems = [Problem("config", str(problem)) for problem in config.problems]
    problems += [Problem("zone", str(problem)) for problem in config.zone_problems]
    problems += [Problem("lookups", text) for text in config.missed]
    if refusal := thread_problem():
        problems.append(Problem("host", f"{refusal}: files are not read again"))
    return tuple(problems)


def incomplete_by(audit: Audit, problems: tuple[Problem, ...]) -> Audit:
    """The audit with these problems, which make it incomplete."""
    if not problems:
        return audit
    return replace(audit, complete=False, problems=(*problems, *audit.problems))
