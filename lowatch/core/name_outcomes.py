"""What became of a name, for whoever wonders why nothing is said of it: the `names` of a report."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import NamedTuple

from .addresses import Address
from .answers import Answer, RRset, Status

UNSETTLED = (Status.UNKNOWN, Status.STALE, Status.NXDOMAIN, Status.NODATA)
"""Statuses of a name that does not simply resolve; the most doubtful first."""
ABSENT = frozenset({Status.NXDOMAIN, Status.NODATA})
"""Known to have no address."""


class Source(StrEnum):
    """Where a name came from: the `source` of `names`."""

    CONFIGURED = "configured"
    """The configuration, or the command line in its place."""
    FILE = "file"
    """A file of domains_from, and not the configuration as well."""


class Followed(NamedTuple):
    """All names that are followed. statuses: how many have each. not_resolved: those that are listed.

    configured: the names that the configuration has by itself; None where it has all of them.
    """

    statuses: Mapping[Status, int]
    not_resolved: tuple[Answer, ...] = ()
    configured: Collection[str] | None = None

    def source(self, name: str) -> Source:
        return Source.CONFIGURED if self.configured is None or name in self.configured else Source.FILE


class NameReport(NamedTuple):
    """A name that does not simply resolve elsewhere.

    reason: why the status is not "resolved", or "". age: seconds since the last good answer could no
    longer be renewed; None where it is not stale.
    """

    name: str
    status: Status
    reason: str
    addresses: tuple[Address, ...]
    age: float | None


def name_report(answer: Answer, now: float) -> NameReport:
    """now: monotonic seconds, for the age."""
    stale = [one.stale_since for one in (answer.a, answer.aaaa) if one.stale_since is not None]
    return NameReport(
        answer.domain,
        answer.status,
        _reason(answer),
        answer.addresses,
        max(0.0, now - min(stale)) if stale else None,
    )


def _reason(answer: Answer) -> str:
    status = answer.status
    if status is Status.RESOLVED:
        return ""
    kind, rrset = next((k, r) for k, r in (("A", answer.a), ("AAAA", answer.aaaa)) if r.status is status)
    if status is Status.NXDOMAIN:
        return f"the name does not exist{_according_to(rrset)}"
    if status is Status.NODATA:
        return f"the name has no address{_according_to(rrset)}"
    return f"{kind}: {rrset.reason}"


def _according_to(rrset: RRset) -> str:
    return f", according to {rrset.server}" if rrset.server else ""
