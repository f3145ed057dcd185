"""One small pure function per finding kind. A new kind is a new file and a row in one of the tables here.

Domain rules look at one domain's judged endpoints and run again when that domain changes; host rules
look at the whole snapshot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from lowatch.core.findings import Finding, FindingKind, Undecided
from lowatch.core.policy import Domain, Policy
from lowatch.core.snapshot import DomainObservation, Snapshot
from lowatch.core.verdicts import JudgedEndpoint

from .arp_leak import arp_leak
from .backlogged_vip import backlogged_vip
from .black_hole_prefix import black_hole_prefix
from .captured_vip import captured_vip
from .duplicate_vip import duplicate_vip
from .filtered_vip import filtered_vip
from .holder_down import holder_down
from .idle_vip import idle_vip
from .missing_vip import missing_vip
from .orphan_vip import orphan_vip
from .refused_vip import refused_vip
from .source_vip import source_vip
from .views_disagree import views_disagree
from .wide_prefix import wide_prefix

DomainRule = Callable[
    [Domain, DomainObservation, tuple[JudgedEndpoint, ...]], Iterable[Finding | Undecided]
]
HostRule = Callable[[Snapshot, Policy], Iterable[Finding | Undecided]]

DOMAIN_RULES: Mapping[FindingKind, DomainRule] = {
    FindingKind.ORPHAN_VIP: orphan_vip,
    FindingKind.CAPTURED_VIP: captured_vip,
    FindingKind.BACKLOGGED_VIP: backlogged_vip,
    FindingKind.FILTERED_VIP: filtered_vip,
    FindingKind.VIEWS_DISAGREE: views_disagree,
}
HOST_RULES: Mapping[FindingKind, HostRule] = {
    FindingKind.IDLE_VIP: idle_vip,
    FindingKind.WIDE_PREFIX: wide_prefix,
    FindingKind.BLACK_HOLE_PREFIX: black_hole_prefix,
    FindingKind.ARP_LEAK: arp_leak,
    FindingKind.HOLDER_DOWN: holder_down,
    FindingKind.DUPLICATE_VIP: duplicate_vip,
    FindingKind.SOURCE_VIP: source_vip,
    FindingKind.MISSING_VIP: missing_vip,
    FindingKind.REFUSED_VIP: refused_vip,
}
LOOKS_AT: Mapping[FindingKind, tuple[str, ...]] = {
    FindingKind.ARP_LEAK: ("held", "arp", "links"),
    FindingKind.MISSING_VIP: ("held", "links"),
}
"""All that some host rules look at in a snapshot: the outcome is kept until that, or the policy, changes.

These take a millisecond or more for ten thousand addresses.
"""
