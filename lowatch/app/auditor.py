"""The audit observes the marked parts of the host, and judges the whole snapshot.

`check` and the daemon share it. Events, answers, connects and sweeps only mark what to observe again;
audit() asks the kernel about exactly that, and keeps its other observations. Marking a domain without a
local address costs nothing: the kernel is not asked about it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from math import inf

from lowatch.core.addresses import Address, Prefix
from lowatch.core.clock import Clock
from lowatch.core.findings import Subject
from lowatch.core.judgement import Judgement, JudgementMemo, draft, judging
from lowatch.core.known import Known, Unknown
from lowatch.core.limits.names import NAMES_LISTED
from lowatch.core.listeners import Endpoint, Sockets
from lowatch.core.name_outcomes import FollowedNames
from lowatch.core.policy import Policy
from lowatch.core.snapshot import DomainObservation, Problem, Snapshot
from lowatch.core.views import unsure

from .breaks import with_breaks
from .confirming_connects import ConfirmingConnects
from .fix_surroundings import FixSurroundings
from .host_observation import HostObserver
from .kernel_answers import AuditContext, place
from .last_listeners import LastListeners
from .listener_checks import ListenerChecks
from .local_domains import LocalDomains
from .marks import Marks
from .open_endpoints import OpenEndpoints
from .ports import Host, Prober, Resolver
from .remembered_orphans import RememberedOrphans
from .source_observation import SourceObserver
from .victims import Victims

_FRESH = 0.2
"""Seconds for which the outcome of a connect counts as current."""
_TURNS_FOR_CONNECTS = 6
"""Loop iterations that an audit waits for connects: a local one is refused at once (kernel/probe.py)."""
_ROUNDS = 3
"""How many times audit_with_connects() makes the connects that the previous audit requested."""


class Auditor:
    """Keeps the observations, and what has been marked since.

    connects, checks: run them concurrently with the audits (ConfirmingConnects.run, ListenerChecks.run).
    half_open: asks listeners whether they answer; None if they are not asked.
    last: who served each endpoint last. It is empty unless it was told what an earlier process knew.
    victims: the local clients that failed.
    """

    def __init__(
        self,
        host: Host,
        resolver: Resolver,
        prober: Prober,
        policy: Policy,
        clock: Clock,
        hostname: str,
        netns: str = "",
        half_open: Prober | None = None,
    ) -> None:
        self.connects = ConfirmingConnects(prober, clock)
        self.checks = ListenerChecks(half_open, host.full_beside, clock)
        self.checks.invalidate(probe=policy.probe)
        self._host = host
        self._resolver = resolver
        self._policy = policy
        self._clock = clock
        self._hostname, self._netns = hostname, netns
        self._remembered = RememberedOrphans()
        self.last = LastListeners()
        self.victims = Victims(host, clock, policy.victims)
        self._open = OpenEndpoints(host, self.connects, self._remembered)
        self._domains = LocalDomains(
            host, resolver, self.connects, self.checks, self._open, self._remembered, self.last
        )
        self._observer = HostObserver(host)
        self._sources = SourceObserver(host, resolver, hostname)
        self._surroundings = FixSurroundings(host, resolver)
        self._memo = JudgementMemo()
        self._shown: Mapping[str, DomainObservation] = {}
        self._shown_version = -1
        self._marks = Marks(host, resolver, self._domains, self._remembered)

    # Marking: cheap, synchronous, callable from any event.

    def mark_all(self) -> None:
        self._marks.everything = True

    def mark_domain(self, domain: str) -> None:
        self._marks.names.add(domain)

    def mark_prefix(self, prefix: Prefix | None) -> None:
        """Addresses in the prefix were added, removed or rerouted. None: any addresses may have been."""
        self._marks.prefix(prefix)

    def mark_socket(self, address: Address, number: int) -> None:
        """A socket bound to address:number was closed. An address of zeros is the wildcard."""
        self._marks.socket(address, number)

    @property
    def marked(self) -> bool:
        """Whether an audit would observe anything."""
        return (
            bool(self._marks)
            or self._domains.is_sweeping
            or self.connects.has_changed
            or self.checks.has_changed
            or self.victims.has_news
            or self._host.generation != self._observer.generation
        )

    def _take_connects(self) -> set[str]:
        """The domains for which a connect has a new outcome, or a listener is to be asked again."""
        changed = self.connects.take_changed() | self.checks.take_changed()
        return self._marks.expecting((one.address, one.port.number) for one in changed)

    def replace_policy(self, policy: Policy) -> None:
        self._policy = policy
        self.connects.invalidate(probe=policy.probe)
        self.checks.invalidate(probe=policy.probe)
        self.victims.replace_policy(policy.victims)
        self.mark_all()

    def remember_orphans(self, subjects: Iterable[Subject]) -> None:
        """Observe the orphans of the last run even while DNS has no answer."""
        self._remembered.remember(subjects)

    # State.

    def followed(self) -> FollowedNames:
        """All domains, with or without a local address."""
        names = self._resolver.not_resolved()
        if len(names) > NAMES_LISTED.value:
            NAMES_LISTED.reached()
        listed = tuple(map(self._resolver.answer, names[: NAMES_LISTED.value]))
        policy = self._policy
        return FollowedNames(
            self._resolver.statuses, listed, policy.configured, policy.learned, policy.searched
        )

    @property
    def progress(self) -> int:
        """Grows during an audit, which takes long with very many domains."""
        return self._domains.progress

    def leads_here(self, domain: str) -> bool:
        """Whether the domain has a local address, according to the last observation."""
        return domain in self._domains.observed

    def leading_to(self, address: Address) -> Iterable[str]:
        """The domains that led to a local address at the last observation."""
        return self._domains.leading_to(address)

    def may_lead_here(self) -> set[str]:
        """The domains with an address, in any view, that may be local now."""
        self._host.refresh()
        return self._domains.leading_here()

    @property
    def unhealthy(self) -> bool:
        """Whether there are endpoints whose verdict a new listener, or an accept(), would change."""
        return bool(self._open.unhealthy)

    @property
    def waits_for_listeners(self) -> bool:
        """Whether nothing but a new TCP listener would change the verdict of any of them."""
        return self._open.waits_for_listeners

    @property
    def unhealthy_changes(self) -> int:
        """Grows whenever the set of unhealthy endpoints changes."""
        return self._open.unhealthy.changes

    @property
    def is_sweeping(self) -> bool:
        """Whether the last audit ran out of time before it had observed everything that was marked."""
        return self._domains.is_sweeping

    @property
    def awaits_connects(self) -> bool:
        """Whether a requested connect has not been made, or its outcome not been judged."""
        return self.connects.wanted or self.connects.has_changed

    def poll(self) -> None:
        """Check again whether the unhealthy endpoints are served; mark the domains where that changed."""
        self._marks.names |= self._open.poll(self._domains.observed)

    async def confirm(self, endpoints: Sequence[Endpoint]) -> list[Endpoint]:
        """Connect to these once more, and mark the domains of those not refused. Returns those.

        Until they are observed again they are still judged as orphans, and may be passed here again. They
        are not refused then either.
        """
        if not self._policy.probe:
            return []
        since = self._clock.now().monotonic - _FRESH
        return await self.connects.confirm(endpoints, since, loopback_up=self._host.loopback_up())

    def invalidate_old_fixes(self) -> bool:
        """Make the next audit read the surroundings of fixes again if they are too old to show fixes.

        Returns whether they are.
        """
        return self._surroundings.invalidate_old(self._clock.now().monotonic)

    # Auditing.

    async def audit(
        self, tracked: Collection[str] = (), patience: float = inf, orphans: Collection[Address] = ()
    ) -> tuple[Snapshot, Judgement]:
        """Observe everything that was marked, and judge the whole snapshot.

        tracked: the domains of views-disagree findings, which may stay undecided even if they have no known
        local address any more. patience: seconds after which the rest stays marked for the next audit: what
        was marked by name comes before a sweep, domains of few addresses before those of many.
        orphans: addresses of orphan-vip findings whose domains have no answer; whether they are still local
        is asked too.
        """
        context = await self._observe(patience)
        sockets = cache(self._host.sockets)  # listed once for both, because that is costly
        snapshot, policy = self._snapshot(context, tracked, orphans, sockets), context.policy
        drafted = draft(snapshot, policy, self._memo)
        if drafted.changes:  # the surroundings are observed only if a fix is proposed
            around = self._surroundings.around(drafted.changes, policy, snapshot.monotonic, sockets)
            snapshot = replace(snapshot, surroundings=around)
        self._open.judged(self._memo.take_changed(), snapshot.domains)
        return snapshot, await with_breaks(judging(snapshot, drafted, policy, self._memo))

    async def _observe(self, patience: float) -> AuditContext:
        """Observe what was marked, within `patience` seconds. Returns the context of the observations."""
        marked, everything = self._marks.take()
        marked |= self._take_connects()
        if self._observer.observe(self._policy, everything=everything):
            self._surroundings.invalidate()
            self._sources.invalidate()
        context = AuditContext(
            self._policy,
            self._observer.holders,
            self._observer.generation,
            self._host.loopback_up(),
            self._resolver.stub_addresses,
            self._hostname,
        )
        now = self._clock.now()
        self.last.at, until = now.wall, now.monotonic + patience

        def is_over() -> bool:
            return self._clock.now().monotonic >= until

        if everything:
            self.checks.sweep()
            self._domains.begin_sweep(context)
        if not everything or patience < inf:
            self._marks.names |= await self._domains.observe(marked, context, is_over)
        await self._domains.continue_sweep(context, is_over)
        if self.connects.wanted and not is_over():
            await self._observe_refusals(context, is_over)
        return context

    async def _observe_refusals(self, context: AuditContext, is_over: Callable[[], bool]) -> None:
        """Observe again where a connect just requested was refused or accepted at once, as most are.

        connects.run() makes them while this waits for a few turns of the loop. So the snapshot has the
        outcomes before it is judged, and an orphan is confirmed by the audit that finds it: without the
        wait every new orphan would take two audits. An outcome that comes later marks its domains, and the
        next audit judges it.
        """
        for _ in range(_TURNS_FOR_CONNECTS):
            await asyncio.sleep(0)
            if not self.connects.wanted:
                break
        self._marks.names |= await self._domains.observe(self._take_connects(), context, is_over)

    async def audit_with_connects(self) -> tuple[Snapshot, Judgement]:
        """Audit, make the connects that this requests, and audit again: for `check`."""
        found = await self.audit()
        if self.checks.wanted:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.connects.make_all_wanted())
                group.create_task(self.checks.ask_all_wanted())
            if self.connects.has_changed or self.checks.has_changed:
                found = await self.audit()
        for _ in range(_ROUNDS):
            if not self.connects.wanted:
                break
            await self.connects.make_all_wanted()
            found = await self.audit()
        return found

    def _snapshot(
        self,
        context: AuditContext,
        tracked: Collection[str],
        orphans: Collection[Address],
        sockets: Callable[[], Known[Sockets] | Unknown],
    ) -> Snapshot:
        if self._shown_version != self._domains.version:
            self._shown, self._shown_version = dict(self._domains.observed), self._domains.version
        now, referenced, observer = self._clock.now(), self._referenced(), self._observer
        disputed = ((name, unsure(self._resolver.answer(name))) for name in tracked)
        return Snapshot(
            host=self._hostname,
            netns=self._netns,
            at=now.wall,
            uptime=now.uptime,
            monotonic=now.monotonic,
            links=self._host.links(),
            held=context.holders.held,
            prefixes=observer.prefixes,
            black_holes=observer.black_holes,
            arp=observer.arp,
            twins=observer.twins,
            sources=self._sources.observe(context.holders, referenced, context.policy.expect),
            sockets=observer.sockets_if_idle(referenced, sockets),
            domains=self._shown,
            referenced=referenced,
            unresolved=self._resolver.unresolved(),
            elsewhere=self._elsewhere(orphans, context),
            over_limit=self._resolver.over_limit(),
            unread=tuple(self._resolver.unread),
            unsure={
                **self._resolver.unsure(),
                **{name: other for name, other in disputed if other is not None},
            },
            srv_ports=self._resolver.srv_ports,
            loopback_up=context.loopback_up,
            refused=self.victims.often(context.holders.held),
            problems=tuple(Problem("dns", line) for line in self._resolver.problems),
        )

    def _elsewhere(self, addresses: Collection[Address], context: AuditContext) -> frozenset[Address]:
        """The addresses that are not delivered to a watched interface, for any port."""
        if self._host.flow_routes_may_differ:
            return frozenset(one for one in addresses if not self._host.may_be_local(one))
        asked = tuple(dict.fromkeys(addresses))
        deliveries = zip(asked, self._host.deliveries(asked), strict=True) if asked else ()
        return frozenset(
            one for one, met in deliveries if place(self._host, context.holders, one, met) is None
        )

    def _referenced(self) -> frozenset[Address]:
        """The held addresses that a domain resolves to, by the observations or else by the resolver."""
        held, reached = self._observer.holders.addresses, self._domains.reached
        others = held - reached.keys()
        return held - {one for one in others if not self._resolver.at(one)}
