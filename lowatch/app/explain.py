"""The chain of evidence for one domain or address. It asks what an audit asks, and shows every answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import chain
from typing import NamedTuple, Protocol

from lowatch.config.targets import AddressTarget, DomainTarget, ExplainTarget
from lowatch.core.addresses import Address, Port, Prefix, destination, host_length, is_loopback, prefix_of
from lowatch.core.answers import Answer, AnswerStatus, RRset
from lowatch.core.audit import Audit
from lowatch.core.clock import Clock
from lowatch.core.explanation import (
    AddressEvidence,
    Explanation,
    Removal,
    RouteAnswer,
)
from lowatch.core.findings import Action, Change, Subject
from lowatch.core.fixes.offer import shown_harm, weighed
from lowatch.core.fixes.rehearsal import Goal, Job
from lowatch.core.held import Delivery, Held
from lowatch.core.judgement import Judgement
from lowatch.core.known import Unknown
from lowatch.core.lifecycle import Tracked
from lowatch.core.listeners import Connect
from lowatch.core.netns import inside
from lowatch.core.policy import Domain, Policy, spec_of
from lowatch.core.snapshot import DomainObservation, Snapshot
from lowatch.core.views import addresses_of

from .auditor import Auditor
from .check import CrossChecker, check
from .fix_surroundings import FixSurroundings
from .ports import Host, Resolver
from .rehearsals import Rehearse, kept, rehearsals
from .static_resolver import StaticResolver

BY_ITSELF = ""
"""The domain name under which a single address is audited."""


class CheckedResolver(Resolver, CrossChecker, Protocol):
    """A Resolver that can ask getaddrinfo as well."""


class Builder(Protocol):
    """Builds what an audit needs."""

    def resolver(self, policy: Policy) -> CheckedResolver: ...

    def auditor(self, resolver: Resolver, policy: Policy) -> Auditor: ...


class Bench(NamedTuple):
    """What an explanation works with. default_ports: for targets that have no ports of their own."""

    host: Host
    clock: Clock
    default_ports: tuple[Port, ...]
    builder: Builder
    rehearse: Rehearse


class _OneDomain(NamedTuple):
    """A CrossChecker that asks about one domain only, wherever it leads: all of its views are shown."""

    domain: str
    resolver: CrossChecker

    async def cross_check(self, domains: Iterable[str], patience: float) -> None:
        await self.resolver.cross_check([self.domain], patience)


async def explain(target: ExplainTarget, policy: Policy, bench: Bench) -> Explanation:
    if isinstance(target, DomainTarget):
        return await _explain_domain(target, policy, bench)
    return await _explain_address(target, policy, bench)


async def _explain_domain(target: DomainTarget, policy: Policy, bench: Bench) -> Explanation:
    unconfigured = Domain(target.name, *spec_of(target.name, bench.default_ports))
    domain = policy.domains.get(target.name, unconfigured)
    if target.port is not None:
        domain = replace(domain, ports=(target.port,), any_of=False)
    policy = policy.narrowed_to({target.name: domain})
    resolver = bench.builder.resolver(policy)
    auditor = bench.builder.auditor(resolver, policy)
    audit, snapshot, judgement = await check(
        auditor, resolver, policy, bench.clock, cross_checker=_OneDomain(target.name, resolver)
    )
    answer = resolver.answer(target.name)
    local = (one for one in answer.with_synthesised if bench.host.may_be_local(one))
    addresses = tuple(dict.fromkeys((*addresses_of(answer), *local)))
    return replace(
        _explanation(target, audit, addresses, (target.name,), policy, bench),
        answer=answer,
        unit=domain.unit,
        monotonic=bench.clock.now().monotonic,
        addresses=_evidence(bench.host, addresses, target.name, snapshot, judgement),
    )


async def _explain_address(target: AddressTarget, policy: Policy, bench: Bench) -> Explanation:
    """The configured domains are resolved too: the names of an address are part of its evidence."""
    resolver = bench.builder.resolver(policy)
    auditor = bench.builder.auditor(resolver, policy)
    audit, seen, judged = await check(auditor, resolver, policy, bench.clock, cross_checker=resolver)
    removals = FixSurroundings(bench.host, resolver)
    names = tuple(sorted(resolver.at(target.address)))
    of_names = dict.fromkeys(
        port
        for name in names
        for port in resolver.answer(name).ports_at(target.address, policy.domains[name].ports)
    )
    ports = (target.port,) if target.port is not None else tuple(of_names) or bench.default_ports
    alone = policy.narrowed_to({BY_ITSELF: Domain(BY_ITSELF, ports, any_of=False)})
    static = StaticResolver([answer_of(target.address)])
    snapshot, judgement = await bench.builder.auditor(static, alone).audit_with_connects()
    (evidence,) = _evidence(bench.host, (target.address,), BY_ITSELF, snapshot, judgement)
    removal = _removal(target.address, seen, judged, policy, removals, bench.rehearse)
    return replace(
        _explanation(target, audit, (target.address,), names, policy, bench),
        addresses=(replace(evidence, removal=removal),),
        names=names,
        sources={name: policy.learned[name] for name in names if name in policy.learned},
    )


def _removal(
    address: Address,
    snapshot: Snapshot,
    judgement: Judgement,
    policy: Policy,
    around: FixSurroundings,
    rehearse: Rehearse,
) -> Removal | None:
    """Whether exactly this address may go. The first holder counts: with two of them, the other stays."""
    held = () if isinstance(snapshot.held, Unknown) else snapshot.held.value
    exact = next((one for one in held if one.address == destination(address)), None)
    if exact is None:
        return None
    if is_loopback(exact.address):
        return Removal("every host has its loopback addresses")
    change = Change(Action.REMOVE, exact)
    surroundings = around.around([change], policy, snapshot.monotonic)
    asked = replace(snapshot, surroundings=surroundings)
    harm, fix = weighed(change, judgement.findings, judgement.domains, asked, policy)
    if fix is not None:
        prefix = exact.prefix if exact.by == "route" else Prefix(exact.address, host_length(exact.address))
        endpoints = chain.from_iterable(one.endpoints for one in judgement.domains.values())
        [outcome] = rehearse([Job(fix.plan, Goal("not local", prefix), kept(endpoints, policy))])
        if outcome.outcome == "harmful":
            return Removal(shown_harm(outcome))
        commands = tuple(inside(snapshot.netns, line) for line in fix.commands)
        fix = fix._replace(rehearsal=outcome, commands=commands)
    return Removal(harm.replace(" also serves ", " serves "), fix)


def answer_of(address: Address) -> Answer:
    """The answer of a name that leads to this address alone."""
    alone = RRset(AnswerStatus.RESOLVED, (address,))
    return Answer(BY_ITSELF, alone, RRset(AnswerStatus.NODATA))


def _explanation(
    target: ExplainTarget,
    audit: Audit,
    addresses: tuple[Address, ...],
    names: tuple[str, ...],
    policy: Policy,
    bench: Bench,
) -> Explanation:
    findings = tuple(one for one in audit.findings if concerns(one, addresses, names))
    return Explanation(
        target=str(target),
        host=audit.host,
        netns=audit.netns,
        at=audit.audited_at,
        uptime=audit.uptime,
        findings=rehearsals(findings, kept(audit.endpoints, policy), bench.rehearse),
        problems=audit.problems,
    )


def concerns(tracked: Tracked, addresses: tuple[Address, ...], names: tuple[str, ...]) -> bool:
    """Whether a finding is about one of these addresses, and about one of these names if about any."""
    subject: Subject = tracked.finding.subject
    if subject.domain is not None:
        return subject.domain in names and subject.address in addresses
    if subject.address is None or subject.prefixlen is None:
        return subject.address in addresses
    return any(
        len(address) == len(subject.address)
        and prefix_of(subject.address, subject.prefixlen).covers(address)
        for address in addresses
    )


def _evidence(
    host: Host,
    addresses: tuple[Address, ...],
    name: str,
    snapshot: Snapshot,
    judgement: Judgement,
) -> tuple[AddressEvidence, ...]:
    held = () if isinstance(snapshot.held, Unknown) else snapshot.held.value
    observed, judged = snapshot.domains.get(name), judgement.domains.get(name)
    endpoints = () if judged is None else judged.endpoints
    return tuple(
        AddressEvidence(
            address=address,
            route=_route(host, address),
            held=holders(held, address),
            endpoints=tuple(one for one in endpoints if one.address == address),
            connects=connects(observed, address),
        )
        for address in addresses
    )


def _route(host: Host, address: Address) -> RouteAnswer | Unknown:
    return routed(host, address, host.deliveries([address])[0])


def routed(host: Host, address: Address, delivery: Delivery | Unknown) -> RouteAnswer | Unknown:
    """What routing does with an address, as the kernel answered."""
    if isinstance(delivery, Unknown):
        return delivery
    is_routed = delivery.local or delivery.ifindex != 0
    return RouteAnswer(
        local=delivery.local,
        prefix=prefix_of(destination(address), delivery.length) if is_routed else None,
        interface=host.interface(delivery.ifindex) or "",
        watched=host.watches(delivery.ifindex),
    )


def holders(held: tuple[Held, ...], address: Address) -> tuple[Held, ...]:
    """Who holds exactly this address; failing that, whose prefix covers it."""
    target = destination(address)
    exact = tuple(one for one in held if one.address == target)
    return exact or tuple(one for one in held if one.prefix.covers(target))


def connects(observed: DomainObservation | None, address: Address) -> dict[Port, Connect]:
    """The outcome of each confirming connect to an address."""
    return {
        port.port: port.connect
        for local in (() if observed is None else observed.local)
        if local.address == address
        for port in local.ports
        if isinstance(port.connect, Connect)
    }
