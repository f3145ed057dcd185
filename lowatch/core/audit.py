"""The result of an audit, ready to be rendered: what `check --format json` and the API show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .answers import Answer, Status
from .held import Held
from .judgement import Judgement
from .known import Unknown
from .lifecycle import Tracked
from .name_outcomes import Followed, Source
from .observation_problems import failures, kept, uncompared
from .snapshot import Problem, Snapshot
from .verdicts import JudgedEndpoint


@dataclass(frozen=True, slots=True)
class Audit:
    """host: node name. audited_at: wall-clock seconds. uptime: seconds since boot, for ages.

    complete: whether nothing was unknown. problems: every failure to observe, and every stale answer of a
    name that leads here.
    findings: pending, firing and acknowledged ones.
    statuses: how many domains have each answer status.
    names: those that do not simply resolve elsewhere. from_files: those of them that only a file has.
    monotonic: seconds, as audited_at: for ages.
    """

    host: str
    audited_at: float
    uptime: float
    complete: bool
    problems: tuple[Problem, ...]
    held: tuple[Held, ...]
    endpoints: tuple[JudgedEndpoint, ...]
    findings: tuple[Tracked, ...]
    statuses: Mapping[Status, int] = field(default_factory=dict)
    names: tuple[Answer, ...] = ()
    from_files: frozenset[str] = frozenset()
    monotonic: float = 0.0

    def source(self, name: str) -> Source:
        """Where one of `names` came from."""
        return Source.FILE if name in self.from_files else Source.CONFIGURED


def summarise(
    snapshot: Snapshot,
    judgement: Judgement,
    tracked: Iterable[Tracked],
    followed: Followed,
    now: float,
) -> Audit:
    """now: monotonic seconds, for the age of what is stale."""
    names = _names(snapshot, followed.not_resolved)
    unknown = tuple(dict.fromkeys(failures(snapshot, judgement)))
    return Audit(
        host=snapshot.host,
        audited_at=snapshot.at,
        uptime=snapshot.uptime,
        complete=not unknown,
        problems=(*snapshot.problems, *unknown, *uncompared(snapshot), *kept(snapshot, now)),
        held=() if isinstance(snapshot.held, Unknown) else snapshot.held.value,
        endpoints=tuple(e for judged in judgement.domains.values() for e in judged.endpoints),
        findings=tuple(tracked),
        statuses=dict(followed.statuses),
        names=names,
        from_files=frozenset(one.domain for one in names if followed.source(one.domain) is Source.FILE),
        monotonic=snapshot.monotonic,
    )


def _names(snapshot: Snapshot, not_resolved: Iterable[Answer]) -> tuple[Answer, ...]:
    """Those that lead here in some view, or may do so; and those of which nobody gives an address."""
    found = {name: view.answer for name, view in snapshot.domains.items()}
    for answer in not_resolved:
        found.setdefault(answer.domain, answer)
    return tuple(found.values())
