"""The result of an audit, ready to be rendered: what `check --format json` and the API show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from .answers import Answer, Status
from .held import Held
from .judgement import Judgement
from .lifecycle import Tracked
from .observed import Unknown
from .snapshot import Problem, Snapshot
from .verdicts import JudgedEndpoint


@dataclass(frozen=True, slots=True)
class Audit:
    """host: node name. audited_at: wall-clock seconds. uptime: seconds since boot, for ages.

    complete: whether nothing was unknown. problems: every failure to observe, and every stale answer.
    findings: pending, firing and acknowledged ones.
    statuses: how many domains have each answer status.
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


def summarise(
    snapshot: Snapshot,
    judgement: Judgement,
    tracked: Iterable[Tracked],
    statuses: Mapping[Status, int],
) -> Audit:
    unknown = tuple(dict.fromkeys(_unknown(snapshot, judgement)))
    return Audit(
        host=snapshot.host,
        audited_at=snapshot.at,
        uptime=snapshot.uptime,
        complete=not unknown,
        problems=(*snapshot.problems, *unknown, *_stale(snapshot)),
        held=() if isinstance(snapshot.held, Unknown) else snapshot.held.value,
        endpoints=tuple(e for judged in judgement.domains.values() for e in judged.endpoints),
        findings=tuple(tracked),
        statuses=statuses,
    )


def _unknown(snapshot: Snapshot, judgement: Judgement) -> Iterator[Problem]:
    for observed in (
        snapshot.links,
        snapshot.held,
        snapshot.prefixes,
        snapshot.black_holes,
        snapshot.bound,
    ):
        if isinstance(observed, Unknown):
            yield Problem(observed.source, observed.reason)
    for name, view in snapshot.domains.items():
        if view.answer.unknown is not None:
            yield Problem("dns", f"{name}: {view.answer.unknown}")
    for undecided in judgement.undecided:
        if undecided.domain is None:
            continue  # of the host as a whole: one of the above is the reason
        view = snapshot.domains[undecided.domain]
        if undecided.reason not in view.answer.unknowns.values():
            port = f" {undecided.port}" if undecided.port else ""
            yield Problem("kernel", f"{undecided.domain}{port}: {undecided.reason}")


def _stale(snapshot: Snapshot) -> Iterator[Problem]:
    for name, view in snapshot.domains.items():
        if view.answer.status is Status.STALE:
            yield Problem("dns", f"{name}: kept from before: {_stale_reason(view.answer)}")


def _stale_reason(answer: Answer) -> str:
    return next(r.reason for r in (answer.a, answer.aaaa) if r.status is Status.STALE)
