"""Makes a recording of an audit, once it is complete."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lowatch import __version__
from lowatch.config.settings import Config
from lowatch.core.addresses import Address
from lowatch.core.answers import Answer
from lowatch.core.explanation import RouteAnswer
from lowatch.core.known import Unknown
from lowatch.core.name_outcomes import FollowedNames
from lowatch.core.policy import Policy
from lowatch.core.recording.recording import Recording
from lowatch.core.snapshot import Snapshot
from lowatch.core.views import possible_addresses

from .explain import routed
from .ports import Host, Resolver
from .shown_audit import problems_of


def record(snapshot: Snapshot, policy: Policy, followed: FollowedNames, config: Config) -> Recording:
    """What was audited. policy: the one that the snapshot was taken for."""
    return Recording(
        lowatch=__version__,
        policy=policy,
        snapshot=snapshot,
        ports=config.ports,
        problems=problems_of(config),
        statuses=dict(followed.statuses),
        not_resolved=followed.not_resolved,
    )


def elsewhere(recording: Recording, resolver: Resolver) -> tuple[Answer, ...]:
    """The answers of the names that are not in the recording yet."""
    recorded = {*recording.snapshot.domains, *(answer.domain for answer in recording.not_resolved)}
    return tuple(resolver.answer(name) for name in recording.policy.domains if name not in recorded)


def routes(recording: Recording, host: Host) -> Mapping[Address, RouteAnswer | Unknown]:
    """What routing does with each address that is held, expected, or that a name resolves to."""
    asked = tuple(dict.fromkeys(_addresses(recording)))
    return {
        address: routed(host, address, delivery)
        for address, delivery in zip(asked, host.deliveries(asked) if asked else (), strict=True)
    }


def _addresses(recording: Recording) -> Iterable[Address]:
    snapshot = recording.snapshot
    yield from recording.policy.expect
    yield from () if isinstance(snapshot.held, Unknown) else (one.address for one in snapshot.held.value)
    for observed in snapshot.domains.values():
        yield from possible_addresses(observed.answer)
    for answer in recording.elsewhere:
        yield from possible_addresses(answer)
