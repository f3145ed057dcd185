"""Reasons against removing an address: it is served, expected or used."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from typing import NamedTuple

from lowatch.core.addresses import Address, Prefix, destination, format_address
from lowatch.core.answers import View
from lowatch.core.findings import Finding
from lowatch.core.known import Known
from lowatch.core.listeners import Connect
from lowatch.core.policy import Policy
from lowatch.core.snapshot import DomainObservation, PortObservation, Snapshot
from lowatch.core.verdicts import DomainJudgement, JudgedEndpoint, Verdict
from lowatch.core.views import IN_WORDS

_BOUND = "has a socket bound to it"
_VIRTUAL = "has an IPVS virtual service"


class Use(NamedTuple):
    """what: an endpoint that may be served, or a statement about the address."""

    what: JudgedEndpoint | str

    def text(self, address: Address) -> str:
        """As in: 192.0.2.10 also serves www.example.com on 443/tcp."""
        if isinstance(self.what, str):
            return f"{format_address(address)} {self.what}"
        domain, port = self.what.domain, self.what.port
        match self.what.verdict:
            case Verdict.UNKNOWN:
                return f"whether {format_address(address)} serves {domain} on {port} is unknown"
            case Verdict.ORPHAN:
                return f"no connect has confirmed that nothing serves {domain} on {port}"
        return f"{format_address(address)} also serves {domain} on {port}"


class Uses:
    """The addresses in use, each with the first reason found."""

    def __init__(self, found: Iterable[tuple[Address, Use]]) -> None:
        self._uses: dict[Address, Use] = {}
        for address, use in found:
            self._uses.setdefault(destination(address), use)
        self._sorted: dict[int, list[Address]] = {}

    def of(self, address: Address) -> str:
        """Why this address must stay; "" if there is no reason."""
        use = self._uses.get(address)
        return "" if use is None else use.text(address)

    def inside(self, prefix: Prefix, stays: Callable[[Address], bool]) -> str:
        """Why an address in a prefix must stay local; addresses that stay local anyway are skipped."""
        ordered = self._in_order(len(prefix.address))
        for position in range(bisect_left(ordered, prefix.address), len(ordered)):
            address = ordered[position]
            if not prefix.covers(address):
                break
            if not stays(address):
                return self._uses[address].text(address)
        return ""

    def _in_order(self, octets: int) -> list[Address]:
        if octets not in self._sorted:
            self._sorted[octets] = sorted(one for one in self._uses if len(one) == octets)
        return self._sorted[octets]


def uses(
    snapshot: Snapshot,
    policy: Policy,
    domains: Mapping[str, DomainJudgement],
    findings: Iterable[Finding],
    concerned: Container[Address] | None = None,
) -> Iterator[tuple[Address, Use]]:
    """All known reasons to keep an address. An orphan that resolves to it is no reason to keep it.

    concerned: the addresses that matter, as destinations; reasons for others may be left out.
    """
    for name, judged in sorted(domains.items()):  # the order of observation must not matter
        observed = snapshot.domains[name]
        if concerned is None or any(destination(one.address) in concerned for one in judged.endpoints):
            for endpoint, port in zip(judged.endpoints, _ports(observed), strict=True):
                if not _is_dead(endpoint, port, loopback_up=snapshot.loopback_up):
                    yield endpoint.address, Use(endpoint)
        yield from _may_be(name, observed)
    for address in policy.expect:
        yield address, Use("is expected here")
    for finding in findings if policy.acknowledgements else ():
        where = finding.subject.address
        if where is not None and policy.acknowledged(finding.subject, snapshot.at) is not None:
            yield where, Use(f"is acknowledged ({finding.subject.kind})")
    if isinstance(snapshot.surroundings, Known):
        around = snapshot.surroundings.value
        yield from ((address, Use("is a nameserver of this host")) for address in around.nameservers)
        for addresses, use in (around.sockets.bound, Use(_BOUND)), (around.sockets.virtual, Use(_VIRTUAL)):
            yield from (
                (address, use)
                for address in addresses
                if concerned is None or destination(address) in concerned
            )


def _ports(observed: DomainObservation) -> Iterator[PortObservation]:
    """The ports of a domain, in the order of judge_endpoints()."""
    return (port for local in observed.local for port in local.ports)


def _is_dead(endpoint: JudgedEndpoint, port: PortObservation, *, loopback_up: bool) -> bool:
    """Whether nothing uses the endpoint: a confirmed orphan, or unused beside a port that is served."""
    if endpoint.verdict is Verdict.ORPHAN:
        return loopback_up and port.connect is Connect.REFUSED
    return endpoint.verdict is Verdict.UNUSED


def _may_be(name: str, observed: DomainObservation) -> Iterator[tuple[Address, Use]]:
    """The addresses where the domain may be served, in any view."""
    for address, _ in observed.undecided:
        yield address, Use(f"may serve {name}")
    for address, _ in observed.in_other_views:
        views = (IN_WORDS[one.view] for one in observed.answer.others if address in (one.addresses or ()))
        yield address, Use(f"is the address of {name} according to {next(views, IN_WORDS[View.DNS])}")
