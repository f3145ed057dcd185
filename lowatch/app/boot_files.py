"""Compares the files that configure addresses with what this host holds, where a report needs it.

Fixes then say what to change in which file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from lowatch.core.addresses import Address, PrefixSet, prefix_of
from lowatch.core.audit import Audit
from lowatch.core.boot import Boot, BootFiles, Configured, compare
from lowatch.core.fixes.persist import persist, with_persist
from lowatch.core.known import Known, Unknown
from lowatch.core.lifecycle import Tracked

if TYPE_CHECKING:
    from lowatch.core.explanation import AddressEvidence, Explanation


class Holder(Protocol):
    """What this host holds, on any interface."""

    def every_address(self) -> Known[frozenset[Address]] | Unknown: ...

    def local_prefixes(self) -> PrefixSet | None: ...


def with_boot(audit: Audit, holder: Holder, read: Callable[[], BootFiles]) -> Audit:
    """The audit with what the files say. They are read only if there is a finding about an address."""
    if not any(tracked.finding.subject.address is not None for tracked in audit.findings):
        return audit
    boot = compared(holder, read())
    return replace(audit, boot=boot, findings=persisting(audit.findings, boot))


def persisting(findings: Iterable[Tracked], boot: Boot) -> tuple[Tracked, ...]:
    """The findings, whose fixes say what else to change so that they survive a reboot."""
    return tuple(replace(one, finding=with_persist(one.finding, boot)) for one in findings)


def compared(holder: Holder, files: BootFiles) -> Boot:
    """The files beside what is held."""
    held, local = holder.every_address(), holder.local_prefixes()
    if isinstance(held, Unknown) or local is None:
        return compare(files, None)
    addresses, prefixes = held.value, local

    def is_held(entry: Configured) -> bool:
        if not entry.is_route:
            return entry.address in addresses
        return entry.prefixlen is None or prefix_of(entry.address, entry.prefixlen) in prefixes

    return compare(files, is_held)


def explained(explanation: Explanation, holder: Holder, files: BootFiles) -> Explanation:
    """The explanation with what the files say."""
    boot = compared(holder, files)
    return replace(
        explanation,
        boot=boot,
        findings=persisting(explanation.findings, boot),
        addresses=tuple(_persisting_removal(one, boot) for one in explanation.addresses),
    )


def _persisting_removal(evidence: AddressEvidence, boot: Boot) -> AddressEvidence:
    removal = evidence.removal
    if removal is None or removal.fix is None:
        return evidence
    fix = removal.fix._replace(persist=persist(removal.fix, boot))
    return replace(evidence, removal=removal._replace(fix=fix))
