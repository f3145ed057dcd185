"""All limits, in the order of docs/limits.md."""

from __future__ import annotations

from . import alerts, boot, config, files, http, kernel, lookups, names, zones
from .limit import Limit

LIMITS: tuple[Limit, ...] = tuple(
    limit
    for module in (config, zones, files, boot, names, lookups, kernel, http, alerts)
    for limit in vars(module).values()
    if isinstance(limit, Limit)
)
