"""views-disagree: /etc/hosts or getaddrinfo and DNS have different addresses, and one of them is held here.

Sources: docs/internals/names.md (applications call getaddrinfo, which reads /etc/hosts first, and dig
does not); RFC 6761 6.3 (localhost names); hosts(5) as Debian's installer writes it
(127.0.1.1 for the host's own name), nss-myhostname(8).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lowatch.core.addresses import Address, destination, family_name, format_address, is_loopback
from lowatch.core.answers import Answer, AnswerStatus, View
from lowatch.core.findings import Action, Finding, FindingKind, Fix, Subject, Undecided
from lowatch.core.known import Unknown
from lowatch.core.policy import Domain
from lowatch.core.snapshot import DomainObservation
from lowatch.core.verdicts import JudgedEndpoint
from lowatch.core.views import IN_WORDS, differing, in_effect, unsure

_ADDRESSES_SHOWN = 3
_LOCALHOST = frozenset({"localhost", "ip6-localhost", "ip6-loopback"})


def views_disagree(
    domain: Domain, observed: DomainObservation, _endpoints: tuple[JudgedEndpoint, ...]
) -> Iterable[Finding | Undecided]:
    answer = observed.answer
    if not answer.others:
        return
    other = unsure(answer)
    if other is not None:
        reason = f"{IN_WORDS[other.view]}: {other.reason}"
        yield Undecided(FindingKind.VIEWS_DISAGREE, reason, domain=domain.name)
        return
    uncertain = _uncertain(answer)
    for family, reason in uncertain.items():
        yield Undecided(FindingKind.VIEWS_DISAGREE, reason, domain=domain.name, family=family)
    held, unasked = _places(observed)
    for address in _disputed(answer):
        if family_name(address) in uncertain or _is_customary(domain, observed, address):
            continue
        if address in held:
            yield _finding(answer, address, held[address])
        elif address in unasked:
            reason = unasked[address]
            yield Undecided(FindingKind.VIEWS_DISAGREE, reason, domain=domain.name, address=address)


def _uncertain(answer: Answer) -> Mapping[str, str]:
    """The families for which what applications get is unknown or old, and why."""
    families = (("ipv4", "A", answer.a), ("ipv6", "AAAA", answer.aaaa))
    return {
        family: f"{kind}: {rrset.reason}"
        for family, kind, rrset in families
        if rrset.status in (AnswerStatus.UNKNOWN, AnswerStatus.STALE)
    }


def _places(observed: DomainObservation) -> tuple[Mapping[Address, str], Mapping[Address, str]]:
    """Where the addresses of all views are held, and why some could not be checked."""
    held = {local.address: local.interface for local in observed.local}
    unasked = dict(observed.undecided)
    for address, place in observed.in_other_views:
        if isinstance(place, Unknown):
            unasked[address] = f"{place.source}: {place.reason}"
        else:
            held[address] = place
    return held, unasked


def _disputed(answer: Answer) -> Iterable[Address]:
    """The disputed addresses, each destination once."""
    found = (address for other in answer.others for address in differing(answer, other))
    return {destination(address): address for address in found}.values()


def _is_customary(domain: Domain, observed: DomainObservation, address: Address) -> bool:
    """Whether it is customary: localhost, or the own name with a loopback address or all addresses.

    So is a name that only /etc/hosts has, unless somebody configured it.
    """
    by_view = _addresses_by_view(observed.answer)
    if domain.from_hosts and not by_view.get(View.DNS):
        return True
    if observed.own_name and all(address not in by_view.get(one, ()) for one in (View.DNS, View.HOSTS)):
        return True  # nss-myhostname and systemd-resolved give a host all of its addresses
    if not is_loopback(address):
        return False
    name = observed.answer.domain
    if name in _LOCALHOST or name.endswith(".localhost") or name.startswith("localhost."):
        return True
    return observed.own_name and address not in by_view.get(View.DNS, ())


def _addresses_by_view(answer: Answer) -> Mapping[View, tuple[Address, ...]]:
    """The addresses in each view, that of the applications first."""
    others = {other.view: other.addresses or () for other in answer.others}
    return {answer.view: answer.addresses, **others}


def _finding(answer: Answer, address: Address, interface: str) -> Finding:
    by_view = {IN_WORDS[view]: _listed(addresses) for view, addresses in _addresses_by_view(answer).items()}
    views = ", ".join(f"{source} gives {addresses}" for source, addresses in by_view.items())
    return Finding(
        Subject(FindingKind.VIEWS_DISAGREE, interface, address, answer.domain),
        f"{answer.domain}: {views}; {format_address(address)} is local here, on {interface}, and "
        f"applications on this host use {IN_WORDS[in_effect(answer)]}",
        fixes=(Fix(Action.MOVE, f"correct what is wrong about {answer.domain}"),),
    )


def _listed(addresses: tuple[Address, ...]) -> str:
    if not addresses:
        return "no address"
    shown = ", ".join(map(format_address, addresses[:_ADDRESSES_SHOWN]))
    more = len(addresses) - _ADDRESSES_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
