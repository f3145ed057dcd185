"""The audit observes the marked parts of the host, and judges the whole snapshot.

`check` and the daemon share it. Events, answers, connects and sweeps only mark what to observe again;
audit() asks the kernel about exactly that, and keeps its other observations. Marking a domain without a
local address costs nothing: the kernel is not asked about it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from math import inf

from lowatch.core.addresses import Address, Prefix
from lowatch.core.clock import Clock
from lowatch.core.findings import Subject
from lowatch.core.judgement import Judgement, JudgementMemo, draft, judging
from lowatch.core.known import Unknown
from lowatch.core.limits.names import NAMES_LISTED
from lowatch.core.listeners import Endpoint
from lowatch.core.name_outcomes import FollowedNames
from lowatch.core.policy import Policy
from lowatch.core.snapshot import DomainObservation, Problem, Snapshot
from lowatch.core.views import unsure

from .breaks import with_breaks
from .confirming_connects import ConfirmingConnects
from .fix_surroundings import FixSurroundings
from .host_observation import HostObserver
from .kernel_answers import AuditContext, place
from .local_domains import LocalDomains
from .open_endpoints import OpenEndpoints
from .ports import Host, Prober, Resolver
from .remembered_orphans import RememberedOrphans

_FRESH = 0.2
"""Seconds for which the outcome of a connect counts as current."""
_TURNS_FOR_CONNECTS = 6
"""Loop iterations that an audit waits for connects: a local one is refused at once (kernel/probe.py)."""
_ROUNDS = 3
"""How many times audit_with_connects() makes the connects that the previous audit requested."""


class Auditor:
    """Keeps the observations, and what has been marked since.

    connects: run them concurrently with the audits (ConfirmingConnects.run).
    """

    def __init__(
        self, host: Host, resolver: Resolver, prober: Prober, policy: Policy, clock: Clock, hostname: str
    ) -> None:
        self.connects = ConfirmingConnects(prober, clock)
        self._host = host
        self._resolver = resolver
        self._policy = policy
        self._clock = clock
        self._hostname = hostname
        self._remembered = RememberedOrphans()
        self._open = OpenEndpoints(host, self.connects, self._remembered)
        self._domains = LocalDomains(host, resolver, self.connects, self._open, self._remembered)
        self._observer = HostObserver(host)
        self._surroundings = FixSurroundings(host, resolver)
        self._memo = JudgementMemo()
        self._shown: Mapping[str, DomainObservation] = {}
        self._shown_version = -1
        self._marked_all = True
        self._marked: set[str] = set()
        self._marked_prefixes: set[Prefix] = set()
        self._marked_sockets: set[tuple[Address | None, int]] = set()

    # Marking: cheap, synchronous, callable from any event.

    def mark_all(self) -> None:
        self._marked_all = True

    def mark_domain(self, domain: str) -> None:
        self._marked.add(domain)

    def mark_prefix(self, prefix: Prefix | None) -> None:
        """Addresses in the prefix were added, removed or rerouted. None: any addresses may have been."""
        if prefix is None:
            self._marked_all = True
        else:
            self._marked_prefixes.add(prefix)

    def mark_socket(self, address: Address, number: int) -> None:
        """A socket bound to address:number was closed. An address of zeros is the wildcard."""
        self._marked_sockets.add((address if any(address) else None, number))

    @property
    def marked(self) -> bool:
        """Whether an audit would observe anything."""
        return (
            self._marked_all
            or self._domains.is_sweeping
            or self.connects.has_changed
            or bool(self._marked or self._marked_prefixes or self._marked_sockets)
            or self._host.generation != self._observer.generation
        )

    def _take_marks(self) -> tuple[set[str], bool]:
        """The domains to observe again, and whether all are."""
        marked, everything = self._marked, self._marked_all
        prefixes, sockets = self._marked_prefixes, self._marked_sockets
        self._marked, self._marked_all = set(), False
        self._marked_prefixes, self._marked_sockets = set(), set()
        # If policy rules match ports or sources, a route to one address may affect all.
        everything = everything or (bool(prefixes) and self._host.flow_routes_may_differ)
        if prefixes:
            marked |= self._resolver.inside(prefixes) | self._remembered.names
        anywhere = {number for address, number in sockets if address is None}
        if anywhere:
            domains = self._domains
            marked.update(name for name in domains.observed if domains.expects(name, anywhere))
        at_one = [(address, number) for address, number in sockets if address is not None]
        return marked | self._expecting(at_one) | self._take_connects(), everything

    def _take_connects(self) -> set[str]:
        """The domains for which a connect has a new outcome."""
        return self._expecting((one.address, one.port.number) for one in self.connects.take_changed())

    def _expecting(self, sockets: Iterable[tuple[Address, int]]) -> set[str]:
        """The domains that a socket at one of these addresses and port numbers would serve."""
        return {
            name
            for address, number in sockets
            for name in self._domains.leading_to(address)
            if self._domains.expects(name, {number})
        }

    def replace_policy(self, policy: Policy) -> None:
        self._policy = policy
        self.connects.invalidate(probe=policy.probe)
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
        return FollowedNames(self._resolver.statuses, listed, self._policy.configured)

    @property
    def progress(self) -> int:
        """Grows during an audit, which takes long with very many domains."""
        return self._domains.progress

    def leads_here(self, domain: str) -> bool:
        """Whether the domain has a local address, according to the last observation."""
        return domain in self._domains.observed

    def may_lead_here(self) -> set[str]:
        """The domains with an address, in any view, that may be local now."""
        self._host.refresh()
        return self._domains.leading_here()

    @property
    def unhealthy(self) -> bool:
        """Whether there are endpoints whose verdict a new listener, or an accept(), would change."""
        return bool(self._open.unhealthy)

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
        self._marked |= self._open.poll(self._domains.observed)

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
        snapshot, policy = self._snapshot(context, tracked, orphans), context.policy
        drafted = draft(snapshot, policy, self._memo)
        if drafted.changes:  # the surroundings are observed only if a fix is proposed
            around = self._surroundings.around(drafted.changes, policy, snapshot.monotonic)
            snapshot = replace(snapshot, surroundings=around)
        self._open.judged(self._memo.take_changed(), snapshot.domains, drafted.domains)
        return snapshot, await with_breaks(judging(snapshot, drafted, policy, self._memo))

    async def _observe(self, patience: float) -> AuditContext:
        """Observe what was marked, within `patience` seconds. Returns the context of the observations."""
        marked, everything = self._take_marks()
        if self._observer.observe(self._policy, everything=everything):
            self._surroundings.invalidate()
        context = AuditContext(
            self._policy,
            self._observer.holders,
            self._observer.generation,
            self._host.loopback_up(),
            self._resolver.stub_addresses,
            self._hostname,
        )
        until = self._clock.now().monotonic + patience

        def is_over() -> bool:
            return self._clock.now().monotonic >= until

        if everything:
            self._domains.begin_sweep(context)
        if not everything or patience < inf:
            self._marked |= await self._domains.observe(marked, context, is_over)
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
        self._marked |= await self._domains.observe(self._take_connects(), context, is_over)

    async def audit_with_connects(self) -> tuple[Snapshot, Judgement]:
        """Audit, make the connects that this requests, and audit again: for `check`."""
        found = await self.audit()
        for _ in range(_ROUNDS):
            if not self.connects.wanted:
                break
            await self.connects.make_all_wanted()
            found = await self.audit()
        return found

    def _snapshot(
        self, context: AuditContext, tracked: Collection[str], orphans: Collection[Address]
    ) -> Snapshot:
        if self._shown_version != self._domains.version:
            self._shown, self._shown_version = dict(self._domains.observed), self._domains.version
        now, referenced, observer = self._clock.now(), self._referenced(), self._observer
        disputed = ((name, unsure(self._resolver.answer(name))) for name in tracked)
        return Snapshot(
            host=self._hostname,
            at=now.wall,
            uptime=now.uptime,
            monotonic=now.monotonic,
            links=self._host.links(),
            held=context.holders.held,
            prefixes=observer.prefixes,
            black_holes=observer.black_holes,
            arp=observer.arp,
            sockets=observer.sockets_if_idle(referenced),
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
        held = self._observer.holders.held
        if isinstance(held, Unknown):
            return frozenset()
        reached = self._domains.reached
        return frozenset(
            one.address for one in held.value if one.address in reached or self._resolver.at(one.address)
        )
