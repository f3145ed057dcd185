"""The audit: what to look at again, looking, judging. Shared whole by `check` and the daemon.

Events, answers and sweeps only mark what to look at again; audit() asks the kernel about exactly that,
and judges. Views of domains that were not marked stay as they are, and so do their verdicts. A domain
that leads elsewhere may be marked as often as its answer changes: nothing is looked at for that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from math import inf
from typing import NamedTuple

from lowatch.core.addresses import Address, Prefix, is_loopback
from lowatch.core.arp import NO_ARP, Arp
from lowatch.core.clock import Clock
from lowatch.core.findings import Subject
from lowatch.core.held import BlackHole, LocalPrefix
from lowatch.core.judgement import DomainJudgement, Judgement, judge
from lowatch.core.known import Known, Unknown
from lowatch.core.limits.names import NAMES_LISTED
from lowatch.core.listeners import Connect, Endpoint, Sockets
from lowatch.core.name_outcomes import FollowedNames
from lowatch.core.policy import Policy
from lowatch.core.snapshot import DomainObservation, Problem, Snapshot
from lowatch.core.views import unsure

from .absent import AbsentInterfaces
from .domain_observation import (
    place,
)
from .fix_surroundings import FixesWeighed
from .host_observation import (
    Holders,
    ask_arp,
    ask_black_holes,
    ask_prefixes,
)
from .local_domains import Domains
from .look import Look
from .ports import Host, Prober, Resolver

_FRESH = 0.2
"""Seconds for which what a connect met is what it would meet now."""
_FIXES_FRESH = 1.0
"""Seconds for which the sockets and routes that a fix was weighed by are those of now: no event tells."""


class Auditor:
    """Keeps what was seen, and what has been marked since."""

    def __init__(
        self, host: Host, resolver: Resolver, prober: Prober, policy: Policy, clock: Clock, hostname: str
    ) -> None:
        self._host = host
        self._resolver = resolver
        self._policy = policy
        self._clock = clock
        self._hostname = hostname
        self._domains = Domains(host, resolver, prober, clock)
        self._marked: set[str] = set()
        self._marked_prefixes: set[Prefix] = set()
        self._marked_sockets: set[tuple[Address | None, int]] = set()
        self._marked_all = True
        self._generation = -1
        self._holders = Holders(Unknown("netlink", "not asked yet"))
        self._prefixes: Known[tuple[LocalPrefix, ...]] | Unknown = Known(())
        self._black_holes: Known[tuple[BlackHole, ...]] | Unknown = Known(())
        self._arp: Known[Arp] | Unknown = Known(NO_ARP)
        self._sockets: Known[Sockets] | Unknown | None = None
        self._sockets_before = Sockets()
        self._fixes = FixesWeighed(host, resolver)
        self._absent = AbsentInterfaces()
        self._shown = _Shown(-1, {}, {}, {})

    # Marking: cheap, synchronous, callable from any event.

    def mark_all(self) -> None:
        self._marked_all = True

    def mark_domain(self, domain: str) -> None:
        self._marked.add(domain)

    def mark_prefix(self, prefix: Prefix | None) -> None:
        """Addresses inside were added, removed or rerouted; None: any may have been."""
        if prefix is None:
            self._marked_all = True
        else:
            self._marked_prefixes.add(prefix)

    def mark_socket(self, address: Address, number: int) -> None:
        """A socket bound to address:number is gone; zeros mean a wildcard."""
        self._marked_sockets.add((address if any(address) else None, number))

    def _take_marks(self) -> tuple[set[str], bool]:
        """The domains to look at again, or that all are: looked up once for all events since."""
        marked, everything = self._marked, self._marked_all
        prefixes, sockets = self._marked_prefixes, self._marked_sockets
        self._marked, self._marked_all = set(), False
        self._marked_prefixes, self._marked_sockets = set(), set()
        # Where ports and sources matter, a route to one address is everybody's.
        everything = everything or (bool(prefixes) and self._host.courses_differ)
        if prefixes:
            marked |= self._resolver.inside(prefixes) | self._domains.recalled.names
        expects = self._domains.expects
        anywhere = {number for address, number in sockets if address is None}
        if anywhere:
            marked.update(name for name in self._domains.views if expects(name, anywhere))
        for address, number in sockets:
            if address is not None:
                names = self._domains.names_at(address)
                marked.update(name for name in names if expects(name, {number}))
        return marked, everything

    @property
    def marked(self) -> bool:
        return (
            self._marked_all
            or self._domains.is_sweeping
            or bool(self._marked or self._marked_prefixes or self._marked_sockets)
            or self._host.generation != self._generation
        )

    def replace_policy(self, policy: Policy) -> None:
        self._policy = policy
        self._domains.doubt()
        self.mark_all()

    # What it knows.

    def followed(self) -> FollowedNames:
        """All domains, whether they lead here or not."""
        names = self._resolver.not_resolved()
        if len(names) > NAMES_LISTED.value:
            NAMES_LISTED.reached()
        listed = tuple(map(self._resolver.answer, names[: NAMES_LISTED.value]))
        return FollowedNames(self._resolver.statuses, listed, self._policy.configured)

    @property
    def progress(self) -> int:
        """Grows as an audit goes on: its end may be far, where many connects meet a firewall."""
        return self._domains.progress

    def leads_here(self, domain: str) -> bool:
        """Whether it is one of the few that lead here, as far as was seen."""
        return domain in self._domains.views

    def may_lead_here(self) -> set[str]:
        """The domains with an address, in any view, that may be local now."""
        self._host.refresh()
        return self._domains.that_lead_here()

    @property
    def unhealthy(self) -> bool:
        """Whether there are endpoints where a listener that appears, or an accept(), would be news."""
        return self._domains.unhealthy

    @property
    def unhealthy_changes(self) -> int:
        """Grows whenever other endpoints than before are not well."""
        return self._domains.unhealthy_changes

    @property
    def is_sweeping(self) -> bool:
        """Whether an audit was broken off before it had looked at everything that it was to look at."""
        return self._domains.is_sweeping

    def poll(self) -> None:
        """Ask again who serves the endpoints that are not well; mark the domains where that changed."""
        self._marked |= self._domains.poll()

    def recall(self, subjects: Iterable[Subject]) -> None:
        """What was orphaned when the last run ended is looked at also while DNS says nothing of it."""
        self._domains.recalled.remember(subjects)

    # What connects meet.

    @property
    def probes_due(self) -> float | None:
        """When probe_again() has something to do, in monotonic seconds."""
        return self._domains.probes_due

    async def probe_again(self) -> None:
        """Connect again where it is time; mark the domains where that met something else."""
        self._mark_endpoints(await self._domains.probe_again())

    async def confirm(self, endpoints: Sequence[Endpoint]) -> list[Endpoint]:
        """Connect to these once more. Those that were not refused, whose domains are marked.

        Until these have been looked at again they are orphans still, and not refused however often asked.
        """
        if not self._policy.probe:
            return []
        newer_than = self._clock.now().monotonic - _FRESH
        refuted = await self._domains.confirm(endpoints, newer_than)
        self._mark_endpoints(refuted)
        return refuted

    def doubt_fixes(self) -> bool:
        """Whether what fixes were weighed by is too old to show them: the next audit asks for it anew."""
        return self._fixes.forget_older(self._clock.now().monotonic - _FIXES_FRESH)

    def connect_answered(self, endpoint: Endpoint, met: Connect | Unknown) -> None:
        """What a connect met whose answer nobody waited for."""
        if self._domains.learn(endpoint, met):
            self._mark_endpoints([endpoint])

    def _mark_endpoints(self, endpoints: Iterable[Endpoint]) -> None:
        for address, port in endpoints:
            names = self._domains.names_at(address)
            self._marked.update(name for name in names if self._domains.expects(name, {port.number}))

    # Auditing.

    async def audit(
        self, tracked: Collection[str] = (), patience: float = inf, orphans: Collection[Address] = ()
    ) -> tuple[Snapshot, Judgement]:
        """Look at all that was marked, and judge the whole.

        tracked: the domains of views-disagree findings. Whether they are over may have to stay open even
        where nothing that is known leads here any more. patience: seconds after which the rest stays marked
        for the next audit: what was marked by name comes before a sweep, domains of few addresses before
        those of many. orphans: addresses of orphan-vip findings whose domains have no answer: are they this
        host's still?
        """
        marked, everything = self._take_marks()
        self._look_at_host(everything)
        look = Look(
            self._policy,
            self._holders,
            self._generation,
            self._host.loopback_up(),
            self._resolver.stub_addresses,
            self._hostname,
        )
        until = self._clock.now().monotonic + patience

        def is_over() -> bool:
            return self._clock.now().monotonic >= until

        if everything:
            self._domains.begin_sweep(look)
        if not everything or patience < inf:
            self._marked |= await self._domains.look_at(marked, look, is_over)
        await self._domains.sweep_on(look, is_over)
        snapshot = replace(self._snapshot(look, tracked), elsewhere=self._elsewhere(orphans))
        judgement = judge(snapshot, self._policy, self._shown.judged, self._shown.eventful)
        return await self._fixes.weigh(snapshot, judgement, self._policy)

    def _elsewhere(self, addresses: Collection[Address]) -> frozenset[Address]:
        """Those that are not delivered to a watched interface, whatever the port."""
        if self._host.courses_differ:
            return frozenset(one for one in addresses if not self._host.may_be_local(one))
        asked = tuple(dict.fromkeys(addresses))
        deliveries = zip(asked, self._host.deliveries(asked), strict=True) if asked else ()
        return frozenset(
            one for one, met in deliveries if place(self._host, self._holders, one, met) is None
        )

    def _look_at_host(self, everything: bool) -> None:
        self._host.refresh()
        if self._host.generation != self._generation:
            self._generation = self._host.generation
            self._holders = Holders(self._host.held())
        elif not everything:
            return
        self._prefixes = ask_prefixes(self._host, self._holders)
        self._black_holes = ask_black_holes(self._host, self._holders)
        self._arp = ask_arp(self._host, self._holders)
        self._sockets = None
        self._fixes.forget()
        self._absent.tell(self._policy, self._host.links())

    def _snapshot(self, look: Look, tracked: Collection[str]) -> Snapshot:
        if self._shown.version != self._domains.version:
            self._shown = _Shown.of(self._domains)
        shown, now, referenced = self._shown, self._clock.now(), self._referenced()
        doubted = ((name, unsure(self._resolver.answer(name))) for name in tracked)
        return Snapshot(
            host=self._hostname,
            at=now.wall,
            uptime=now.uptime,
            monotonic=now.monotonic,
            links=self._host.links(),
            held=self._holders.held,
            prefixes=self._prefixes,
            black_holes=self._black_holes,
            arp=self._arp,
            sockets=self._where_bound(referenced),
            domains=shown.views,
            referenced=referenced,
            unresolved=self._resolver.unresolved(),
            crowded=self._resolver.crowded(),
            unread=tuple(self._resolver.unread),
            unsure={
                **self._resolver.unsure(),
                **{name: other for name, other in doubted if other is not None},
            },
            service_ports=self._resolver.service_ports,
            loopback_up=look.loopback_up,
            problems=tuple(Problem("dns", line) for line in self._resolver.problems),
        )

    def _referenced(self) -> frozenset[Address]:
        """The held addresses that some domain leads to. The views show most: only for the rest is asked."""
        held = self._holders.held
        if isinstance(held, Unknown):
            return frozenset()
        reached, at = self._domains.reached, self._resolver.at
        return frozenset(one.address for one in held.value if one.address in reached or at(one.address))

    def _where_bound(self, referenced: frozenset[Address]) -> Known[Sockets] | Unknown:
        """What sockets are bound to, listed only where some address is held for no domain.

        A dump may miss a socket under churn: what the one before it showed counts too.
        """
        held = self._holders.held
        if isinstance(held, Unknown) or all(
            one.address in referenced or is_loopback(one.address) for one in held.value
        ):
            return Known(Sockets())
        if self._sockets is None:
            self._sockets = self._host.sockets()
            if isinstance(self._sockets, Known):
                seen = self._sockets.value
                self._sockets = Known(seen.union(self._sockets_before))
                self._sockets_before = seen
        return self._sockets


class _Shown(NamedTuple):
    """The domains as the snapshot shows them: copies, made anew only when a view was replaced."""

    version: int
    views: Mapping[str, DomainObservation]
    judged: Mapping[str, DomainJudgement]
    eventful: Mapping[str, DomainJudgement]

    @classmethod
    def of(cls, domains: Domains) -> _Shown:
        return cls(domains.version, dict(domains.views), dict(domains.judged), dict(domains.eventful))
