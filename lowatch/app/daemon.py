"""The daemon's heart: marks in, audits out, findings through their life, alerts and metrics.

Everything runs in one TaskGroup on one loop. It sleeps until an event, an answer or a timer that is
due; nothing else wakes it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence, Set
from itertools import count
from typing import NamedTuple, Protocol, TypeVar

from lowatch.core.addresses import Address, Port
from lowatch.core.audit import Audit, build_audit
from lowatch.core.clock import Clock
from lowatch.core.findings import Finding, FindingKind, Subject
from lowatch.core.held import may_hold_ipv6
from lowatch.core.judgement import Judgement
from lowatch.core.known import Unknown
from lowatch.core.lifecycle import Tracked, about_to_fire, next_due, revive, stepping
from lowatch.core.listeners import Endpoint
from lowatch.core.liveness import Sign
from lowatch.core.policy import Policy, ports_of
from lowatch.core.snapshot import Snapshot
from lowatch.core.verdicts import OrphanKey
from lowatch.files.threads import NoThreadError, in_thread, start_thread

from .auditor import Auditor
from .fair_queue import Turns, fewest_first
from .finding_tracker import as_told
from .orphan_series import OrphanValues
from .pacing import AuditPace, PollPace
from .ports import AlertSink, Host, Resolver, StateStore

T = TypeVar("T")

SWEEP_EVERY = 30.0
"""Seconds between looks at everything, for what no event tells of."""
STUCK_AFTER = 15.0
"""Seconds that a sweep may be late, or any part of it may take."""
_SOON = 0.25
"""Seconds until what could not be finished is tried again."""
_PATIENCE = 0.02
"""Seconds of looking at what was marked; then it is judged, and told, before the rest is looked at."""
_BREATH = 0.01
"""Seconds between turns while alerts wait for theirs: for pages, which take many rounds of the loop."""
_ANNOUNCED_AT_ONCE = 32
"""Then come whatever else is due, and the others."""
_GATHER = 0.02
"""Seconds for what has just been announced to be told, and to be saved as that."""
_CONFIRMED_AT_ONCE, _CONFIRMED_OF_EACH = 128, 8
"""Orphans by one more connect each before they fire: of all names, of one."""
_SAVED_LATER = 2.0
"""Seconds until a thread is asked for again, where none could be had to save the state."""
_LAST_SAVE = 5.0
"""Seconds that the disk gets at the end."""
_REST_OF_SAVING = 4
"""Times as long as it took: no state is saved for more than a fifth of the time."""
_TOLD_BY = 5.0
"""Seconds between looks at whether what waited for the journal is there, and to be saved as announced."""
_IN_PASSING = 1.0
"""Seconds within which an answer is looked at whose name did not lead here: nearly all go on like that."""


class Meter(Protocol):
    def audited(self, seconds: float) -> None: ...


class _Snapshot(NamedTuple):
    """What is to be saved. number: the greatest is the latest. turn: see StateStore."""

    number: int
    turn: int
    tracked: Mapping[str, Tracked]
    untold: Sequence[Tracked]


class Daemon:
    """Owns the findings' lives. What the pages show is whole and current after each audit."""

    def __init__(
        self,
        auditor: Auditor,
        host: Host,
        resolver: Resolver,
        policy: Policy,
        clock: Clock,
        alerts: AlertSink,
        store: StateStore,
        meter: Meter,
    ) -> None:
        self._auditor = auditor
        self._host = host
        self._resolver = resolver
        self._policy = policy
        self._clock = clock
        self._alerts = alerts
        self._store = store
        self._meter = meter
        self._tracked: Mapping[str, Tracked] = revive(store.load(), clock.now())
        auditor.recall(one.finding.subject for one in self._tracked.values())
        self._stepped = clock.now()
        self._findings_due: float | None = None
        """When one of them moves on by the mere passing of time."""
        self._turned = self._stepped.monotonic
        self._latest: tuple[Snapshot, Judgement] | None = None
        self._summary: Audit | None = None
        self._orphans = OrphanValues(one.finding.subject for one in self._tracked.values() if one.announced)
        self._unannounced: Turns[Tracked] = Turns(lambda one: one.finding.subject.domain)
        self._withheld = False
        """Whether some findings wait to be confirmed before they fire."""
        self._saved_untold = False
        self._saving = threading.Lock()
        self._snapshots = count()
        self._written = -1
        self._settled = False
        self._ready = False
        self._ports = ports_of(policy.domains)
        self._ports_followed: frozenset[Port] = frozenset()
        self._woken = asyncio.Event()
        self._turns = 0
        self.news = asyncio.Event()
        """Set when `ready`, `held`, `tracked` may be others; for whoever tells people to clear."""
        self._in_passing: asyncio.TimerHandle | None = None
        self._unsaved = asyncio.Event()
        self._poll_pace = PollPace()
        self._audit_pace = AuditPace()
        self._sweep_at = float("-inf")

    def sign(self) -> Sign:
        """A sweep makes a turn, whatever else happens; a long one shows that it goes on."""
        return Sign("audits", True, self._turns + self._auditor.progress, SWEEP_EVERY + STUCK_AFTER)

    @property
    def held(self) -> int | None:
        """How many addresses are held; None where that is unknown."""
        if self._latest is None or isinstance(self._latest[0].held, Unknown):
            return None
        return len(self._latest[0].held.value)

    @property
    def tracked(self) -> Iterable[Tracked]:
        """The findings, the resolved ones too that may come back."""
        return self._tracked.values()

    def wake(self) -> None:
        """Something was marked in the auditor: look at it as soon as the pace allows."""
        self._woken.set()

    def replace_policy(self, policy: Policy) -> None:
        """Judge by this from now on. Findings keep their lives; those of removed domains end."""
        self._policy = policy
        self._findings_due = float("-inf")
        self._ports = ports_of(policy.domains)
        self._resolver.replace_domains(policy.domains)
        self._auditor.replace_policy(policy)
        self.wake()

    @property
    def ready(self) -> bool:
        """Whether every domain has been asked once, and all of it judged."""
        return self._ready

    @property
    def audit(self) -> Audit | None:
        """The last audit; None before the first."""
        if self._latest is None:
            return None
        if self._summary is None:
            tracked, now = self._tracked.values(), self._clock.now().monotonic
            self._summary = build_audit(*self._latest, tracked, self._auditor.followed(), now)
        return self._summary

    @property
    def orphans(self) -> Mapping[OrphanKey, int]:
        """lo_orphan_vip: the last known value of each endpoint. One never known has none."""
        return self._orphans.values

    async def run(self) -> None:
        """Audit until cancelled; then save what is tracked."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._resolver.run(self))
                group.create_task(self._settle())
                group.create_task(self._keep_saved())
                while True:
                    await self._wait()
                    await self._turn()
        finally:
            if self._in_passing is not None:
                self._in_passing.cancel()
            self._alerts.hurry()
            self._save_at_last()

    def answer_changed(self, domain: str) -> None:
        """At once where it leads here; else soon, together with all others that changed by then."""
        self._auditor.mark_domain(domain)
        if self._auditor.leads_here(domain):
            self.wake()
        elif self._in_passing is None:
            self._in_passing = asyncio.get_running_loop().call_later(_IN_PASSING, self._look_in_passing)

    def _look_in_passing(self) -> None:
        self._in_passing = None
        self.wake()

    async def _settle(self) -> None:
        await self._resolver.settled()
        self._settled = True
        self._auditor.mark_all()
        self.wake()

    async def _wait(self) -> None:
        """Until something is marked and the pace allows a look, or until a timer is due."""
        try:
            async with asyncio.timeout(self._timer_due() - self._clock.now().monotonic):
                await self._woken.wait()
                await asyncio.sleep(self._audit_pace.due - self._clock.now().monotonic)
        except TimeoutError:
            pass
        self._woken.clear()

    def _timer_due(self) -> float:
        if self._unannounced or self._withheld:
            return self._clock.now().monotonic + _BREATH
        due = [self._sweep_at, self._findings_due]
        if self._auditor.marked:
            due.append(self._audit_pace.due)
        if self._auditor.not_well:
            due.append(self._poll_pace.due)
        due.append(self._auditor.probes_due)
        if self._saved_untold or self._alerts.untold:
            due.append(self._turned + _TOLD_BY)
        if self._host.unsettled:
            due.append(self._turned + _SOON)
        return max(self._audit_pace.due, min(one for one in due if one is not None))

    async def _turn(self) -> None:
        """One look: poll or sweep where due, audit what is marked, move the findings on."""
        now = self._turned = self._clock.now().monotonic
        if now >= self._sweep_at:
            self._sweep_at = now + SWEEP_EVERY
            self._host.distrust()
            self._auditor.mark_all()
        elif self._host.unsettled:
            self._auditor.mark_all()
        elif self._poll_pace.due <= now and self._auditor.not_well:
            self._auditor.poll()
            self._poll_pace.polled(now, self._clock.now().monotonic)
        if (due := self._auditor.probes_due) is not None and due <= now:
            await self._auditor.probe_again()
        if self._auditor.marked and self._audit_pace.due <= now:
            await self._audit()
            await self._confirm_and_move()
            ended = self._clock.now().monotonic
            self._audit_pace.audited(now, ended, is_over=not self._auditor.is_sweeping)
        elif self._withheld or (self._findings_due is not None and self._findings_due <= now):
            await self._confirm_and_move()
        await self._announce()
        self._turns += 1

    async def _audit(self) -> None:
        settled = self._settled
        started = self._clock.now().monotonic
        not_well = self._auditor.not_well_changes
        self._follow_ports()
        snapshot, judgement = await self._auditor.audit(self._disputed(), _PATIENCE, self._left_open())
        ended = self._clock.now().monotonic
        self._meter.audited(ended - started)
        if self._auditor.not_well_changes != not_well:
            self._poll_pace.changed(ended)
        for _ in self._orphans.steps(snapshot, judgement):
            await asyncio.sleep(0)
        self._latest = snapshot, judgement  # last: whoever sees another audit sees its values
        self._summary = None
        self.news.set()
        self._resolver.follow_ipv6(idle=not may_hold_ipv6(snapshot.held))
        self._ready = self._ready or (settled and not self._auditor.is_sweeping)

    def _follow_ports(self) -> None:
        """Hear of closed sockets wherever one is looked for from now on: SRV records bring new ports."""
        ports = self._ports | self._resolver.service_ports
        if ports != self._ports_followed:
            self._host.follow_ports(ports)
            self._ports_followed = ports

    def _disputed(self) -> set[str]:
        """The domains of the views-disagree findings that are tracked."""
        subjects = (one.finding.subject for one in self._tracked.values())
        return {one.domain for one in subjects if one.kind is FindingKind.VIEWS_DISAGREE and one.domain}

    def _left_open(self) -> set[Address]:
        """The addresses of the orphan-vip findings whose domains have no answer now."""
        unresolved = self._resolver.unresolved()
        subjects = (one.finding.subject for one in self._tracked.values()) if unresolved else ()
        return {
            one.address
            for one in subjects
            if one.kind is FindingKind.ORPHAN_VIP and one.domain in unresolved and one.address
        }

    async def _confirm_and_move(self) -> None:
        """An orphan fires only after one more connect: the one by which it was found may be long ago.

        And whatever fires has a fix that does no harm now: what it was weighed by may be as old.

        Of many some of each name at a time; the others have their turn at once, after whatever else is due.
        """
        if self._latest is None:
            return
        due = about_to_fire(
            self._tracked, self._latest[1], self._clock.now(), self._policy, _CONFIRMED_OF_EACH
        )
        due = fewest_first(due, lambda finding: finding.subject.domain, _CONFIRMED_AT_ONCE)
        endpoints = {finding.key: endpoint for finding in due for endpoint in _orphans([finding.subject])}
        refuted = frozenset(await self._auditor.confirm(list(dict.fromkeys(endpoints.values()))))
        offered = any(finding.fix for finding in due)
        if refuted or (offered and self._auditor.doubt_fixes()):
            await self._audit()
        await self._move_findings({key for key, endpoint in endpoints.items() if endpoint not in refuted})

    async def _move_findings(self, confirmed: Set[str]) -> None:
        """One step; of orphans only those fire that are `confirmed`. The loop has its turn in between."""
        if self._latest is None:
            return

        def may_fire(finding: Finding) -> bool:
            return finding.key in confirmed or finding.subject.kind is not FindingKind.ORPHAN_VIP

        now = self._clock.now()
        before, self._stepped = self._tracked, now
        steps = stepping(before, self._latest[1], now, self._policy, may_fire)
        (tracked, announcements), self._withheld = await _with_breaks(steps)
        self._unannounced.extend(announcements)  # first: the saving thread may look between the two
        self._tracked = tracked
        if self._tracked != before:
            self._summary = None
            self.news.set()
        if announcements or self._tracked.keys() != before.keys():
            self._unsaved.set()
        self._findings_due = next_due(tracked, now, self._policy)

    async def _announce(self) -> None:
        """Some of them, each name by turns. What the sink could tell nobody yet is saved as that."""
        for _ in range(_ANNOUNCED_AT_ONCE):
            if not self._unannounced:
                break
            self._alerts.announce(self._unannounced.first(), self._clock.now())
            self._unannounced.pop()  # not before: for the saving thread it is always somewhere
        await asyncio.sleep(0)
        # Not before all are announced: to list what waits takes long in a storm, and some does until then.
        if self._saved_untold and not self._unannounced and not self._alerts.untold:
            self._unsaved.set()

    async def _keep_saved(self) -> None:
        """Saving waits for the disk: off the loop, and only the latest."""
        while True:
            await self._unsaved.wait()
            self._unsaved.clear()
            began = self._clock.now().monotonic
            await asyncio.sleep(_GATHER)
            try:
                await in_thread(self._write, self._look_to_save())
            except NoThreadError:
                self._unsaved.set()  # what is announced meanwhile may be announced again after a crash
                await asyncio.sleep(_SAVED_LATER)
            # 20,000 findings take the interpreter for a fifth of a second: not all the time.
            await asyncio.sleep((self._clock.now().monotonic - began) * _REST_OF_SAVING)

    def _save_at_last(self) -> None:
        """Nothing else runs any more, so it may wait; but not for ever, for a disk that hangs."""
        try:
            start_thread(self._save, "save").join(_LAST_SAVE)
        except NoThreadError:
            self._save()

    def _save(self) -> None:
        self._write(self._look_to_save())

    def _look_to_save(self) -> _Snapshot:
        """What is tracked, and told, now.

        Looked at in the direction in which an alert moves, so that none is missed.
        """
        number, turn, tracked = next(self._snapshots), self._store.turn(), self._tracked
        unannounced = list(self._unannounced)
        return _Snapshot(number, turn, tracked, [*self._alerts.untold, *unannounced])

    def _write(self, snapshot: _Snapshot) -> None:
        """A late thread never writes older state."""
        with self._saving:
            if snapshot.number < self._written:
                return
            self._written = snapshot.number
            self._saved_untold = bool(snapshot.untold)
            self._store.save(as_told(snapshot.tracked, snapshot.untold))
            self._store.forget(snapshot.turn)


async def _with_breaks(steps: Generator[None, None, T]) -> T:
    """What it returns; the loop has its turn wherever it yields."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
        await asyncio.sleep(0)


def _orphans(subjects: Iterable[Subject]) -> Iterator[Endpoint]:
    """The endpoints that a connect can confirm to be orphaned."""
    for kind, _, address, _, port, _ in subjects:
        if kind is FindingKind.ORPHAN_VIP and address is not None and port is not None:
            yield Endpoint(address, port)
