"""The life of the findings between audits. Pure: `now` is passed in, and nothing is awaited."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence, Set
from typing import NamedTuple

from lowatch.core.addresses import Address
from lowatch.core.clock import Now
from lowatch.core.findings import Finding, FindingKind
from lowatch.core.judgement import Judgement
from lowatch.core.lifecycle import (
    FindingState,
    Remembered,
    Tracked,
    about_to_fire,
    next_due,
    revive,
    stepping,
)
from lowatch.core.policy import Policy

from .fair_queue import FairQueue, fewest_first

CONFIRMED_AT_ONCE, CONFIRMED_PER_DOMAIN = 128, 8
"""How many findings about to fire are confirmed in one step: in all, and of one domain."""


class Stepped(NamedTuple):
    """What a step has changed. findings: whether any changed. to_save: whether the state must be saved."""

    findings: bool
    to_save: bool


def _accepted(tracked: Mapping[str, Tracked]) -> set[str]:
    """The keys of the acknowledged findings."""
    return {key for key, one in tracked.items() if one.state is FindingState.ACKNOWLEDGED}


class FindingTracker:
    """Knows the tracked findings, those to be announced, and when time alone will change one."""

    def __init__(self, policy: Policy, remembered: Iterable[Remembered], now: Now) -> None:
        self.tracked: Mapping[str, Tracked] = revive(remembered, now, policy)
        """By key. Each step makes another mapping and leaves this one as it is: a thread may read it."""
        self.due: float | None = None
        """Monotonic seconds of the next step that time alone makes necessary; None if there is none."""
        self.has_unconfirmed = False
        """Whether some findings would have fired in the last step, but were not confirmed yet."""
        self.policy: Policy = policy
        self._unannounced: FairQueue[Tracked] = FairQueue(lambda one: one.finding.subject.domain)

    def replace_policy(self, policy: Policy) -> None:
        """Use this policy from the next step on, which is due now."""
        self.policy = policy
        self.due = float("-inf")

    def is_due(self, now: float) -> bool:
        """Whether a step is needed though nothing was audited. now: monotonic seconds."""
        return self.has_unconfirmed or (self.due is not None and self.due <= now)

    def to_confirm(self, judgement: Judgement, now: Now) -> list[Finding]:
        """The findings that the next step would fire and that have to be confirmed first.

        At most CONFIRMED_AT_ONCE, those of the domains with the fewest first; the others wait.
        """
        due = about_to_fire(self.tracked, judgement, now, self.policy, CONFIRMED_PER_DOMAIN)
        return fewest_first(due, lambda finding: finding.subject.domain, CONFIRMED_AT_ONCE)

    def steps(self, judgement: Judgement, now: Now, confirmed: Set[str]) -> Generator[None, None, Stepped]:
        """Make one step, yielding every few milliseconds. It takes effect as a whole when it ends.

        confirmed: keys. An orphan-vip that is not among them does not fire, but waits.
        """

        def may_fire(finding: Finding) -> bool:
            return finding.key in confirmed or finding.subject.kind is not FindingKind.ORPHAN_VIP

        before, policy = self.tracked, self.policy
        (tracked, announcements), self.has_unconfirmed = yield from stepping(
            before, judgement, now, policy, may_fire
        )
        self._unannounced.extend(announcements)
        self.tracked = tracked
        if policy is self.policy:  # else another step is due
            self.due = next_due(tracked, now, policy)
        changed = tracked != before
        to_save = announcements or tracked.keys() != before.keys()
        return Stepped(changed, bool(to_save) or (changed and _accepted(tracked) != _accepted(before)))

    @property
    def has_unannounced(self) -> bool:
        return bool(self._unannounced)

    def take_unannounced(self, count: int) -> Iterator[Tracked]:
        """The next findings to be announced, at most `count`. Domains take turns."""
        for _ in range(count):
            if not self._unannounced:
                return
            yield self._unannounced.pop()

    def unannounced(self) -> Sequence[Tracked]:
        """All findings that wait to be announced. Those of one subject are in order."""
        return tuple(self._unannounced)

    def in_dispute(self) -> set[str]:
        """The domains of the views-disagree findings."""
        subjects = (one.finding.subject for one in self.tracked.values())
        return {one.domain for one in subjects if one.kind is FindingKind.VIEWS_DISAGREE and one.domain}

    def orphaned_in(self, domains: Mapping[str, object]) -> set[Address]:
        """The addresses of these domains' orphan-vip findings."""
        subjects = (one.finding.subject for one in self.tracked.values()) if domains else ()
        return {
            one.address
            for one in subjects
            if one.kind is FindingKind.ORPHAN_VIP and one.domain in domains and one.address
        }
