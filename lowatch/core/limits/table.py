"""All limits, in the order of docs/limits.md."""

from __future__ import annotations

from . import alerts, config, files, http, kernel, names
from .limit import Limit

LIMITS: tuple[Limit, ...] = tuple(
    limit
    for module in (config, files, names, kernel, http, alerts)
    for limit in vars(module).values()
    if isinstance(limit, Limit)
)
