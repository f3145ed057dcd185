"""A recording: all that is needed to judge an audit again, on any host and at any time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lowatch.core.addresses import Address, Port
from lowatch.core.answers import Answer, AnswerStatus
from lowatch.core.explanation import RouteAnswer
from lowatch.core.known import Unknown
from lowatch.core.name_outcomes import FollowedNames
from lowatch.core.policy import DEFAULT_PORTS, Policy
from lowatch.core.snapshot import Problem, Snapshot

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Recording:
    """lowatch: the version that recorded it. redaction: identifies the mapping; "" if it is not redacted.

    ports: the default ports. statuses: the number of names per status. not_resolved: the answers of names
    that did not resolve, as listed. elsewhere: those of names that lead to other hosts; a daemon leaves
    them out. routes: what routing does with each address; a daemon leaves them out too. problems: of the
    files of names, so that names may be missing.
    disagreements: what `check --verify` found wrong, a line each. made_with: the versions of the kernel and
    the libraries then.
    """

    lowatch: str
    policy: Policy
    snapshot: Snapshot
    redaction: str = ""
    ports: tuple[Port, ...] = DEFAULT_PORTS
    problems: tuple[Problem, ...] = ()
    statuses: Mapping[AnswerStatus, int] = field(default_factory=dict)
    not_resolved: tuple[Answer, ...] = ()
    elsewhere: tuple[Answer, ...] = ()
    routes: Mapping[Address, RouteAnswer | Unknown] = field(default_factory=dict)
    disagreements: tuple[str, ...] = ()
    made_with: str = ""

    @property
    def followed(self) -> FollowedNames:
        policy = self.policy
        return FollowedNames(
            self.statuses, self.not_resolved, policy.configured, policy.learned, policy.searched
        )

    def answer(self, name: str) -> Answer | None:
        """What was recorded of a name; None if nothing was."""
        observed = self.snapshot.domains.get(name)
        if observed is not None:
            return observed.answer
        others = (*self.not_resolved, *self.elsewhere)
        return next((answer for answer in others if answer.domain == name), None)
