"""Which local clients a finding has made fail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .addresses import Port
from .findings import Finding, FindingKind
from .lifecycle import Tracked
from .victims import UNKNOWN_PORT, Hurt, RefusedConnects

_HURTING = frozenset(
    {
        FindingKind.ORPHAN_VIP,
        FindingKind.FILTERED_VIP,
        FindingKind.BACKLOGGED_VIP,
        FindingKind.REFUSED_VIP,
    }
)
"""The kinds of findings that make connects fail."""


def with_clients(tracked: Tracked, counted: RefusedConnects, wall: float) -> Tracked:
    """The finding, with its local clients that failed; the same object if there are none.

    wall: now, in wall-clock seconds.
    """
    address = tracked.finding.subject.address
    if address is None:
        return tracked
    if _is_about_all_ports(tracked.finding):
        refused = counted.of_any(address, counted.ports(address))
    else:
        refused = counted.of_any(address, hurt_ports(tracked.finding))
    return tracked if refused is None else replace(tracked, hurt=Hurt(refused, wall))


def hurt_ports(finding: Finding) -> Sequence[Port]:
    """The ports whose clients a finding concerns; () for a kind that makes no connect fail.

    Clients of an unknown port count for every TCP port of their address.
    """
    port = finding.subject.port
    if finding.subject.kind not in _HURTING or port is None:
        return ()
    ports = finding.any_of or (port,)
    if finding.subject.kind is FindingKind.REFUSED_VIP:
        return ports
    return (*ports, UNKNOWN_PORT) if any(one.protocol == "tcp" for one in ports) else ports


def _is_about_all_ports(finding: Finding) -> bool:
    """Whether it is about an address where clients are refused on many ports, or on an unknown one."""
    return finding.subject.kind is FindingKind.REFUSED_VIP and finding.subject.port is None
