"""The life of a finding: pending, firing, resolved, acknowledged. The transitions are a table.

A finding must last `hold` before it fires. One that fires, or is acknowledged, must be gone for `hold`
before it is resolved, so flapping announces nothing. A finding that cannot be judged stays as it was.
One whose acknowledgement ends while it shows is announced, even if it was announced before it was
acknowledged: nothing has been said about it since.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple

from .clock import Now
from .findings import Finding
from .judgement import Judgement
from .policy import Acknowledgement, Policy
from .steps import result_of
from .victims import Hurt


class FindingState(StrEnum):
    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"
    ACKNOWLEDGED = "acknowledged"


@dataclass(frozen=True, slots=True)
class Tracked:
    """A finding and its state.

    since: wall-clock seconds when it first appeared; survives a restart.
    changed: monotonic seconds when it last appeared or disappeared.
    present: whether the last conclusive judgement had it.
    announced: whether a firing entry was written, and no resolved one yet.
    began: monotonic seconds when it first appeared, so that its age does not depend on the wall clock.
    None if that was in another process: then only `since` is known.
    delivery_unknown: whether the last entry written may differ from what `announced` says, because the
    process was killed while it wrote. The next judgement announces it again, firing or resolved.
    acknowledgement: the one that holds; in an announcement as firing, the one that has ended.
    hurt: the local clients that failed, in reports and announcements only. It changes all the time, so a
    finding is the same with it and without.
    """

    finding: Finding
    state: FindingState
    since: float
    changed: float
    present: bool = True
    announced: bool = False
    acknowledgement: Acknowledgement | None = None
    began: float | None = None
    delivery_unknown: bool = False
    hurt: Hurt | None = field(default=None, compare=False)


class _Condition(StrEnum):
    """What the judgement says about a finding now. "held": for at least `hold`."""

    SHOWS = "shows, not yet held"
    SHOWS_HELD = "shows, held"
    ACCEPTED = "shows, acknowledged"
    GONE = "gone, not yet held"
    GONE_HELD = "gone, held"


_PAUSE_EVERY = 2048
"""Findings between pauses of a step: 5 ms, if the state of each changes."""

_GONE = FindingState.RESOLVED
# (state, condition) -> next state. Without an entry, the state stays.
TRANSITIONS: Mapping[tuple[FindingState, _Condition], FindingState] = {
    (FindingState.PENDING, _Condition.SHOWS_HELD): FindingState.FIRING,
    (FindingState.PENDING, _Condition.ACCEPTED): FindingState.ACKNOWLEDGED,
    (FindingState.PENDING, _Condition.GONE): _GONE,
    (FindingState.PENDING, _Condition.GONE_HELD): _GONE,
    (FindingState.FIRING, _Condition.ACCEPTED): FindingState.ACKNOWLEDGED,
    (FindingState.FIRING, _Condition.GONE_HELD): _GONE,
    (FindingState.ACKNOWLEDGED, _Condition.SHOWS): FindingState.PENDING,
    (FindingState.ACKNOWLEDGED, _Condition.SHOWS_HELD): FindingState.FIRING,
    (FindingState.ACKNOWLEDGED, _Condition.GONE_HELD): _GONE,
}


class Step(NamedTuple):
    """tracked: the unresolved findings, by key. announcements: newly FIRING or RESOLVED, in order."""

    tracked: Mapping[str, Tracked]
    announcements: tuple[Tracked, ...]


def step(tracked: Mapping[str, Tracked], judgement: Judgement, now: Now, policy: Policy) -> Step:
    """Apply one judgement. Only a finding that was announced as firing is announced as resolved."""
    taken, _ = result_of(stepping(tracked, judgement, now, policy))
    return taken


def stepping(
    tracked: Mapping[str, Tracked],
    judgement: Judgement,
    now: Now,
    policy: Policy,
    may_fire: Callable[[Finding], bool] = lambda finding: True,
) -> Generator[None, None, tuple[Step, bool]]:
    """As step(), but yields every few milliseconds, so that the caller can do other work.

    may_fire: whether a finding that is about to fire may do so now; if not, it waits for a later step.
    Returns the step, and whether a finding waits.
    """
    after: dict[str, Tracked] = {}
    announcements: list[Tracked] = []
    has_unconfirmed = False
    findings = {finding.key: finding for finding in judgement.findings}
    for number, key in enumerate([*tracked, *(key for key in findings if key not in tracked)]):
        if number % _PAUSE_EVERY == _PAUSE_EVERY - 1:
            yield
        before, finding = tracked.get(key) or _appeared(findings[key], now), findings.get(key)
        if finding is not None and before.finding.info and not finding.info:
            before = _appeared(finding, now)  # what informed so far alerts from now on
        if finding is not None and _stays(before, finding, now, policy):
            after[key] = before
            continue
        if finding is None and judgement.is_undecided(before.finding.subject):
            after[key] = _with_finding(before, before.finding.without_fix())  # it may be harmful by now
            continue
        state = _next_state(before, finding, now, policy)
        if finding is not None and state is FindingState.FIRING and _is_unannounced(before):
            if may_fire(finding):
                fires = replace(_moved(before, finding, state, now, policy), announced=True)
                announcements.append(replace(fires, acknowledgement=before.acknowledgement))
                after[key] = replace(fires, delivery_unknown=False)
            else:
                has_unconfirmed = True
                after[key] = _with_finding(before, finding)
            continue
        moved = _moved(before, finding, state, now, policy)
        if state is not FindingState.RESOLVED:
            after[key] = moved
        elif moved.announced:
            announcements.append(moved)
    return Step(after, tuple(_once_for_all_ports(after, announcements))), has_unconfirmed


def _once_for_all_ports(after: Mapping[str, Tracked], announced: Iterable[Tracked]) -> Iterator[Tracked]:
    """Leave out the ports of an any-of set if another of its ports has been announced.

    When that one is resolved while another still fires, the other is announced in its place.
    """
    announced = list(announced)
    resolved = {one.finding.subject.key for one in announced if one.state is FindingState.RESOLVED}
    for one in announced:
        earlier, later = _around(one.finding.subject.key, one.finding.keys_of_any)
        alive = [key for key in earlier if key in after and after[key].announced]
        if alive or (one.state is FindingState.RESOLVED and resolved.intersection(earlier)):
            continue
        yield one
        heirs = [after[key] for key in later if key in after and after[key].announced]
        if one.state is FindingState.RESOLVED and heirs:
            yield heirs[0]


def _around(key: str, keys: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """The keys before this one, and those after it."""
    at = keys.index(key) if key in keys else 0
    return keys[:at], keys[at + 1 :]


def about_to_fire(
    tracked: Mapping[str, Tracked], judgement: Judgement, now: Now, policy: Policy, of_each: int
) -> list[Finding]:
    """The findings that step() would announce as firing, at most `of_each` per domain."""
    due: list[Finding] = []
    counts: Counter[str | None] = Counter()
    for finding in judgement.findings:
        if counts[finding.subject.domain] >= of_each:
            continue
        before = tracked.get(finding.key) or _appeared(finding, now)
        if _is_unannounced(before) and _next_state(before, finding, now, policy) is FindingState.FIRING:
            due.append(finding)
            counts[finding.subject.domain] += 1
    return due


def _appeared(finding: Finding, now: Now) -> Tracked:
    return Tracked(finding, FindingState.PENDING, now.wall, now.monotonic, began=now.monotonic)


def _stays(before: Tracked, finding: Finding, now: Now, policy: Policy) -> bool:
    """Whether the finding stays as it is: a shortcut, because nearly all of ten thousand do."""
    if policy.acknowledgements or not before.present:
        return False
    if before.finding is not finding and before.finding != finding:
        return False
    if before.state is FindingState.PENDING and not before.announced:
        return now.monotonic < before.changed + policy.hold
    return before.state is FindingState.FIRING and before.announced and not before.delivery_unknown


def _is_unannounced(one: Tracked) -> bool:
    """Whether it is announced once it fires."""
    return not one.announced or one.delivery_unknown or one.state is FindingState.ACKNOWLEDGED


def _with_finding(before: Tracked, finding: Finding) -> Tracked:
    return before if finding is before.finding else replace(before, finding=finding)


def _next_state(before: Tracked, finding: Finding | None, now: Now, policy: Policy) -> FindingState:
    """The state after a judgement that has this finding, or none."""
    present = finding is not None
    held = now.monotonic >= policy.hold + (before.changed if present is before.present else now.monotonic)
    if not present:
        condition = _Condition.GONE_HELD if held else _Condition.GONE
    elif policy.acknowledged(before.finding.subject, now.wall) is not None:
        condition = _Condition.ACCEPTED
    else:  # one that was announced, and then acknowledged for a while, needs no second hold
        condition = _Condition.SHOWS_HELD if held or before.announced else _Condition.SHOWS
    return TRANSITIONS.get((before.state, condition), before.state)


def _moved(
    before: Tracked, finding: Finding | None, state: FindingState, now: Now, policy: Policy
) -> Tracked:
    """The finding in its next state. The same object if nothing is different."""
    present, accepted = finding is not None, before.acknowledgement
    if present:
        acknowledged = state is FindingState.ACKNOWLEDGED
        accepted = policy.acknowledged(before.finding.subject, now.wall) if acknowledged else None
    finding = finding or before.finding.without_fix()
    if (
        state is before.state
        and present is before.present
        and accepted == before.acknowledgement
        and (finding is before.finding or finding == before.finding)
    ):
        return before
    changed = before.changed if present is before.present else now.monotonic
    return replace(
        before, finding=finding, state=state, changed=changed, present=present, acknowledgement=accepted
    )


def next_due(tracked: Mapping[str, Tracked], stepped: Now, policy: Policy) -> float | None:
    """Monotonic seconds at which something changes by time alone; None if nothing waits for time.

    That is when a hold ends, or an acknowledgement expires. stepped: when the last step was made. What
    was due by then and did not happen waits for something else, such as an Unknown that becomes known.
    """
    due = []
    for one in tracked.values():
        if one.state is FindingState.PENDING or not one.present:
            due.append(one.changed + policy.hold)
        if one.state is FindingState.ACKNOWLEDGED:
            acknowledgement = policy.acknowledged(one.finding.subject, stepped.wall)
            if acknowledgement is not None:
                due.append(stepped.monotonic + acknowledgement.until - stepped.wall)
    return min((at for at in due if at > stepped.monotonic), default=None)


def without_memory(judgement: Judgement, now: Now, policy: Policy) -> tuple[Tracked, ...]:
    """The findings of a single audit: firing, or acknowledged."""
    found = []
    for finding in judgement.findings:
        acknowledgement = policy.acknowledged(finding.subject, now.wall)
        found.append(
            Tracked(
                finding,
                FindingState.ACKNOWLEDGED if acknowledgement else FindingState.FIRING,
                now.wall,
                now.monotonic,
                acknowledgement=acknowledgement,
                began=now.monotonic,
            )
        )
    return tuple(found)


class Remembered(NamedTuple):
    """What survives a restart. since: wall-clock seconds. announced, delivery_unknown: see Tracked.

    acknowledged: whether it was acknowledged at last.
    """

    finding: Finding
    since: float
    announced: bool
    delivery_unknown: bool = False
    acknowledged: bool = False

    @property
    def state(self) -> FindingState:
        if self.acknowledged:
            return FindingState.ACKNOWLEDGED
        return FindingState.FIRING if self.announced else FindingState.PENDING


def revive(remembered: Iterable[Remembered], now: Now, policy: Policy) -> dict[str, Tracked]:
    """The findings of the last run, as if they had just appeared.

    The first judgement decides. A finding that is still there and was announced keeps firing without a new
    entry, unless its delivery is unknown, or its acknowledgement ended meanwhile. One that is gone is
    resolved after its hold. One that cannot be judged yet stays.
    """
    return {
        one.finding.subject.key: Tracked(
            one.finding,
            one.state,
            one.since,
            now.monotonic,
            announced=one.announced,
            acknowledgement=policy.acknowledged(one.finding.subject, now.wall)
            if one.acknowledged
            else None,
            delivery_unknown=one.delivery_unknown,
        )
        for one in remembered
    }
