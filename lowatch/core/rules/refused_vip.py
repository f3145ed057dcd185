"""refused-vip: local clients are refused at a held address, whichever name they came by.

Nothing serves the port there, and no known domain should: otherwise its orphan-vip says who is hurt. On
loopback's own addresses a refused connect is daily life. Source: docs/internals/cases.md 1, 6.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from lowatch.core.addresses import Address, Port, format_address, is_loopback
from lowatch.core.findings import Action, Finding, FindingKind, Fix, Subject, Undecided
from lowatch.core.known import Unknown
from lowatch.core.policy import Policy
from lowatch.core.snapshot import RefusedPort, Snapshot
from lowatch.core.verdicts import is_guess
from lowatch.core.victims import UNKNOWN_PORT

_EACH = 3
"""Up to this number of ports, each has a finding. More have one together: mostly a scanner tries them."""


def refused_vip(snapshot: Snapshot, policy: Policy) -> Iterable[Finding | Undecided]:
    if not snapshot.refused:
        return
    guesses = set(_guesses(snapshot, policy))
    expected, dead = _expected(snapshot, guesses)
    places: dict[tuple[str, Address], list[Port]] = {}
    for one in snapshot.refused:
        if is_loopback(one.address) or _is_expected(one, expected, dead):
            continue
        if isinstance(one.listener, Unknown):
            yield Undecided(FindingKind.REFUSED_VIP, one.listener.reason, address=one.address)
        elif one.listener is None:
            places.setdefault((one.interface, one.address), []).append(one.port)
    for (interface, address), ports in places.items():
        names = sorted(name for name, guess in guesses if guess == address)
        yield from _findings(interface, address, sorted(ports), _why(names))


def _guesses(snapshot: Snapshot, policy: Policy) -> Iterator[tuple[str, Address]]:
    """The names of which nothing shows what they should serve, and the addresses that they lead to."""
    for name in policy.learned.keys() & snapshot.domains.keys():
        domain = policy.domains[name]
        for local in snapshot.domains[name].local:
            if is_guess(domain, local):
                yield name, local.address


def _why(names: Sequence[str]) -> str:
    """Why no domain says that something should be served. names: those of _guesses() at the address."""
    if not names:
        return "no known domain should be served there"
    if len(names) == 1:
        return f"{names[0]} leads there, but nothing shows yet which port it should serve"
    others = "another name" if len(names) == 2 else f"{len(names) - 1} other names"
    return f"{names[0]} and {others} lead there, but nothing shows yet which port they should serve"


def _expected(
    snapshot: Snapshot, guesses: Collection[tuple[str, Address]]
) -> tuple[set[tuple[Address, Port]], set[Address]]:
    """The endpoints that some domain should serve, and the addresses where one of them has no listener.

    Of what is only guessed nothing is expected: otherwise an information would hide who is refused.
    """
    ports = [
        (local.address, port)
        for name, domain in snapshot.domains.items()
        for local in domain.local
        if not guesses or (name, local.address) not in guesses
        for port in local.ports
    ]
    return (
        {(address, port.port) for address, port in ports},
        {address for address, port in ports if port.listener is None and port.port.protocol == "tcp"},
    )


def _is_expected(one: RefusedPort, expected: set[tuple[Address, Port]], dead: set[Address]) -> bool:
    """Clients of an unknown port may be those of any port that is expected there, and has no listener."""
    return (one.address, one.port) in expected or (one.port == UNKNOWN_PORT and one.address in dead)


def _findings(interface: str, address: Address, ports: Sequence[Port], why: str) -> Iterator[Finding]:
    known = [port for port in ports if port != UNKNOWN_PORT]
    if len(known) > _EACH:
        where = f"on {len(known)} ports, from {known[0]} to {known[-1]}"
        yield _finding(interface, address, None, where, why)
        return
    for port in known:
        yield _finding(interface, address, port, f"on {port}", why)
    if len(known) < len(ports):
        yield _finding(interface, address, None, "on a port that the kernel does not tell", why)


def _finding(interface: str, address: Address, port: Port | None, where: str, why: str) -> Finding:
    text = format_address(address)
    service = f"the service for {port} on {text}" if port is not None else f"what should serve {text}"
    return Finding(
        Subject(FindingKind.REFUSED_VIP, interface, address, port=port),
        f"local clients of {text}, which is on {interface}, are refused {where}: nothing listens there, "
        f"and {why}",
        advice=f"start {service}, or find out which clients still use it",
        fixes=(Fix(Action.START, f"start {service}, or find out which clients still use it"),),
    )
