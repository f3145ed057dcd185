"""Reasons against removing an address: it is served, expected or used."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Set

from lowatch.core.addresses import Address, Prefix, destination, format_address
from lowatch.core.answers import View
from lowatch.core.findings import Finding
from lowatch.core.known import Known
from lowatch.core.listeners import Connect
from lowatch.core.policy import Policy
from lowatch.core.snapshot import DomainObservation, PortObservation, Snapshot
from lowatch.core.verdicts import DomainJudgement, JudgedEndpoint, Verdict
from lowatch.core.views import IN_WORDS

_EXPECTED = "is expected here"
_BOUND = "has a socket bound to it"
_VIRTUAL = "has an IPVS virtual service"


What = JudgedEndpoint | str
"""Why an address is in use: an endpoint that may be served, or a statement about the address."""


def _text(address: Address, what: What) -> str:
    """As in: 192.0.2.10 also serves www.example.com on 443/tcp."""
    if isinstance(what, str):
        return f"{format_address(address)} {what}"
    match what.verdict:
        case Verdict.UNKNOWN:
            return f"whether {format_address(address)} serves {what.domain} on {what.port} is unknown"
        case Verdict.ORPHAN:
            return f"no connect has confirmed that nothing serves {what.domain} on {what.port}"
    return f"{format_address(address)} also serves {what.domain} on {what.port}"


class Reasons:
    """Addresses in use, each with the first reason of one sort. Never changed, so that it can be kept."""

    def __init__(self, found: Iterable[tuple[Address, What]]) -> None:
        self._found: dict[Address, What] = {}
        for address, what in found:
            self._found.setdefault(destination(address), what)
        self._sorted: dict[int, list[Address]] = {}

    def of(self, address: Address) -> What | None:
        return self._found.get(address)

    def first_inside(self, prefix: Prefix, stays: Callable[[Address], bool]) -> Address | None:
        """The lowest address in a prefix; addresses that stay local anyway are skipped."""
        ordered = self._in_order(len(prefix.address))
        for position in range(bisect_left(ordered, prefix.address), len(ordered)):
            address = ordered[position]
            if not prefix.covers(address):
                break
            if not stays(address):
                return address
        return None

    def _in_order(self, octets: int) -> list[Address]:
        if octets not in self._sorted:
            self._sorted[octets] = sorted(one for one in self._found if len(one) == octets)
        return self._sorted[octets]


class Uses:
    """The addresses in use. Implements planner.InUse."""

    def __init__(self, *sorts: Reasons) -> None:
        """sorts: a reason of an earlier sort comes before one of a later sort."""
        self._sorts = sorts

    def of(self, address: Address) -> str:
        """Why this address must stay; "" if there is no reason."""
        found = (sort.of(address) for sort in self._sorts)
        what = next((one for one in found if one is not None), None)
        return "" if what is None else _text(address, what)

    def inside(self, prefix: Prefix, stays: Callable[[Address], bool]) -> str:
        """Why an address in a prefix must stay local; addresses that stay local anyway are skipped."""
        found = (sort.first_inside(prefix, stays) for sort in self._sorts)
        lowest = min((one for one in found if one is not None), default=None)
        return "" if lowest is None else self.of(lowest)


class UsesMemo:
    """Keeps the reasons of each sort while what they were found in stays equal."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[tuple[object, ...], Reasons]] = {}

    def forget(self) -> None:
        """It keeps alive what it compares with."""
        self._kept.clear()

    def uses(
        self,
        snapshot: Snapshot,
        policy: Policy,
        domains: Mapping[str, DomainJudgement],
        findings: Iterable[Finding],
        concerned: Set[Address] | None = None,
        others: Iterable[tuple[Address, What]] = (),
    ) -> Uses:
        """All known reasons to keep an address. An orphan that resolves to it is no reason to keep it.

        concerned: the addresses that matter, as destinations; reasons for others may be left out. others:
        more reasons, which come last.
        """
        sorts = [
            self._reasons("served", _served, snapshot.domains, domains, snapshot.loopback_up, concerned),
            self._reasons(_EXPECTED, _all, policy.expect, _EXPECTED, concerned),
            Reasons(_acknowledged(snapshot, policy, findings)),
        ]
        if isinstance(snapshot.surroundings, Known):
            around = snapshot.surroundings.value
            sorts += [
                Reasons(_all(around.nameservers, "is a nameserver of this host")),
                self._reasons(_BOUND, _all, around.sockets.bound, _BOUND, concerned),
                self._reasons(_VIRTUAL, _all, around.sockets.virtual, _VIRTUAL, concerned),
            ]
        return Uses(*sorts, Reasons(others))

    def _reasons(
        self, sort: str, find: Callable[..., Iterable[tuple[Address, What]]], *found_in: object
    ) -> Reasons:
        """The reasons that find(*found_in) yields."""
        known = self._kept.get(sort)
        if known is None or known[0] != found_in:
            known = self._kept[sort] = found_in, Reasons(find(*found_in))
        return known[1]


def _served(
    observations: Mapping[str, DomainObservation],
    domains: Mapping[str, DomainJudgement],
    loopback_up: bool,  # positional, as all that a memo compares
    concerned: Set[Address] | None,
) -> Iterator[tuple[Address, What]]:
    """The endpoints that are served, or may be."""
    for name, judged in sorted(domains.items()):  # the order of observation must not matter
        observed = observations[name]
        if concerned is None or any(destination(one.address) in concerned for one in judged.endpoints):
            for endpoint, port in zip(judged.endpoints, _ports(observed), strict=True):
                if not _is_dead(endpoint, port, loopback_up=loopback_up):
                    yield endpoint.address, endpoint
        yield from _may_be(name, observed)


def _all(
    addresses: Iterable[Address], what: str, concerned: Set[Address] | None = None
) -> Iterator[tuple[Address, What]]:
    """The same reason for each of the addresses that matter; None: for all of them."""
    for address in addresses:
        if concerned is None or destination(address) in concerned:
            yield address, what


def _acknowledged(
    snapshot: Snapshot, policy: Policy, findings: Iterable[Finding]
) -> Iterator[tuple[Address, What]]:
    for finding in findings if policy.acknowledgements else ():
        where = finding.subject.address
        if where is not None and policy.acknowledged(finding.subject, snapshot.at) is not None:
            yield where, f"is acknowledged ({finding.subject.kind})"


def _ports(observed: DomainObservation) -> Iterator[PortObservation]:
    """The ports of a domain, in the order of judge_endpoints()."""
    return (port for local in observed.local for port in local.ports)


def _is_dead(endpoint: JudgedEndpoint, port: PortObservation, *, loopback_up: bool) -> bool:
    """Whether nothing uses the endpoint: a confirmed orphan, or unused beside a port that is served."""
    if endpoint.verdict is Verdict.ORPHAN:
        return loopback_up and port.connect is Connect.REFUSED
    return endpoint.verdict is Verdict.UNUSED


def _may_be(name: str, observed: DomainObservation) -> Iterator[tuple[Address, What]]:
    """The addresses where the domain may be served, in any view."""
    for address, _ in observed.undecided:
        yield address, f"may serve {name}"
    for address, _ in observed.in_other_views:
        views = (IN_WORDS[one.view] for one in observed.answer.others if address in (one.addresses or ()))
        yield address, f"is the address of {name} according to {next(views, IN_WORDS[View.DNS])}"
