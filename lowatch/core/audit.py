"""The result of an audit, which all reports render."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .answers import Answer, AnswerStatus
from .held import Held
from .judgement import Judgement
from .known import Unknown
from .lifecycle import Tracked
from .name_outcomes import FollowedNames
from .name_sources import NameSource
from .observation_problems import failures, not_compared, stale
from .snapshot import Problem, Snapshot
from .verdicts import JudgedEndpoint

if TYPE_CHECKING:
    from .boot import Boot
    from .verification import Verification


@dataclass(frozen=True, slots=True)
class Audit:
    """One audit.

    host: the node name. audited_at: wall-clock seconds. monotonic: the same moment in monotonic seconds,
    and uptime: in seconds since boot; both serve to compute ages. complete: whether nothing was unknown.
    problems: every failure to observe, and every stale answer of a name that leads here. findings: the
    pending, firing and acknowledged ones. statuses: the number of domains per answer status. names: all
    names except those that simply resolve elsewhere. sources: where those among them come from that the
    configuration itself does not have. searched: whether names that lead here are found without being
    configured. boot: what the files that configure addresses say; None if they
    were not read.
    netns: the network namespace; "" for lowatch's own.
    verification: what contradicts it on this host; None if it was not verified.
    """

    host: str
    audited_at: float
    uptime: float
    complete: bool
    problems: tuple[Problem, ...]
    held: tuple[Held, ...]
    endpoints: tuple[JudgedEndpoint, ...]
    findings: tuple[Tracked, ...]
    statuses: Mapping[AnswerStatus, int] = field(default_factory=dict)
    names: tuple[Answer, ...] = ()
    sources: Mapping[str, NameSource] = field(default_factory=dict)
    searched: bool = False
    monotonic: float = 0.0
    boot: Boot | None = None
    netns: str = ""
    verification: Verification | None = None

    def source(self, name: str) -> NameSource:
        """Where a name in `names` comes from."""
        return self.sources.get(name, NameSource.CONFIGURED)


def build_audit(
    snapshot: Snapshot,
    judgement: Judgement,
    tracked: Iterable[Tracked],
    followed: FollowedNames,
    now: float,
) -> Audit:
    """The audit of a snapshot. now: monotonic seconds, for the age of stale answers."""
    names = _names(snapshot, followed.not_resolved)
    unknown = tuple(dict.fromkeys(failures(snapshot, judgement)))
    return Audit(
        host=snapshot.host,
        audited_at=snapshot.at,
        uptime=snapshot.uptime,
        complete=not unknown,
        problems=(*snapshot.problems, *unknown, *not_compared(snapshot), *stale(snapshot, now)),
        held=() if isinstance(snapshot.held, Unknown) else snapshot.held.value,
        endpoints=tuple(e for judged in judgement.domains.values() for e in judged.endpoints),
        findings=tuple(tracked),
        statuses=dict(followed.statuses),
        names=names,
        sources={
            answer.domain: source
            for answer in names
            if (source := followed.source(answer.domain)) is not NameSource.CONFIGURED
        },
        searched=followed.searched,
        monotonic=snapshot.monotonic,
        netns=snapshot.netns,
    )


def _names(snapshot: Snapshot, not_resolved: Iterable[Answer]) -> tuple[Answer, ...]:
    """The names that lead here in some view, or may do so, and those that do not resolve."""
    found = {name: view.answer for name, view in snapshot.domains.items()}
    for answer in not_resolved:
        found.setdefault(answer.domain, answer)
    return tuple(found.values())
