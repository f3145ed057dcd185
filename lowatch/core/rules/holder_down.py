"""holder-down: a watched interface that has addresses is administratively down.

Source: docs/internals/kernel.md (What is local): with lo down, IPv4 addresses and routes stay, connects
from the host itself time out, and remote clients still reach the VIP. (kube-ipvs0 works while
down: do not watch it for this, or acknowledge it.)
"""

from __future__ import annotations

from collections.abc import Iterable

from lowatch.core.findings import Action, Finding, FindingKind, Fix, Subject, Undecided
from lowatch.core.held import Held
from lowatch.core.known import Unknown
from lowatch.core.policy import Policy
from lowatch.core.printable import shell_word
from lowatch.core.snapshot import Snapshot


def holder_down(snapshot: Snapshot, _policy: Policy) -> Iterable[Finding | Undecided]:
    for observed in (snapshot.links, snapshot.held):
        if isinstance(observed, Unknown):
            yield Undecided(FindingKind.HOLDER_DOWN, observed.reason)
            return
    assert not isinstance(snapshot.links, Unknown)
    assert not isinstance(snapshot.held, Unknown)
    down = {link.name: link for link in snapshot.links.value if not link.up}
    holding: dict[str, list[Held]] = {}
    for held in snapshot.held.value:
        if held.interface in down:
            holding.setdefault(held.interface, []).append(held)
    for link in down.values():
        count = len(holding.get(link.name, ()))
        if count:
            harmless = link.loopback or (
                link.kind in ("dummy", "bridge") and all(map(_brings_itself, holding[link.name]))
            )
            effect = ": connections from this host to its own addresses time out" if link.loopback else ""
            yield Finding(
                Subject(FindingKind.HOLDER_DOWN, link.name),
                f"{link.name} is down and holds {count} address{'es' if count > 1 else ''}{effect}",
                advice="" if harmless else _no_command(link.name),
                fixes=(_fix(link.name),) if harmless else (),
            )


def _fix(name: str) -> Fix:
    return Fix(Action.UP, f"set {name} up", (f"ip link set {shell_word(name)} up",))


def _no_command(name: str) -> str:
    return f"no command is offered: once up, {name} may attract other traffic"


def _brings_itself(held: Held) -> bool:
    """Whether only this address is routed to the interface once it is up."""
    return held.peer is None and (held.prefix.is_host or "noprefixroute" in held.flags)
