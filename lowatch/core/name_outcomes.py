"""The `names` of a report: why a name has no finding."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import NamedTuple

from .addresses import Address
from .answers import Answer, AnswerStatus, RRset
from .name_sources import NameSource

UNSETTLED = (AnswerStatus.UNKNOWN, AnswerStatus.STALE, AnswerStatus.NXDOMAIN, AnswerStatus.NODATA)
"""The statuses other than RESOLVED, the least certain first."""
ABSENT = frozenset({AnswerStatus.NXDOMAIN, AnswerStatus.NODATA})
"""The statuses of a name that is known to have no address."""


class FollowedNames(NamedTuple):
    """All names that are followed.

    statuses: the number of names per status. not_resolved: the answers to list, up to NAMES_LISTED.
    configured: the names in the configuration itself; None if all are. learned: those that nobody
    configured. searched: whether there is a search for such names.
    """

    statuses: Mapping[AnswerStatus, int]
    not_resolved: tuple[Answer, ...] = ()
    configured: Collection[str] | None = None
    learned: Mapping[str, NameSource] = MappingProxyType({})
    searched: bool = False

    def source(self, name: str) -> NameSource:
        if name in self.learned:
            return self.learned[name]
        is_configured = self.configured is None or name in self.configured
        return NameSource.CONFIGURED if is_configured else NameSource.FILE


class NameReport(NamedTuple):
    """One entry of `names`.

    reason: why the status is not "resolved", or "". age: seconds since the last good answer could no longer
    be renewed; None if the answer is not stale.
    """

    name: str
    status: AnswerStatus
    reason: str
    addresses: tuple[Address, ...]
    age: float | None


def name_report(answer: Answer, now: float) -> NameReport:
    """The entry for an answer. now: monotonic seconds, for the age."""
    stale = [rrset.stale_since for rrset in (answer.a, answer.aaaa) if rrset.stale_since is not None]
    return NameReport(
        answer.domain,
        answer.status,
        _reason(answer),
        answer.addresses,
        max(0.0, now - min(stale)) if stale else None,
    )


def _reason(answer: Answer) -> str:
    status = answer.status
    if status is AnswerStatus.RESOLVED:
        return ""
    kind, rrset = next((k, r) for k, r in (("A", answer.a), ("AAAA", answer.aaaa)) if r.status is status)
    if status is AnswerStatus.NXDOMAIN:
        return f"the name does not exist{_according_to(rrset)}"
    if status is AnswerStatus.NODATA:
        return f"the name has no address{_according_to(rrset)}"
    return f"{kind}: {rrset.reason}"


def _according_to(rrset: RRset) -> str:
    return f", according to {rrset.server}" if rrset.server else ""
