"""What the SRV records of a name (RFC 2782) and their targets' addresses come to, as one Answer. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import reduce
from typing import NamedTuple

from lowatch.core.addresses import Address, Port
from lowatch.core.answers import Answer, RRset, Service, Status, worse
from lowatch.core.policy import is_service_name
from lowatch.wire.dns import parse_service_record


class Target(NamedTuple):
    """What one SRV record names, and the addresses of that."""

    name: str
    port: Port
    a: RRset
    aaaa: RRset


def ports_and_targets(domain: str, records: Iterable[Address]) -> list[tuple[Port, str]]:
    """Of the records of an SRV name; its second label is the protocol. No target is a service itself."""
    protocol = "udp" if domain.split(".", 2)[1] == "_udp" else "tcp"
    parsed = map(parse_service_record, records)
    return [(Port(number, protocol), target) for number, target in parsed if not is_service_name(target)]


def service_answer(domain: str, srv: RRset, targets: Sequence[Target]) -> Answer:
    """srv: the SRV name's own answer; its `addresses` are records, see wire.dns.service_record."""
    a = _together(srv, [(target.name, target.a) for target in targets])
    aaaa = _together(srv, [(target.name, target.aaaa) for target in targets])
    services = tuple(
        Service(target.name, target.port, target.a.addresses + target.aaaa.addresses) for target in targets
    )
    return Answer(domain, a, aaaa, services=services)


def _together(srv: RRset, targets: Sequence[tuple[str, RRset]]) -> RRset:
    """One family: the targets' addresses, as uncertain as the least certain of them, or as the SRV is."""
    addresses = tuple(sorted({address for _, rrset in targets for address in rrset.addresses}))
    if not targets or srv.status in (Status.UNKNOWN, Status.STALE):
        return replace(srv, addresses=addresses, reason=srv.reason and f"SRV: {srv.reason}")
    status = reduce(worse, [rrset.status for _, rrset in targets])
    name, worst = next((name, rrset) for name, rrset in targets if rrset.status is status)
    return replace(
        worst,
        status=status,
        addresses=addresses,
        chain=(),
        ttl=min(srv.ttl, *(rrset.ttl for _, rrset in targets)),
        reason=worst.reason and f"{name}: {worst.reason}",
        synthesised=tuple(sorted({address for _, rrset in targets for address in rrset.synthesised})),
    )
