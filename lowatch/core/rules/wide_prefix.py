"""wide-prefix: a prefix on a watched interface makes other addresses local too.

Sources: docs/internals/kernel.md (an IPv4 /24 on lo makes all of it local; AnyIP routes),
docs/internals/cases.md 18 and 19 (on purpose: acknowledge it).
"""

from __future__ import annotations

from collections.abc import Iterable

from lowatch.core.addresses import LOOPBACK_V4, LOOPBACK_V6, Address, Prefix, format_address
from lowatch.core.findings import Action, Change, Finding, FindingKind, Subject, Undecided
from lowatch.core.held import Held, LocalPrefix
from lowatch.core.known import Unknown
from lowatch.core.policy import Policy
from lowatch.core.snapshot import Snapshot

_NAMES_SHOWN = 3


def wide_prefix(snapshot: Snapshot, policy: Policy) -> Iterable[Finding | Undecided]:
    if isinstance(snapshot.prefixes, Unknown):
        yield Undecided(FindingKind.WIDE_PREFIX, snapshot.prefixes.reason)
        return
    found = [one for one in snapshot.prefixes.value if one.prefix not in (LOOPBACK_V4, LOOPBACK_V6)]
    if not found:
        return
    # Configured domains whose addresses are local only because of a wider prefix.
    strays = [
        (name, answer.address)
        for name, observed in snapshot.domains.items()
        for answer in observed.local
        if answer.held is None
    ]
    complete = not (snapshot.unresolved or snapshot.over_limit or snapshot.unread or policy.left_out)
    for local in found:
        yield Finding(
            Subject(
                FindingKind.WIDE_PREFIX,
                local.interface,
                local.prefix.address,
                prefixlen=local.prefix.length,
            ),
            f"{_cause(local)} makes {_count(local)} addresses local to this host"
            f"{_shadowed(strays, local.prefix, complete=complete)}",
            proposed=_change(local),
        )


def _cause(local: LocalPrefix) -> str:
    if local.cause is None:
        return f"the local route {local.prefix} through {local.interface}"
    return f"{format_address(local.cause.address)}/{local.cause.prefixlen} on {local.interface}"


def _count(local: LocalPrefix) -> str:
    """The number of addresses, as a power of two if it is large."""
    if local.size is None:
        return f"up to {_figure(local.prefix.size)}"
    return _figure(local.size)


def _figure(size: int) -> str:
    return f"{size:,}" if size <= 1 << 32 else f"2^{size.bit_length() - 1}"


def _shadowed(strays: list[tuple[str, Address]], prefix: Prefix, *, complete: bool) -> str:
    """The shadowed domains, in words. complete: whether all answers are known; only then it says "none"."""
    names = sorted({name for name, address in strays if prefix.covers(address)})
    if not names:
        return " and shadows no configured domain" if complete else ""
    more = "" if len(names) <= _NAMES_SHOWN else f" and {len(names) - _NAMES_SHOWN} more"
    plural = "s" if len(names) > 1 else ""
    return f" and shadows {len(names)} configured domain{plural}: {', '.join(names[:3])}{more}"


def _change(local: LocalPrefix) -> Change:
    if local.cause is not None:
        return Change(Action.NARROW, local.cause)
    prefix = local.prefix
    route = Held(prefix.address, prefix.length, local.interface, "route", table=local.table)
    return Change(Action.REMOVE, route)
