"""The only place that builds real adapters and puts them together."""

from __future__ import annotations

from collections.abc import Callable

from lowatch.config.settings import Config

from .build import StartError, SystemClock, build_auditor, build_resolver, collect_rarely, opened_host
from .check import check, explain

__all__ = [
    "StartError",
    "SystemClock",
    "build_auditor",
    "build_resolver",
    "check",
    "collect_rarely",
    "explain",
    "opened_host",
    "run",
]


def run(config: Config, load: Callable[[], Config]) -> int:
    """The daemon: see daemon.run."""
    from . import daemon  # noqa: PLC0415  # a third of the imports, which `check` does without

    return daemon.run(config, load)
