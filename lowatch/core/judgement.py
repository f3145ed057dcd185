"""judge: one snapshot in, every verdict and finding out. Pure, whole, and cheap to run again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from .findings import Finding, Subject, Undecided
from .policy import Domain, Policy
from .rules import DOMAIN_RULES, HOST_RULES
from .snapshot import DomainView, Snapshot
from .verdicts import JudgedEndpoint, judge_endpoints


class DomainJudgement(NamedTuple):
    """What one domain's view comes to."""

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
    ) -> None:
        self.domains = domains
        self.findings: tuple[Finding, ...] = tuple(findings)
        self.undecided: tuple[Undecided, ...] = tuple(undecided)
        self._scopes = {(u.kind, u.domain, u.address, u.port) for u in self.undecided}

    def is_undecided(self, subject: Subject) -> bool:
        """Whether some Undecided agrees with the subject in every field that it gives."""
        kind, domain, address, port = subject.kind, subject.domain, subject.address, subject.port
        return any(
            scope in self._scopes
            for scope in (
                (kind, None, None, None),
                (kind, domain, None, None),
                (kind, domain, address, None),
                (kind, domain, address, port),
            )
        )


def judge_domain(domain: Domain, view: DomainView, *, loopback_up: bool) -> DomainJudgement:
    endpoints = judge_endpoints(domain, view, loopback_up=loopback_up)
    findings, undecided = _sort_out(
        outcome for rule in DOMAIN_RULES.values() for outcome in rule(domain, view, endpoints)
    )
    return DomainJudgement(endpoints, findings, undecided)


def judge(
    snapshot: Snapshot,
    policy: Policy,
    judged: Mapping[str, DomainJudgement] | None = None,
) -> Judgement:
    """Every rule over the whole snapshot.

    judged: domains whose view has not changed since they were judged need not be judged again; what is
    not in it is judged here.
    """
    known = judged or {}
    domains = {
        name: known[name]
        if name in known
        else judge_domain(policy.domains[name], view, loopback_up=snapshot.loopback_up)
        for name, view in snapshot.domains.items()
    }
    findings, undecided = _sort_out(
        outcome for rule in HOST_RULES.values() for outcome in rule(snapshot, policy)
    )
    return Judgement(
        domains,
        (*(f for one in domains.values() for f in one.findings), *findings),
        (*(u for one in domains.values() for u in one.undecided), *undecided),
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
