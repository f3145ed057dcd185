"""Judges a snapshot: the only source of verdicts, findings and fixes. Pure.

The daemon judges a snapshot after every event. A JudgementMemo keeps the judgements of what has not changed
since the last snapshot. It changes the speed only, never the judgement.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Set
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple

from lowatch.core.fixes.offer import FixMemo, fixes_offered

from .addresses import Address, Port, family_name, is_v4
from .answers import OtherView
from .findings import Change, Finding, FindingKind, Subject, Undecided
from .known import Unknown
from .netns import inside
from .policy import Domain, Policy
from .rules import DOMAIN_RULES, HOST_RULES, LOOKS_AT
from .snapshot import DomainObservation, Snapshot
from .steps import result_of
from .values import new
from .verdicts import FINE, DomainJudgement, JudgedEndpoint, judge_endpoints, served_in_different_ways
from .views import is_unheard

_NONE: Mapping[str, Any] = MappingProxyType({})


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
        """unresolved, unsure, elsewhere: as in Snapshot. They may have domains that were not observed."""
        self.domains = domains
        self._unresolved, self._unsure, self._elsewhere = unresolved, unsure, elsewhere
        self._no_orphans: dict[str, Set[tuple[Address, Port]]] = {}
        self.findings: tuple[Finding, ...] = tuple(findings)
        self.undecided: tuple[Undecided, ...] = tuple(undecided)
        self._scopes = {(u.kind, u.domain, u.address or u.family, u.port) for u in self.undecided}

    def is_undecided(self, subject: Subject) -> bool:
        """Whether the subject could not be judged: an Undecided covers it, or its domain has no answer.

        An Undecided covers a subject if it agrees in every field that the Undecided gives. An endpoint that
        is served or not local is never undecided: it is no orphan, wherever the domain resolves.
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
        """Whether a domain may lead to an unknown address because getaddrinfo failed."""
        judged = self.domains.get(subject.domain or "")
        known = () if judged is None else {endpoint.address for endpoint in judged.endpoints}
        return is_unheard(other) and subject.address is not None and subject.address not in known


class Draft(NamedTuple):
    """The judgement without fixes. It does not depend on the surroundings.

    findings: those with a `proposed` change have no fix yet.
    """

    domains: Mapping[str, DomainJudgement]
    findings: tuple[Finding, ...]
    undecided: tuple[Undecided, ...]

    @property
    def changes(self) -> tuple[Change, ...]:
        """What the fixes would change. If there is any, the snapshot needs its surroundings."""
        return tuple(one.proposed for one in self.findings if one.proposed is not None)


class JudgementMemo:
    """Keeps the judgement of each domain until its observation changes, and of some host rules likewise.

    fixes: what fixes are weighed with.
    """

    def __init__(self) -> None:
        self.fixes = FixMemo()
        self._policy: Policy | None = None
        self._loopback_up = True
        self._observed: Mapping[str, DomainObservation] = {}
        self._judged: dict[str, DomainJudgement] = {}
        self._notable: dict[str, DomainJudgement] = {}
        self._changed: dict[str, DomainJudgement | None] = {}
        self._of_host: dict[FindingKind, tuple[tuple[object, ...], tuple[Finding | Undecided, ...]]] = {}

    def take_changed(self) -> Mapping[str, DomainJudgement | None]:
        """The domains that were judged again since the last call; None for those that are gone."""
        changed, self._changed = self._changed, {}
        return changed

    def domains(
        self, snapshot: Snapshot, policy: Policy
    ) -> tuple[Mapping[str, DomainJudgement], Iterable[DomainJudgement]]:
        """Returns the judgements of all domains, and those with findings or undecided subjects.

        If no domain changed, the mapping is the same object as before. The caller must not change the
        mapping of domains that a Snapshot holds.
        """
        if policy is not self._policy or snapshot.loopback_up is not self._loopback_up:
            self._policy, self._loopback_up = policy, snapshot.loopback_up
            self._changed |= dict.fromkeys(self._judged)
            self._observed, self._judged, self._notable = {}, {}, {}
        observed, before = snapshot.domains, self._observed
        if observed is before:
            return self._judged, self._notable.values()
        self._observed = observed
        changed = [name for name, one in observed.items() if before.get(name) is not one]
        gone = before.keys() - observed.keys()
        if changed or gone:
            self._judged = dict(self._judged)  # the mapping of the last Judgement stays as it is
        for name in gone:
            self._changed[name] = None
            del self._judged[name]
            self._notable.pop(name, None)
        if before:
            changed = [name for name in changed if name not in before or before[name] != observed[name]]
        for name in changed:
            judged = judge_domain(policy.domains[name], observed[name], loopback_up=snapshot.loopback_up)
            self._judged[name] = self._changed[name] = judged
            if judged.findings or judged.undecided:
                self._notable[name] = judged
            else:
                self._notable.pop(name, None)
        return self._judged, self._notable.values()

    def of_host(self, snapshot: Snapshot, policy: Policy) -> Iterator[Finding | Undecided]:
        """What all host rules find."""
        for kind, rule in HOST_RULES.items():
            if kind not in LOOKS_AT:
                yield from rule(snapshot, policy)
                continue
            seen = rule, policy, *(getattr(snapshot, name) for name in LOOKS_AT[kind])
            known = self._of_host.get(kind)
            if known is None or known[0] != seen:
                known = self._of_host[kind] = seen, tuple(rule(snapshot, policy))
            yield from known[1]


