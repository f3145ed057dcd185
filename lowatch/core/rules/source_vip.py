"""source-vip: the kernel chooses an IPv6 VIP as the source of this host's own packets.

Peers then see the VIP: certificates and filters do not match, and replies go wherever the VIP is announced.
A deprecated address is the source only if there is no other (rule 3 of RFC 6724, 5), so that is the fix.
Sources: docs/internals/cases.md 20; docs/internals/kernel.md (Source addresses).
"""

from __future__ import annotations

from collections.abc import Iterable

from lowatch.core.addresses import format_address
from lowatch.core.findings import Finding, FindingKind, Subject, Undecided
from lowatch.core.held import Held
from lowatch.core.known import Unknown
from lowatch.core.policy import Policy
from lowatch.core.printable import shell_word
from lowatch.core.snapshot import Snapshot

_ADVICE = "have whatever adds it set preferred_lft 0, so that it is no source"
_KEPT = ("nodad", "home", "noprefixroute", "autojoin")
"""Flags that inet6_addr_modify() (net/ipv6/addrconf.c) takes away unless they are given again."""


def source_vip(snapshot: Snapshot, _policy: Policy) -> Iterable[Finding | Undecided]:
    if isinstance(snapshot.sources, Unknown):
        yield Undecided(FindingKind.SOURCE_VIP, snapshot.sources.reason)
        return
    for choice in snapshot.sources.value:
        held, instead = choice.held, format_address(choice.instead)
        yield Finding(
            Subject(FindingKind.SOURCE_VIP, held.interface, held.address),
            f"{format_address(held.address)}/{held.prefixlen} on {held.interface} is the source address of "
            f"this host's packets to {format_address(choice.destination)} through {choice.interface}, "
            f"where {instead} could be: replies go wherever the VIP is announced",
            () if "metric" in held.special else (_deprecation(held),),
            advice=_ADVICE if "metric" in held.special else f"{_ADVICE}; until then:",
        )


def _deprecation(held: Held) -> str:
    """The command. What it does not repeat, the address loses: so would it lose a metric."""
    words = [f"{format_address(held.address)}/{held.prefixlen}", "dev", shell_word(held.interface)]
    words += [flag for flag in _KEPT if flag in held.flags]
    return f"ip address change {' '.join(words)} preferred_lft 0"
