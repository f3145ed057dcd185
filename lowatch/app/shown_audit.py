"""The last audit as the pages show it, with the problems of the files of domains_from."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from lowatch.config.settings import Config
from lowatch.core.audit import Audit
from lowatch.core.snapshot import Problem
from lowatch.files.threads import thread_problem

from .config_in_force import ConfigInForce


class AuditedHost(Protocol):
    """The part of the daemon that is shown."""

    @property
    def ready(self) -> bool:
        """Whether a full audit has been made."""

    @property
    def audit(self) -> Audit | None:
        """The last audit; the same object until the next; None before the first."""


class ShownAudit:
    """The daemon's audit, with the configuration's problems."""

    def __init__(self, daemon: AuditedHost, config: ConfigInForce) -> None:
        self._daemon = daemon
        self._config = config
        self._made_of: tuple[Audit | None, Config, str] | None = None
        self._shown: Audit | None = None

    @property
    def ready(self) -> bool:
        return self._daemon.ready

    @property
    def audit(self) -> Audit | None:
        """The last audit; the same object until the next; None before the first."""
        audit, config, problem = self._daemon.audit, self._config.current, thread_problem()
        made_of = self._made_of
        if made_of is None or audit is not made_of[0] or config is not made_of[1] or problem != made_of[2]:
            self._made_of = audit, config, problem
            self._shown = None if audit is None else with_problems(audit, config)
        return self._shown


def with_problems(audit: Audit, config: Config) -> Audit:
    """The audit, with the problems of the files of domains_from, because names may be missing."""
    problems = [Problem("config", str(problem)) for problem in config.problems]
    if refusal := thread_problem():
        problems.append(Problem("host", f"{refusal}: files are not read again"))
    if not problems:
        return audit
    return replace(audit, complete=False, problems=(*problems, *audit.problems))
