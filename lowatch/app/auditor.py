"""The audit: what to look at again, looking, judging. Shared whole by `check` and the daemon.

Events, answers and sweeps only mark what to look at again; audit() asks the kernel about exactly that,
and judges. Views of domains that were not marked stay as they are, and so do their verdicts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from lowatch.core.addresses import Address, Prefix, is_loopback
from lowatch.core.answers import Answer, Status
from lowatch.core.held import BlackHole, LocalPrefix
from lowatch.core.judgement import DomainJudgement, Judgement, judge, judge_domain
from lowatch.core.listeners import Connect, Endpoint, Listener
from lowatch.core.observed import Known, Unknown
from lowatch.core.policy import Policy
from lowatch.core.snapshot import DomainView, Problem, Snapshot
from lowatch.core.verdicts import Verdict

from .collect import (
    Holders,
    Place,
    ask_black_holes,
    ask_listeners,
    ask_places,
    ask_prefixes,
    build_view,
    expected_endpoints,
)
from .names import NamesByAddress
from .ports import Clock, Host, Prober, Resolver

_PROBE_LASTS = 60.0
"""Seconds for which a confirming connect's outcome is believed."""

_NOT_WELL = frozenset({Verdict.ORPHAN, Verdict.BACKLOGGED})
"""Verdicts that the appearance of a listener, or an accept(), would change: no event tells of either."""

_Probe = Connect | Unknown


class _Seen(NamedTuple):
    """What one round of questions brought."""

    answers: Mapping[str, Answer]
    places: Mapping[Address, Place]
    listeners: Mapping[Endpoint, Listener | Unknown | None]