def judge(snapshot: Snapshot, policy: Policy, memo: JudgementMemo | None = None) -> Judgement:
    """All verdicts, findings and fixes of a snapshot."""
    return result_of(judging(snapshot, draft(snapshot, policy, memo), policy, memo))


def draft(snapshot: Snapshot, policy: Policy, memo: JudgementMemo | None = None) -> Draft:
    """Applies every rule. Ignores the surroundings."""
    memo = memo or JudgementMemo()
    domains, notable = memo.domains(snapshot, policy)
    findings, undecided = _sort_out(memo.of_host(snapshot, policy))
    notable = tuple(notable)
    return Draft(
        domains,
        (*(f for one in notable for f in one.findings), *findings),
        (*(u for one in notable for u in one.undecided), *undecided),
    )


def judging(
    snapshot: Snapshot, drafted: Draft, policy: Policy, memo: JudgementMemo | None = None
) -> Generator[None, None, Judgement]:
    """judge() in steps of some milliseconds.

    drafted: the draft() of this snapshot, or of the same one without its surroundings.
    """
    fixes = (memo or JudgementMemo()).fixes
    findings = yield from fixes_offered(drafted.findings, drafted.domains, snapshot, policy, fixes)
    if snapshot.netns:
        findings = tuple(_inside(snapshot.netns, finding) for finding in findings)
    return Judgement(
        drafted.domains,
        findings,
        drafted.undecided,
        snapshot.unresolved,
        snapshot.unsure,
        snapshot.elsewhere,
    )


def _inside(netns: str, finding: Finding) -> Finding:
    """The finding with commands that a person can type outside of its network namespace."""
    alone = finding.advice and not finding.fix  # it may name commands, to be typed there
    return replace(
        finding,
        advice=f"{finding.advice}, in the network namespace {netns}" if alone else finding.advice,
        fix=tuple(inside(netns, line) for line in finding.fix),
        fixes=tuple(
            one._replace(commands=tuple(inside(netns, line) for line in one.commands))
            for one in finding.fixes
        ),
    )


def judge_domain(domain: Domain, observed: DomainObservation, *, loopback_up: bool) -> DomainJudgement:
    """The verdicts, findings and undecided subjects of one domain."""
    endpoints = judge_endpoints(domain, observed, loopback_up=loopback_up)
    certain = observed.is_certain and not observed.answer.others
    alike = domain.unit or len(endpoints) == 1 or not served_in_different_ways(endpoints)
    if certain and alike and _are_fine(endpoints, observed):
        return new(DomainJudgement, (endpoints, (), ()))  # no rule applies to a domain that is fine
    findings, undecided = _sort_out(
        outcome for rule in DOMAIN_RULES.values() for outcome in rule(domain, observed, endpoints)
    )
    return DomainJudgement(endpoints, findings, undecided)


def _are_fine(endpoints: Iterable[JudgedEndpoint], observed: DomainObservation) -> bool:
    """Whether all verdicts are, and it could be asked if each listener answers."""
    for endpoint in endpoints:
        if endpoint.verdict not in FINE:
            return False
    for local in observed.local:
        for port in local.ports:
            if isinstance(port.connect, Unknown):
                return False
    return True


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
