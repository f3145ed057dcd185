"""Reads an exposition with prometheus_client, and compares it with its audit: for `check --verify`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

from prometheus_client.parser import text_string_to_metric_families

from lowatch.core.addresses import family_name, format_address
from lowatch.core.audit import Audit
from lowatch.core.verdicts import OrphanKey

from .audit import AuditEncoder, orphan_values, shown
from .families import AUDIT_COMPLETE, FINDINGS, HELD_ADDRESSES, LO_ORPHAN_VIP, Family

_Series: TypeAlias = Mapping[tuple[str, ...], float]
"""The values of a family, by its labels' values in their order."""


class ReadBack(NamedTuple):
    """series: how many prometheus_client read. differences: what differs from the audit, a line each."""

    series: int
    differences: tuple[str, ...] = ()


def read_back(audit: Audit) -> ReadBack:
    """Compare the exposition of an audit. No name or address of the host is in a difference.

    It takes 10 us per series.
    """
    orphans = orphan_values(audit.endpoints)
    rendered = AuditEncoder().render(audit, orphans)
    try:
        read = {one.name: one.samples for one in text_string_to_metric_families(rendered.body.decode())}
    except ValueError:
        return ReadBack(0, ("prometheus_client cannot read the metrics",))
    differences = []
    for family, expected in _expected(audit, orphans).items():
        found = {
            tuple(sample.labels.get(label, "") for label in family.labels): sample.value
            for sample in read.get(family.name, ())
        }
        series = found.keys() | expected.keys()
        differing = sum(found.get(labels) != expected.get(labels, 0) for labels in series)
        if differing and not (rendered.dropped and family is LO_ORPHAN_VIP):
            differences.append(f"{family.name}: prometheus_client reads {differing} series differently")
    return ReadBack(sum(map(len, read.values())), tuple(differences))


def _expected(audit: Audit, orphans: Mapping[OrphanKey, int]) -> dict[Family, _Series]:
    """What the audit says, of the families that alerts use most. Series that are not here have 0."""
    findings = Counter((one.finding.subject.kind, one.state) for one in audit.findings)
    held = Counter[tuple[str, ...]]((shown(one.interface), family_name(one.address)) for one in audit.held)
    return {
        LO_ORPHAN_VIP: {_orphan(key): value for key, value in orphans.items()},
        FINDINGS: {(kind.value, state.value): number for (kind, state), number in findings.items()},
        HELD_ADDRESSES: held,
        AUDIT_COMPLETE: {(): int(audit.complete)},
    }


def _orphan(key: OrphanKey) -> tuple[str, ...]:
    address, (number, protocol) = format_address(key.address), key.port
    return shown(key.interface), address, key.domain, str(number), protocol
