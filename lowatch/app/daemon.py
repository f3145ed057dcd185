"""The daemon's loop audits what was marked, updates the findings and announces alerts.

Everything runs in one TaskGroup on one loop. It sleeps until there is an event, an answer or a timer that
is due; nothing else wakes it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Protocol

from lowatch.core.addresses import Address, Port
from lowatch.core.audit import Audit
from lowatch.core.clock import Clock
from lowatch.core.findings import FindingKind, Subject
from lowatch.core.held import may_hold_ipv6
from lowatch.core.judgement import Judgement
from lowatch.core.lifecycle import Tracked
from lowatch.core.listeners import Endpoint
from lowatch.core.liveness import Heartbeat
from lowatch.core.policy import Policy, ports_of
from lowatch.core.programs import Program
from lowatch.core.served_state import ServedState
from lowatch.core.snapshot import Snapshot
from lowatch.core.verdicts import OrphanKey
from lowatch.wire.closed_client import ClosedClient

from .announcer import Announcer
from .auditor import Auditor
from .breaks import with_breaks
from .finding_tracker import FindingTracker
from .latest_audit import LatestAudit, Observed
from .missing_listeners import MissingListeners
from .pacing import AuditPace
from .ports import Host, Resolver
from .served_saver import ServedSaver
from .victims import RefusedAt

SWEEP_EVERY = 30.0
"""Seconds between audits of everything, because not every change causes an event."""
STUCK_AFTER = 15.0
"""Seconds by which a sweep may be late, and which any part of it may take."""
_SOON = 0.25
"""Seconds until tables that changed while they were dumped are dumped again."""
_PATIENCE = 0.02
"""Seconds of observing what was marked. It is judged and announced before the rest is observed."""
_BREATH = 0.01
"""Seconds between turns while alerts wait, which pages use: they take many rounds of the loop."""
_READY_SOON = 0.1
"""Seconds between looks at whether the connects have been made that the first whole audit asked for."""
_IN_PASSING = 1.0
"""Seconds within which a new answer is looked at if its domain did not lead here; few begin to."""


class Meter(Protocol):
    def audited(self, seconds: float) -> None: ...


class Daemon:
    """Audits what was marked, as often as the pace allows. After each audit the pages show its result."""

    def __init__(
        self,
        auditor: Auditor,
        host: Host,
        resolver: Resolver,
        tracker: FindingTracker,
        announcer: Announcer,
        served: ServedSaver,
        clock: Clock,
        meter: Meter,
    ) -> None:
        self._auditor = auditor
        self._host = host
        self._resolver = resolver
        self._tracker = tracker
        self._announcer = announcer
        self._served = served
        self._clock = clock
        self._meter = meter
        self.victims = auditor.victims
        auditor.remember_orphans(one.finding.subject for one in tracker.tracked.values())
        resolver.keep_near(_domains_of(tracker.tracked.values()))
        auditor.victims.remember(one.finding.subject for one in tracker.tracked.values())
        self._latest = LatestAudit(auditor, tracker, clock)
        self._turned = clock.now().monotonic
        self._turns = 0
        self._settled = self._is_whole = self._ready = False
        self._ports = ports_of(tracker.policy.domains)
        self._ports_followed: frozenset[Port] = frozenset()
        self._woken = asyncio.Event()
        self._changed = asyncio.Event()
        self._in_passing: asyncio.TimerHandle | None = None
        self._missing = MissingListeners(auditor, host, clock)
        self._audit_pace = AuditPace()
        self._sweep_at = self._audited_at = float("-inf")

    def heartbeats(self) -> Iterable[Heartbeat]:
        """Progress is made by each turn, at least once a sweep, and within a long audit."""
        progress = self._turns + self._auditor.progress
        audits = Heartbeat("audits", True, progress, SWEEP_EVERY + STUCK_AFTER)
        return [audits, self._auditor.connects.heartbeat()]

    @property
    def held(self) -> int | None:
        """How many addresses are held; None if that is unknown."""
        return self._latest.held

    @property
    def tracked(self) -> Iterable[Tracked]:
        """The findings that are pending, firing or acknowledged."""
        return self._tracker.tracked.values()

    async def change(self) -> None:
        """Return as soon as `ready`, `held` or `tracked` may be different from what they are now."""
        self._changed.clear()
        await self._changed.wait()

    def wake(self) -> None:
        """Something was marked in the auditor: look at it as soon as the pace allows."""
        self._woken.set()

    def replace_policy(self, policy: Policy) -> None:
        """Judge by this policy from now on. Findings stay what they are; those of removed domains end."""
        self._is_whole = False
        self._ports = ports_of(policy.domains)
        self._tracker.replace_policy(policy)
        self._resolver.replace_domains(policy.domains)
        self._auditor.replace_policy(policy)
        self.wake()

    @property
    def ready(self) -> bool:
        """Whether every domain has been asked once, and everything has been judged since."""
        return self._ready

    @property
    def audit(self) -> Audit | None:
        """The last audit; None before the first."""
        return self._latest.audit

    @property
    def snapshot(self) -> Snapshot | None:
        """What the last audit saw, without the names that lead elsewhere; None before the first."""
        return self._latest.snapshot

    @property
    def observed(self) -> Observed | None:
        """What the last audit saw; None before the first."""
        return self._latest.observed

    @property
    def orphans(self) -> Mapping[OrphanKey, int]:
        """lo_orphan_vip: the last known value of each endpoint, if there is one."""
        return self._latest.orphans

    @property
    def refused(self) -> Iterable[RefusedAt]:
        """The failed connects of local clients."""
        return self.victims

    def client_closed(self, client: ClosedClient, weight: int, program: Program | None) -> None:
        """A local client of a held address closed, and `weight` - 1 more. program: whose, if known."""
        if self.victims.closed(client, weight, self._latest, program):
            self._resolver.clients_refused(client.address)
        if self.victims.has_news:
            self.wake()

    def clients_lost(self) -> None:
        """Local clients may have closed that were not reported."""
        self.victims.lost()

    def listener_comes(self, address: Address, port: int) -> None:
        """A TCP socket is about to listen, in some network namespace."""
        comes = Port(port, "tcp")
        if self._missing.may_come(address, comes, self._ports_followed) | self.victims.listener_comes(
            comes
        ):
            self.wake()

    def listeners_lost(self) -> None:
        """Sockets may have begun to listen."""
        if self._missing.look_often():
            self.wake()

    def unit_starts(self) -> None:
        """Some unit starts, and may listen soon."""
        if self._missing.look_often():
            self.wake()

    def served(self) -> ServedState | None:
        """Who serves and who served each endpoint; None before the first audit."""
        domains = self._latest.domains
        if domains is None:
            return None
        return ServedState(self._clock.now().wall, domains, self._auditor.last.gone)

    async def run(self) -> None:
        """Audit until cancelled; then save the tracked findings."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._resolver.run(self))
                group.create_task(self._settle())
                group.create_task(self._auditor.connects.run(self))
                group.create_task(self._auditor.checks.run(self))
                group.create_task(self._announcer.run())
                group.create_task(self._served.run(self))
                while True:
                    await self._wait()
                    await self._turn()
        finally:
            self._cancel_in_passing()
            self._announcer.finish()
            self._served.finish(self)

    def answer_changed(self, domain: str) -> None:
        """Look at the domain at once if it leads here; otherwise soon, together with others like it.

        A learned name was seen to lead here: a client may have been refused already.
        """
        self._auditor.mark_domain(domain)
        if self._auditor.leads_here(domain) or domain in self._tracker.policy.learned:
            self.wake()
        elif self._in_passing is None:
            self._in_passing = asyncio.get_running_loop().call_later(_IN_PASSING, self.wake)

    def connects_answered(self) -> None:
        self.wake()

    def _cancel_in_passing(self) -> None:
        if self._in_passing is not None:
            self._in_passing.cancel()
            self._in_passing = None

    async def _settle(self) -> None:
        await self._resolver.settled()
        self._settled = True
        self._auditor.mark_all()
        self.wake()

    async def _wait(self) -> None:
        """Wait until something is marked and the pace allows an audit, or a timer is due."""
        try:
            async with asyncio.timeout(self._timer_due() - self._clock.now().monotonic):
                await self._woken.wait()
                await asyncio.sleep(self._audit_pace.due - self._clock.now().monotonic)
        except TimeoutError:
            pass
        self._woken.clear()
        self._cancel_in_passing()  # whatever is marked is looked at now

    def _timer_due(self) -> float:
        if self._tracker.has_unannounced or self._tracker.has_unconfirmed:
            return self._clock.now().monotonic + _BREATH
        due = [self._sweep_at, self._tracker.due]
        if self._auditor.marked:
            due.append(self._audit_pace.due)
        due.append(self._missing.due)
        due.append(self._announcer.due(self._turned))
        if self._host.unsettled:
            due.append(self._audited_at + _SOON)
        if self._is_whole and not self._ready:
            due.append(self._turned + _READY_SOON)
        return max(self._audit_pace.due, min(one for one in due if one is not None))

    async def _turn(self) -> None:
        """Sweep or poll if that is due, audit what is marked, and step the findings."""
        now = self._turned = self._clock.now().monotonic
        if now >= self._sweep_at:
            self._sweep_at = now + SWEEP_EVERY
            self._host.invalidate()
            self._auditor.mark_all()
        elif (poll := self._missing.due) is not None and poll <= now:
            self._missing.poll(now)
        if self._host.unsettled and self._audited_at + _SOON <= now:
            self._auditor.mark_all()
        if self._auditor.marked and self._audit_pace.due <= now:
            await self._audit()
            await self._confirm_and_move()
            ended = self._clock.now().monotonic
            self._audit_pace.audited(now, ended, is_over=not self._auditor.is_sweeping)
        elif self._tracker.is_due(now):
            await self._confirm_and_move()
        self._look_whether_ready()
        await self._announcer.announce()
        self._turns += 1

    def _look_whether_ready(self) -> None:
        """Become ready once the first whole audit's connects are made. No event reports that.

        A connect without an answer does not delay it.
        """
        if self._is_whole and not (self._ready or self._auditor.awaits_connects):
            self._ready = True
            self._changed.set()

    async def _audit(self) -> Judgement:
        """Audit what is marked, and show the result."""
        settled = self._settled
        started = self._audited_at = self._clock.now().monotonic
        if self._host.unsettled:  # rows that are missing now may appear, anywhere
            self._auditor.mark_all()
        self._follow_ports()
        disputed = self._tracker.in_dispute()
        left_open = self._tracker.orphaned_in(self._resolver.unresolved())
        policy = self._tracker.policy
        snapshot, judgement = await self._auditor.audit(disputed, _PATIENCE, left_open)
        self._meter.audited(self._clock.now().monotonic - started)
        self._missing.audited()
        await self._latest.replace(snapshot, judgement, policy)
        self._served.audited(self._auditor.last.changes)
        self.victims.audited(snapshot.held, self._ports_followed)
        self._changed.set()
        self._resolver.follow_ipv6(idle=not may_hold_ipv6(snapshot.held))
        self._resolver.follow_held(snapshot.held)
        self._is_whole = settled and not self._auditor.is_sweeping
        return judgement

    def _follow_ports(self) -> None:
        """Follow sockets on all ports that are expected now: SRV records add ports."""
        ports = self._ports | self._resolver.srv_ports
        if ports != self._ports_followed:
            self._host.follow_ports(ports)
            self._ports_followed = ports

    def _end_silently(self, before: Mapping[str, Tracked]) -> None:
        """The clients of findings that are gone, and never fired, belong to no other finding."""
        tracked = self._tracker.tracked
        gone = before.keys() - tracked.keys()
        silent = (before[key].finding for key in gone if not before[key].announced)
        self.victims.ended(silent, tracked.values())

    async def _confirm_and_move(self) -> None:
        """Step the findings, after confirming those that are about to fire.

        An orphan fires only after one more connect, because the connect that found it may be old. The fixes
        of findings that fire must be harmless now, and what they were checked against may be old as well.
        """
        judgement = self._latest.judgement
        if judgement is None:
            return
        due = self._tracker.to_confirm(judgement, self._clock.now())
        endpoints = {one.key: endpoint for one in due if (endpoint := _orphaned(one.subject)) is not None}
        refuted = frozenset(await self._auditor.confirm(list(dict.fromkeys(endpoints.values()))))
        offered = any(finding.fix for finding in due)
        if refuted or (offered and self._auditor.invalidate_old_fixes()):
            judgement = await self._audit()
        confirmed = {key for key, endpoint in endpoints.items() if endpoint not in refuted}
        before = self._tracker.tracked
        moved = await with_breaks(self._tracker.steps(judgement, self._clock.now(), confirmed))
        if moved.findings:
            self._end_silently(before)
            self._latest.findings_changed()
            self._changed.set()
        if moved.to_save:
            self._announcer.save_soon()


def _domains_of(findings: Iterable[Tracked]) -> list[str]:
    """The domains of findings of the last run: they have led here."""
    return [one.finding.subject.domain for one in findings if one.finding.subject.domain is not None]


def _orphaned(subject: Subject) -> Endpoint | None:
    """The endpoint of an orphan-vip, which a connect can confirm."""
    if subject.kind is FindingKind.ORPHAN_VIP and subject.address is not None and subject.port is not None:
        return Endpoint(subject.address, subject.port)
    return None
