"""The only place that builds real adapters and puts them together."""

from __future__ import annotations

from .once import check, explain
from .parts import StartError, SystemClock, build_auditor, build_resolver, collect_rarely, opened_host
from .service import run

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
