"""judge: one snapshot in, every verdict and finding out. Pure, whole, and cheap to run again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from types import MappingProxyType
from typing import Any, NamedTuple

from .addresses import Address, Port, family_name, is_v4
from .answers import OtherView
from .findings import Finding, FindingKind, Subject, Undecided
from .policy import Domain, Policy
from .rules import DOMAIN_RULES, HOST_RULES
from .snapshot import DomainObservation, Snapshot
from .verdicts import FINE, JudgedEndpoint, judge_endpoints
from .views import is_unheard

_NONE: Mapping[str, Any] = MappingProxyType({})


class DomainJudgement(NamedTuple):
    """The verdicts and findings of one domain."""

    endpoints: tuple[JudgedEndpoint, ...]
    findings: tuple[Finding, ...]
    undecided: tuple[Undecided, ...]


class Judgement:
    """All findings of a snapshot, and what could not be judged."""

    def __init__(
        self,
        domains: Mapping[str, DomainJudgement],
        findings: Iterable[Finding],
        undecided: Iterable[Undecided],
        unresolved: Mapping[str, tuple[str, str]] = _NONE,
        unsure: Mapping[str, OtherView] = _NONE,
        elsewhere: Set[Address] = frozenset(),
    ) -> None:
        """unresolved, unsure, elsewhere: as a Snapshot has them; a domain need not be observed for that."""
        self.domains = domains
        self._unresolved, self._unsure, self._elsewhere = unresolved, unsure, elsewhere
        self._no_orphans: dict[str, Set[tuple[Address, Port]]] = {}
        self.findings: tuple[Finding, ...] = tuple(findings)
        self.undecided: tuple[Undecided, ...] = tuple(undecided)
        self._scopes = {(u.kind, u.domain, u.address or u.family, u.port) for u in self.undecided}

    def with_findings(self, findings: Iterable[Finding]) -> Judgement:
        """The same, with these findings in place of its own."""
        return Judgement(
            self.domains, findings, self.undecided, self._unresolved, self._unsure, self._elsewhere
        )

    def is_undecided(self, subject: Subject) -> bool:
        """Whether some Undecided agrees with the subject in every field that it gives.

        Or its domain has no answer, and might lead there as well as not. That an endpoint is served, or its
        address not this host's, is known all the same: it is no orphan, wherever the domain leads.
        """
        if subject.kind is FindingKind.ORPHAN_VIP and self._is_no_orphan(subject):
            return False
        kind, domain, address, port = subject.kind, subject.domain, subject.address, subject.port
        family = None if address is None else family_name(address)
        return self._has_no_answer(subject) or any(
            scope in self._scopes
            for scope in (
                (kind, None, None, None),
                (kind, domain, None, None),
                (kind, domain, family, None),
                (kind, domain, address, None),
                (kind, domain, address, port),
            )
        )

    def _is_no_orphan(self, subject: Subject) -> bool:
        domain, address, port = subject.domain, subject.address, subject.port
        if domain is None or address is None or port is None:
            return False
        if domain not in self._no_orphans:
            judged = self.domains.get(domain)
            self._no_orphans[domain] = {
                (one.address, one.port) for one in (judged.endpoints if judged else ()) if one.is_no_orphan
            }
        return address in self._elsewhere or (address, port) in self._no_orphans[domain]

    def _has_no_answer(self, subject: Subject) -> bool:
        domain, address = subject.domain, subject.address
        if domain is None:
            return False
        other = self._unsure.get(domain)
        if other is not None and (
            subject.kind is FindingKind.VIEWS_DISAGREE or self._may_lead(subject, other)
        ):
            return True
        a, aaaa = self._unresolved.get(domain, ("", ""))
        return bool(a or aaaa if address is None else a if is_v4(address) else aaaa)

    def _may_lead(self, subject: Subject, other: OtherView) -> bool:
        """Whether a domain may lead to where it is not known to, for getaddrinfo was asked in vain."""
        judged = self.domains.get(subject.domain or "")
        known = () if judged is None else {endpoint.address for endpoint in judged.endpoints}
        return is_unheard(other) and subject.address is not None and subject.address not in known


def judge_domain(domain: Domain, observed: DomainObservation, *, loopback_up: bool) -> DomainJudgement:
    endpoints = judge_endpoints(domain, observed, loopback_up=loopback_up)
    fine = all(endpoint.verdict in FINE for endpoint in endpoints)
    if fine and observed.is_certain and not observed.answer.others:
        return DomainJudgement(endpoints, (), ())  # no rule has anything to say of what is fine
    findings, undecided = _sort_out(
        outcome for rule in DOMAIN_RULES.values() for outcome in rule(domain, observed, endpoints)
    )
    return DomainJudgement(endpoints, findings, undecided)


def judge(
    snapshot: Snapshot,
    policy: Policy,
    domains: Mapping[str, DomainJudgement] | None = None,
    eventful: Mapping[str, DomainJudgement] | None = None,
) -> Judgement:
    """Every rule over the whole snapshot.

    domains: the judgements of all its domains, where they are at hand (judge_domain is pure: the same
    observed has the same judgement). eventful: those of them that have findings or undecided ones.
    """
    if domains is None:
        domains = {
            name: judge_domain(policy.domains[name], observed, loopback_up=snapshot.loopback_up)
            for name, observed in snapshot.domains.items()
        }
    telling = (domains if eventful is None else eventful).values()
    findings, undecided = _sort_out(
        outcome for rule in HOST_RULES.values() for outcome in rule(snapshot, policy)
    )
    return Judgement(
        domains,
        (*(f for one in telling for f in one.findings), *findings),
        (*(u for one in telling for u in one.undecided), *undecided),
        snapshot.unresolved,
        snapshot.unsure,
        snapshot.elsewhere,
    )


def _sort_out(
    outcomes: Iterable[Finding | Undecided],
) -> tuple[tuple[Finding, ...], tuple[Undecided, ...]]:
    findings, undecided = [], []
    for outcome in outcomes:
        if isinstance(outcome, Finding):
            findings.append(outcome)
        else:
            undecided.append(outcome)
    return tuple(findings), tuple(undecided)
