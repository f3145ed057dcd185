"""What DNS said about a domain, and what may be concluded from it.

RFC 9499's words: NXDOMAIN, NODATA and failure are three things, and never merged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from .addresses import Address


class Status(StrEnum):
    """The `status` label of lowatch_domains."""

    RESOLVED = "resolved"
    NXDOMAIN = "nxdomain"
    NODATA = "nodata"
    STALE = "stale"
    """The last good answer, kept because a newer one could not be had."""
    UNKNOWN = "unknown"
    """Never answered, or stale for longer than `unknown_after`."""


# A domain is as uncertain as the worse of its two families; where both are certain, any address wins.
_PRECEDENCE = (Status.UNKNOWN, Status.STALE, Status.RESOLVED, Status.NXDOMAIN, Status.NODATA)


@dataclass(frozen=True, slots=True)
class RRset:
    """The A or the AAAA answer for a name, after following its CNAME chain.

    addresses: sorted; kept through STALE and UNKNOWN (a failure removes nothing).
    chain: the CNAME targets passed through, in order.
    ttl: seconds, the minimum along the chain, before clamping; for a negative answer min(SOA TTL, MINIMUM).
    reason: why it is STALE or UNKNOWN, one line; "" otherwise.
    stale_since: monotonic seconds of the first failure since the last good answer; None when fresh.
    server: the nameserver that gave the last answer, as configured; "" if none did.
    """

    status: Status
    addresses: tuple[Address, ...] = ()
    chain: tuple[str, ...] = ()
    ttl: int = 0
    reason: str = ""
    stale_since: float | None = None
    server: str = ""


NOT_ASKED = RRset(Status.UNKNOWN, reason="not asked yet")


@dataclass(frozen=True, slots=True)
class Answer:
    """All that DNS says of one domain. Replaced whole, so that identity means "nothing changed"."""

    domain: str
    a: RRset = NOT_ASKED
    aaaa: RRset = NOT_ASKED

    @property
    def addresses(self) -> tuple[Address, ...]:
        return self.a.addresses + self.aaaa.addresses

    @property
    def status(self) -> Status:
        a, aaaa = self.a.status, self.aaaa.status
        return a if _PRECEDENCE.index(a) < _PRECEDENCE.index(aaaa) else aaaa

    @property
    def unknown(self) -> str | None:
        """Why the set of addresses is not known to be complete, or None where it is."""
        if self.a.status is Status.UNKNOWN:
            return f"A: {self.a.reason}"
        if self.aaaa.status is Status.UNKNOWN:
            return f"AAAA: {self.aaaa.reason}"
        return None

    @property
    def unknowns(self) -> Mapping[str, str]:
        """The families whose addresses are not known to be complete ("ipv4", "ipv6"), and why."""
        families = (("ipv4", "A", self.a), ("ipv6", "AAAA", self.aaaa))
        return {
            family: f"{kind}: {rrset.reason}"
            for family, kind, rrset in families
            if rrset.status is Status.UNKNOWN
        }
