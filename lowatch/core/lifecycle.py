"""A finding's life: pending, firing, resolved, acknowledged. Written as a table; `now` is passed in.

A finding that shows must last `hold` before it fires, and one that fires, or was accepted, must be gone
for `hold` before it is resolved: flapping announces nothing. What cannot be judged stays exactly as it was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum, StrEnum
from typing import NamedTuple

from .clock import (
    Now,
)
from .findings import Finding
from .judgement import Judgement
from .policy import Policy


class State(StrEnum):
    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"
    ACKNOWLEDGED = "acknowledged"


@dataclass(frozen=True, slots=True)
class Tracked:
    """A finding and where it is in its life.

    since: wall-clock seconds when it first showed; survives a restart.
    changed: monotonic seconds when its presence last changed (it showed, or went).
    present: whether it showed at the last judgement that could tell.
    announced: whether a firing entry was written, and no resolved one yet.
    doubtful: whether the last word written may be another than `announced` says, for the process was killed
    as it wrote: the next judgement has it announced once more, firing or resolved.
    began: monotonic seconds when it first showed: how long it lasts, whatever happens to the wall clock.
    None where another process saw that: only `since` is known.
    """

    finding: Finding
    state: State
    since: float
    changed: float
    present: bool = True
    announced: bool = False
    acknowledged_because: str = ""
    began: float | None = None
    doubtful: bool = False


class _Condition(Enum):
    """What the judgement says of a finding now. "held": for as long as `hold`."""

    SHOWS = "shows, not yet held"
    SHOWS_HELD = "shows, held"
    ACCEPTED = "shows, acknowledged"
    GONE = "gone, not yet held"
    GONE_HELD = "gone, held"


_PAUSE_EVERY = 2048
"""Findings between pauses of a step: 5 ms, where each of them moves on."""

_GONE = State.RESOLVED
# (state, condition) -> next state. A pair that is not here stays in its state.
TRANSITIONS: Mapping[tuple[State, _Condition], State] = {
    (State.PENDING, _Condition.SHOWS_HELD): State.FIRING,
    (State.PENDING, _Condition.ACCEPTED): State.ACKNOWLEDGED,
    (State.PENDING, _Condition.GONE): _GONE,
    (State.PENDING, _Condition.GONE_HELD): _GONE,
    (State.FIRING, _Condition.ACCEPTED): State.ACKNOWLEDGED,
    (State.FIRING, _Condition.GONE_HELD): _GONE,
    (State.ACKNOWLEDGED, _Condition.SHOWS): State.PENDING,
    (State.ACKNOWLEDGED, _Condition.SHOWS_HELD): State.FIRING,
    (State.ACKNOWLEDGED, _Condition.GONE_HELD): _GONE,
}


class Step(NamedTuple):
    """tracked: by key, what is alive afterwards. announcements: newly FIRING or RESOLVED, in order."""

    tracked: Mapping[str, Tracked]
    announcements: tuple[Tracked, ...]


def step(tracked: Mapping[str, Tracked], judgement: Judgement, now: Now, policy: Policy) -> Step:
    """One judgement later. Only a firing that was announced is announced as resolved."""
    steps = stepping(tracked, judgement, now, policy)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            step: Step = end.value[0]
            return step


def stepping(
    tracked: Mapping[str, Tracked],
    judgement: Judgement,
    now: Now,
    policy: Policy,
    may_fire: Callable[[Finding], bool] = lambda finding: True,
) -> Generator[None, None, tuple[Step, bool]]:
    """A step with pauses, for a caller that has other things to do: it yields every few milliseconds.

    may_fire: whether a finding may fire that is about to; else it waits for the next step. Returns the
    step, and whether some wait.
    """
    after: dict[str, Tracked] = {}
    announcements: list[Tracked] = []
    findings = {finding.key: finding for finding in judgement.findings}
    steps = _Steps(judgement, now, policy, may_fire)
    for number, key in enumerate([*tracked, *(key for key in findings if key not in tracked)]):
        if number % _PAUSE_EVERY == _PAUSE_EVERY - 1:
            yield
        moved, announced = steps.step(tracked.get(key), findings.get(key))
        if moved.state is not State.RESOLVED:
            after[key] = moved
        if announced is not None:
            announcements.append(announced)
    return Step(after, tuple(_once_for_all_ports(after, announcements))), steps.withheld


class _Steps:
    """One of each finding. withheld: whether some would have fired, but may not yet."""

    def __init__(
        self, judgement: Judgement, now: Now, policy: Policy, may_fire: Callable[[Finding], bool]
    ) -> None:
        self._judgement = judgement
        self._now = now
        self._policy = policy
        self._may_fire = may_fire
        self.withheld = False

    def step(self, before: Tracked | None, finding: Finding | None) -> tuple[Tracked, Tracked | None]:
        """What becomes of it, and what is to be announced of that."""
        if before is None:
            assert finding is not None
            monotonic = self._now.monotonic
            before = Tracked(finding, State.PENDING, self._now.wall, monotonic, began=monotonic)
        elif finding is None:
            if self._judgement.is_undecided(before.finding.subject):
                return _unjudged(before), None
        elif self._stays(before, finding):
            return before, None
        moved = _move(before, finding, self._now, self._policy)
        if moved.state is State.FIRING and (not moved.announced or (moved.doubtful and moved.present)):
            if not self._may_fire(moved.finding):
                self.withheld = True
                return _with_finding(before, moved.finding), None
            announced = replace(moved, announced=True)
            return replace(announced, doubtful=False), announced
        return moved, moved if moved.state is State.RESOLVED and moved.announced else None

    def _stays(self, before: Tracked, finding: Finding) -> bool:
        """Whether it is as it was, without a closer look: nearly all are, by the ten thousand."""
        if self._policy.acknowledgements or not before.present:
            return False
        if before.finding is not finding and before.finding != finding:
            return False
        if before.state is State.PENDING and not before.announced:
            held = self._now.monotonic >= before.changed + self._policy.hold
            self.withheld = self.withheld or (held and not self._may_fire(finding))
            return not held or not self._may_fire(finding)
        return before.state is State.FIRING and before.announced and not before.doubtful


def _once_for_all_ports(after: Mapping[str, Tracked], announced: Iterable[Tracked]) -> Iterator[Tracked]:
    """Of an any-of set the first port that was announced speaks for the others.

    Where it is resolved and another goes on, which no longer has it for a sibling, that one speaks up.
    """
    announced = list(announced)
    resolved = {one.finding.subject.key for one in announced if one.state is State.RESOLVED}
    for one in announced:
        earlier, later = _around(one.finding.subject.key, one.finding.keys_of_any)
        alive = [key for key in earlier if key in after and after[key].announced]
        if alive or (one.state is State.RESOLVED and resolved.intersection(earlier)):
            continue
        yield one
        heirs = [after[key] for key in later if key in after and after[key].announced]
        if one.state is State.RESOLVED and heirs:
            yield heirs[0]


def _around(key: str, keys: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Those before it, and those after it."""
    at = keys.index(key) if key in keys else 0
    return keys[:at], keys[at + 1 :]


