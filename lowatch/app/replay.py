"""Judges a recording: the audit that it was, and the explanations that it allows. It asks nobody."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TypeVar

from lowatch.config.targets import DomainTarget, ExplainTarget
from lowatch.core.addresses import Address, Port, destination, host_length, prefix_of
from lowatch.core.audit import build_audit
from lowatch.core.explanation import AddressEvidence, Explanation, RouteAnswer
from lowatch.core.judgement import judge
from lowatch.core.known import Unknown
from lowatch.core.lifecycle import without_memory
from lowatch.core.policy import Domain
from lowatch.core.recording.difference import Replayed
from lowatch.core.recording.recording import Recording
from lowatch.core.snapshot import DomainObservation, LocalAddress, PortObservation, Problem
from lowatch.core.verdicts import judge_endpoints
from lowatch.core.views import addresses_of

from .explain import BY_ITSELF, answer_of, concerns, connects, holders
from .shown_audit import incomplete_by

T = TypeVar("T")

_SOURCE = "snapshot"


class NotRecordedError(Exception):
    """One line: what the recording lacks."""


def replay(recording: Recording) -> Replayed:
    """Judge a recording by its own policy, as of its own time."""
    snapshot, policy = recording.snapshot, recording.policy
    judgement, now = judge(snapshot, policy), snapshot.taken
    tracked = without_memory(judgement, now, policy)
    audit = build_audit(snapshot, judgement, tracked, recording.followed, now.monotonic)
    return Replayed(recording, judgement, incomplete_by(audit, recording.problems))


def explain_recorded(target: ExplainTarget, recording: Recording) -> Explanation:
    """The chain of evidence, as far as it was recorded. Raises NotRecordedError."""
    replayed = replay(recording)
    if isinstance(target, DomainTarget):
        return _explain_domain(target, replayed)
    return _explain_address(target.address, target.port, str(target), replayed)


def _explain_domain(target: DomainTarget, replayed: Replayed) -> Explanation:
    recording, name = replayed.recording, target.name
    domain, observed = recording.policy.domains.get(name), recording.snapshot.domains.get(name)
    if domain is None:
        raise NotRecordedError(f"{name} was not recorded: it is not among its domains")
    answer = recording.answer(name)
    if answer is None:
        raise NotRecordedError(
            f"{name} does not lead to the host that was recorded; its answer was left out"
        )
    if observed is None:
        observed = DomainObservation(answer)
    lacking: list[Problem] = []
    if target.port is not None:
        domain = replace(domain, ports=(target.port,), any_of=False)
        observed = observed._replace(local=_at_port(observed.local, target.port))
        if not any(local.ports or local.away for local in observed.local):
            lacking = [] if not observed.local else [_unrecorded(str(target.port))]
    here = (local.address for local in observed.local)
    addresses = tuple(dict.fromkeys((*addresses_of(answer), *here)))
    problems = replay(_narrowed(recording, name)).audit.problems
    return replace(
        _explanation(str(target), replayed, addresses, (name,)),
        problems=(*lacking, *problems),
        answer=answer,
        unit=domain.unit,
        addresses=tuple(_evidence(replayed, addresses, domain, observed)),
    )


def _narrowed(recording: Recording, name: str) -> Recording:
    """The recording of an audit of this name alone."""
    snapshot = recording.snapshot
    return replace(
        recording,
        snapshot=replace(
            snapshot,
            domains=_only(name, snapshot.domains),
            unresolved=_only(name, snapshot.unresolved),
            over_limit=_only(name, snapshot.over_limit),
            unsure=_only(name, snapshot.unsure),
        ),
        not_resolved=tuple(one for one in recording.not_resolved if one.domain == name),
    )


def _only(name: str, by_name: Mapping[str, T]) -> Mapping[str, T]:
    return {name: by_name[name]} if name in by_name else {}


def _at_port(local: Iterable[LocalAddress], port: Port) -> tuple[LocalAddress, ...]:
    return tuple(
        one._replace(
            ports=tuple(each for each in one.ports if each.port == port),
            away=tuple(each for each in one.away if each == port),
        )
        for one in local
    )


def _unrecorded(what: str) -> Problem:
    return Problem(_SOURCE, f"{what} was not recorded")


def _explain_address(address: Address, port: Port | None, target: str, replayed: Replayed) -> Explanation:
    recording = replayed.recording
    found = list(_observed_at(address, recording))
    names = tuple(sorted(name for name, _ in found))
    ports: dict[Port, PortObservation] = {}
    for _, local in found:
        ports.update((one.port, one) for one in local.ports if port in (None, one.port))
    lacking = []
    if not ports and (port is not None or _is_held(address, recording)):
        lacking = [_unrecorded(str(port) if port else "any port of it")]
    observed = DomainObservation(answer_of(address))
    if found:
        alone = found[0][1]._replace(address=address, ports=tuple(ports.values()), away=())
        observed = observed._replace(local=(alone,))
    domain = Domain(BY_ITSELF, tuple(ports), any_of=False)
    return replace(
        _explanation(target, replayed, (address,), names),
        problems=(*lacking, *replayed.audit.problems),
        addresses=tuple(_evidence(replayed, (address,), domain, observed)),
        names=names,
    )


def _observed_at(address: Address, recording: Recording) -> Iterator[tuple[str, LocalAddress]]:
    """The domains that lead to an address, and what was observed there."""
    target = destination(address)
    for name, observed in recording.snapshot.domains.items():
        for local in observed.local:
            if destination(local.address) == target:
                yield name, local
                break


def _is_held(address: Address, recording: Recording) -> bool:
    held = recording.snapshot.held
    return not isinstance(held, Unknown) and any(one.address == address for one in held.value)


def _explanation(
    target: str,
    replayed: Replayed,
    addresses: tuple[Address, ...],
    names: tuple[str, ...],
) -> Explanation:
    audit = replayed.audit
    return Explanation(
        target=target,
        host=audit.host,
        netns=audit.netns,
        at=audit.audited_at,
        uptime=audit.uptime,
        monotonic=audit.monotonic,
        findings=tuple(one for one in audit.findings if concerns(one, addresses, names)),
    )


def _evidence(
    replayed: Replayed, addresses: Iterable[Address], domain: Domain, observed: DomainObservation
) -> Iterator[AddressEvidence]:
    snapshot = replayed.recording.snapshot
    held = () if isinstance(snapshot.held, Unknown) else snapshot.held.value
    endpoints = judge_endpoints(domain, observed, loopback_up=snapshot.loopback_up)
    for address in addresses:
        yield AddressEvidence(
            address=address,
            route=_route(address, replayed.recording),
            held=holders(held, address),
            endpoints=tuple(one for one in endpoints if one.address == address),
            connects=connects(observed, address),
        )


def _route(address: Address, recording: Recording) -> RouteAnswer | Unknown:
    """As recorded; otherwise what follows from where the address was found to be local."""
    recorded = recording.routes.get(address)
    if recorded is not None:
        return recorded
    for _, local in _observed_at(address, recording):
        makers = [one.prefix for one in (local.covering if local.held is None else (local.held,))]
        if local.held is not None and local.held.by == "address":
            makers = [prefix_of(local.held.address, host_length(local.held.address))]
        if makers:
            return RouteAnswer(True, max(makers, key=lambda prefix: prefix.length), local.interface)
    return Unknown(_SOURCE, "its route was not recorded")