class Auditor:
    """Keeps each domain's view and verdicts, and what has been marked since they were made."""

    def __init__(
        self, host: Host, resolver: Resolver, prober: Prober, policy: Policy, clock: Clock, hostname: str
    ) -> None:
        self._host = host
        self._resolver = resolver
        self._prober = prober
        self._policy = policy
        self._clock = clock
        self._hostname = hostname
        self._views: dict[str, DomainView] = {}
        self._judged: dict[str, DomainJudgement] = {}
        self._not_well: set[str] = set()
        self._names = NamesByAddress()
        self._statuses: dict[str, Status] = {}
        self._probes: dict[Endpoint, tuple[_Probe, float]] = {}
        self._marked: set[str] = set()
        self._marked_all = True
        self._generation = -1
        self._holders = Holders(Unknown("netlink", "not asked yet"))
        self._prefixes: Known[tuple[LocalPrefix, ...]] | Unknown = Known(())
        self._black_holes: Known[tuple[BlackHole, ...]] | Unknown = Known(())
        self._bound: Known[frozenset[Address]] | Unknown | None = None
        self._bound_before: frozenset[Address] = frozenset()
        self._loopback_up = True

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
            self._marked.update(self._names.inside(prefix))

    def mark_socket(self, address: Address, number: int) -> None:
        """A socket bound to address:number is gone; zeros mean a wildcard."""
        names = self._names.at(address) if any(address) else self._views
        self._marked.update(name for name in names if self._expects(name, number))

    def _expects(self, name: str, number: int) -> bool:
        domain = self._policy.domains.get(name)
        return domain is not None and any(port.number == number for port in domain.ports)

    @property
    def marked(self) -> bool:
        return self._marked_all or bool(self._marked) or self._host.generation != self._generation

    def replace_policy(self, policy: Policy) -> None:
        self._policy = policy
        self.mark_all()

    # What it knows.

    @property
    def statuses(self) -> Counter[Status]:
        return Counter(self._statuses.values())

    @property
    def not_well(self) -> list[Endpoint]:
        """The endpoints where a listener that appears, or an accept(), would be news."""
        return [
            Endpoint(judged.address, judged.port)
            for name in self._not_well
            for judged in self._judged[name].endpoints
            if judged.verdict in _NOT_WELL
        ]

    def poll(self) -> bool:
        """Ask again who serves the endpoints that are not well. True: something changed, and is marked."""
        endpoints = self.not_well
        before = {
            Endpoint(local.address, view.port): view.listener
            for name in self._not_well
            for local in self._views[name].local
            for view in local.ports
        }
        changed = False
        for endpoint, listener in zip(endpoints, self._host.listeners(endpoints), strict=True):
            if _serves(listener) != _serves(before[endpoint]):
                self._marked.update(self._names.at(endpoint.address))
                changed = True
        return changed

    # Auditing.

    async def audit(self) -> tuple[Snapshot, Judgement]:
        """Look at all that was marked, and judge the whole."""
        marked, everything = self._marked, self._marked_all
        self._marked, self._marked_all = set(), False
        self._look_at_host(everything)
        if everything:
            marked = set(self._policy.domains)
            for name in self._statuses.keys() - marked:
                self._forget(name)
        answers = {name: self._resolver.answers[name] for name in marked if name in self._policy.domains}
        for name, answer in answers.items():
            self._statuses[name] = answer.status
            self._names.put(name, answer.addresses)
        await self._look_at_domains(answers)
        snapshot = self._snapshot()
        return snapshot, judge(snapshot, self._policy, self._judged)

    def _look_at_host(self, everything: bool) -> None:
        self._host.refresh()
        if self._host.generation == self._generation and not everything:
            return
        self._generation = self._host.generation
        self._holders = Holders(self._host.held())
        self._prefixes = ask_prefixes(self._host, self._holders)
        self._black_holes = ask_black_holes(self._host, self._holders)
        self._bound = None
        self._loopback_up = self._host.loopback_up()

    async def _look_at_domains(self, answers: Mapping[str, Answer]) -> None:
        addresses = {address for answer in answers.values() for address in answer.addresses}
        places = await ask_places(self._host, self._holders, addresses)
        stub = self._resolver.stub_addresses
        expected = [
            endpoint
            for name, answer in answers.items()
            for endpoint in expected_endpoints(self._policy.domains[name], answer, places, stub)
        ]
        seen = _Seen(answers, places, await ask_listeners(self._host, expected))
        probes = self._believed(seen.listeners)
        for name in answers:
            self._take(name, seen, probes)
        doubtful = list(self._unconfirmed(answers, probes))
        if doubtful:
            endpoints = list(dict.fromkeys(endpoint for _, endpoint in doubtful))
            met = await self._prober(endpoints)
            now = self._clock.now().monotonic
            self._probes.update({e: (probe, now) for e, probe in zip(endpoints, met, strict=True)})
            probes.update(zip(endpoints, met, strict=True))
            for name in dict.fromkeys(name for name, _ in doubtful):
                self._take(name, seen, probes)

    def _believed(self, listeners: Iterable[Endpoint]) -> dict[Endpoint, _Probe]:
        oldest = self._clock.now().monotonic - _PROBE_LASTS
        self._probes = {e: (probe, at) for e, (probe, at) in self._probes.items() if at > oldest}
        return {e: self._probes[e][0] for e in listeners if e in self._probes} if self._probes else {}

    def _unconfirmed(
        self, names: Iterable[str], probes: Mapping[Endpoint, _Probe]
    ) -> Iterator[tuple[str, Endpoint]]:
        """Orphans that no connect() has confirmed. With lo down every connect would time out: none."""
        if not (self._policy.probe and self._loopback_up):
            return
        for name in names:
            if name in self._not_well:
                for judged in self._judged[name].endpoints:
                    endpoint = Endpoint(judged.address, judged.port)
                    tcp = judged.port.protocol == "tcp"
                    if judged.verdict is Verdict.ORPHAN and tcp and endpoint not in probes:
                        yield name, endpoint

    def _take(self, name: str, seen: _Seen, probes: Mapping[Endpoint, _Probe]) -> None:
        """Build a domain's view and judge it, or forget both where nothing of it is local."""
        domain = self._policy.domains[name]
        view = build_view(domain, seen.answers[name], seen.places, seen.listeners, probes, self._holders)
        self._not_well.discard(name)
        if view is None:
            self._views.pop(name, None)
            self._judged.pop(name, None)
            return
        judged = judge_domain(domain, view, loopback_up=self._loopback_up)
        self._views[name] = view
        self._judged[name] = judged
        if any(endpoint.verdict in _NOT_WELL for endpoint in judged.endpoints):
            self._not_well.add(name)

    def _forget(self, name: str) -> None:
        self._views.pop(name, None)
        self._judged.pop(name, None)
        self._statuses.pop(name, None)
        self._not_well.discard(name)
        self._names.put(name, ())

    def _snapshot(self) -> Snapshot:
        now = self._clock.now()
        referenced = frozenset(local.address for view in self._views.values() for local in view.local)
        return Snapshot(
            host=self._hostname,
            at=now.wall,
            uptime=now.uptime,
            links=self._host.links(),
            held=self._holders.held,
            prefixes=self._prefixes,
            black_holes=self._black_holes,
            bound=self._bound_addresses(referenced),
            domains=dict(self._views),
            referenced=referenced,
            unresolved=next((n for n, v in self._views.items() if v.answer.status is Status.UNKNOWN), None),
            loopback_up=self._loopback_up,
            problems=tuple(Problem("dns", line) for line in self._resolver.problems),
        )

    def _bound_addresses(self, referenced: frozenset[Address]) -> Known[frozenset[Address]] | Unknown:
        """What sockets are bound to, listed only where some address is held for no domain.

        A dump may miss a socket under churn: what the one before it showed counts too.
        """
        held = self._holders.held
        if isinstance(held, Unknown) or all(
            one.address in referenced or is_loopback(one.address) for one in held.value
        ):
            return Known(frozenset())
        if self._bound is None:
            self._bound = self._host.bound()
            if isinstance(self._bound, Known):
                seen = self._bound.value
                self._bound = Known(seen | self._bound_before)
                self._bound_before = seen
        return self._bound


def _serves(listener: Listener | Unknown | None) -> object:
    """What of a listener's state makes a verdict: there or not, accepting or not."""
    if isinstance(listener, Listener):
        return "full" if listener.accept_queue_full else "accepting"
    return listener
