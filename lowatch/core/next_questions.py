"""When DNS is asked for a name next, and why then."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Pace(StrEnum):
    """How often a record is asked for."""

    TTL = "ttl"
    RETRY = "retry"
    """Its last lookup failed."""
    FAR = "far"
    """Once per dns.far_ttl: the name has never led to an address of this host."""


class NextQuestion(NamedTuple):
    """rrtype: "A", "AAAA" or "SRV". seconds: from now; 0 if it is being asked for. pace: why not sooner."""

    rrtype: str
    seconds: float
    pace: Pace