def about_to_fire(
    tracked: Mapping[str, Tracked], judgement: Judgement, now: Now, policy: Policy, of_each: int
) -> list[Finding]:
    """What step() would announce as firing: of each domain, so many of its findings at most."""
    due: list[Finding] = []
    counts: Counter[str | None] = Counter()
    for finding in judgement.findings:
        if counts[finding.subject.domain] >= of_each:
            continue
        known = tracked.get(finding.key)
        if known is not None and known.announced and not known.doubtful:
            continue
        before = known or Tracked(finding, State.PENDING, now.wall, now.monotonic)
        if _move(before, finding, now, policy).state is State.FIRING:
            due.append(finding)
            counts[finding.subject.domain] += 1
    return due


def _unjudged(before: Tracked) -> Tracked:
    """It stays what it was, but for its fix: what was harmless when it was judged may not be so now."""
    return _with_finding(before, before.finding.without_fix())


def _with_finding(before: Tracked, finding: Finding) -> Tracked:
    return before if finding is before.finding else replace(before, finding=finding)


def _move(before: Tracked, finding: Finding | None, now: Now, policy: Policy) -> Tracked:
    present = finding is not None
    changed = before.changed if present is before.present else now.monotonic
    acknowledgement = policy.acknowledged(before.finding.subject, now.wall) if present else None
    held = now.monotonic >= changed + policy.hold
    if acknowledgement is not None:
        condition = _Condition.ACCEPTED
    elif present:  # what was announced, and then accepted for a while, needs no second hold
        condition = _Condition.SHOWS_HELD if held or before.announced else _Condition.SHOWS
    else:
        condition = _Condition.GONE_HELD if held else _Condition.GONE
    because = before.acknowledged_because if not present else ""
    moved = {
        "finding": finding or before.finding.without_fix(),
        "state": TRANSITIONS.get((before.state, condition), before.state),
        "changed": changed,
        "present": present,
        "acknowledged_because": acknowledgement.reason if acknowledgement else because,
    }
    # Nearly all stay as they are, by the ten thousand in a storm.
    if all(getattr(before, name) == value for name, value in moved.items()):
        return before
    return replace(before, **moved)  # type: ignore[arg-type]


def next_due(tracked: Mapping[str, Tracked], stepped: Now, policy: Policy) -> float | None:
    """Monotonic seconds at which a step may change something by the mere passing of time.

    That is when a hold ends, or an acknowledgement expires. stepped: when the last step was made; what
    was due by then and did not happen waits for something else (an Unknown that becomes known).
    None: nothing is waiting for time.
    """
    due = []
    for one in tracked.values():
        if one.state is State.PENDING or not one.present:
            due.append(one.changed + policy.hold)
        if one.state is State.ACKNOWLEDGED:
            acknowledgement = policy.acknowledged(one.finding.subject, stepped.wall)
            if acknowledgement is not None:
                due.append(stepped.monotonic + acknowledgement.until - stepped.wall)
    return min((at for at in due if at > stepped.monotonic), default=None)


def without_memory(judgement: Judgement, now: Now, policy: Policy) -> tuple[Tracked, ...]:
    """The findings of an audit that knows no yesterday: firing, or acknowledged."""
    found = []
    for finding in judgement.findings:
        acknowledgement = policy.acknowledged(finding.subject, now.wall)
        found.append(
            Tracked(
                finding,
                State.ACKNOWLEDGED if acknowledgement else State.FIRING,
                now.wall,
                now.monotonic,
                acknowledged_because=acknowledgement.reason if acknowledgement else "",
                began=now.monotonic,
            )
        )
    return tuple(found)


class Remembered(NamedTuple):
    """What outlives a restart. since: wall-clock seconds. announced, doubtful: see Tracked."""

    finding: Finding
    since: float
    announced: bool
    doubtful: bool = False


def revive(remembered: Iterable[Remembered], now: Now) -> dict[str, Tracked]:
    """The findings of the last run, as if they had shown just now.

    The first judgement decides: what shows still and was announced goes on firing without a word, unless
    that is in doubt; what
    is gone is resolved after its hold; what cannot be judged yet stays.
    """
    return {
        one.finding.subject.key: Tracked(
            one.finding,
            State.FIRING if one.announced else State.PENDING,
            one.since,
            now.monotonic,
            announced=one.announced,
            doubtful=one.doubtful,
        )
        for one in remembered
    }
