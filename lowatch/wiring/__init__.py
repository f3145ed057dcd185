"""The only place that builds real adapters and puts them together."""

from __future__ import annotations

from typing import TYPE_CHECKING

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


if TYPE_CHECKING:
    from lowatch.app.reload import ConfigLoader


def run(config: Config, loader: ConfigLoader) -> int:
    """The daemon: see service.run."""
    from . import service  # noqa: PLC0415  # a third of the imports, which `check` does without

    return service.run(config, loader)
