"""The configured domains: each one's view and verdicts, kept from audit to audit."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from lowatch.core.addresses import Address
from lowatch.core.answers import Answer, Status
from lowatch.core.held import Delivery
from lowatch.core.judgement import DomainJudgement, judge_domain
from lowatch.core.listeners import Connect, Endpoint, Listener
from lowatch.core.observed import Unknown
from lowatch.core.policy import Policy
from lowatch.core.snapshot import DomainView
from lowatch.core.verdicts import Verdict

from .collect import Holders, Place, build_view, expected_endpoints, place
from .names import NamesByAddress
from .ports import Clock, Host, Prober, Resolver

_SLICE = 256
"""Domains looked at before the loop gets its turn: about 2 ms."""
_PROBE_LASTS = 60.0
"""Seconds for which a confirming connect's outcome is believed."""

_NOT_WELL = frozenset({Verdict.ORPHAN, Verdict.BACKLOGGED})
"""Verdicts that the appearance of a listener, or an accept(), would change: no event tells of either."""

_UNSETTLED = _NOT_WELL | {Verdict.REDIRECTED, Verdict.UNKNOWN}
"""Verdicts that a connect() may have made, or may unmake."""

Served = Listener | Unknown | None
_Probe = Connect | Unknown


class Look(NamedTuple):
    """What all domains of one audit have in common.

    generation: of the host's tables. stub: the addresses of the host's own resolvers.
    """

    policy: Policy
    holders: Holders
    generation: int
    loopback_up: bool
    stub: frozenset[Address]


class _Slice(NamedTuple):
    """A run of domains as they were last swept: what was asked about them, and what came back."""

    look: Look
    answers: list[Answer]
    candidates: list[Address]
    deliveries: list[Delivery | Unknown]
    places: Mapping[Address, Place]
    expected: list[Endpoint]
    listeners: list[Served]


class Domains:
    """views, judged: of the domains of which something is local or undecided.

    eventful: those of them that any rule has something to say of.
    """

    def __init__(self, host: Host, resolver: Resolver, prober: Prober, clock: Clock) -> None:
        self._host = host
        self._resolver = resolver
        self._prober = prober
        self._clock = clock
        self.views: dict[str, DomainView] = {}
        self.judged: dict[str, DomainJudgement] = {}
        self.eventful: dict[str, DomainJudgement] = {}
        self.names = NamesByAddress()
        self._statuses: dict[str, Status] = {}
        self._not_well: set[str] = set()
        self._unsettled: set[str] = set()
        self._probes: dict[Endpoint, tuple[_Probe, float]] = {}
        self._slices: dict[int, _Slice] = {}
        self._taken_since: set[str] = set()
        self.version = 0
        """Grows whenever any view is replaced."""

    @property
    def statuses(self) -> Counter[Status]:
        return Counter(self._statuses.values())

    @property
    def not_well(self) -> list[Endpoint]:
        """The endpoints where a listener that appears, or an accept(), would be news."""
        return [
            Endpoint(judged.address, judged.port)
            for name in self._not_well
            for judged in self.judged[name].endpoints
            if judged.verdict in _NOT_WELL
        ]

    def poll(self) -> set[str]:
        """Ask again who serves the endpoints that are not well. The domains that saw it otherwise.

        Each domain by its own view: of two that share an endpoint, one may have been looked at since.
        """
        endpoints = list(dict.fromkeys(self.not_well))
        served = dict(zip(endpoints, self._host.listeners(endpoints), strict=True))
        return {
            name
            for name in self._not_well
            for local in self.views[name].local
            for view in local.ports
            if (endpoint := Endpoint(local.address, view.port)) in served
            and _state_of(served[endpoint]) != _state_of(view.listener)
        }

    def doubt(self) -> None:
        """Confirm anew by a connect() whatever one has confirmed or refuted."""
        self._probes.clear()

    async def sweep(self, look: Look) -> None:
        """Look at every domain of the policy, and forget those that are no longer in it."""
        for name in [name for name in self._statuses if name not in look.policy.domains]:
            self._forget(name)
        names = list(look.policy.domains)
        taken, self._taken_since = self._taken_since, set()
        self._slices = {i: one for i, one in self._slices.items() if i < len(names)}
        for first in range(0, len(names), _SLICE):
            part = names[first : first + _SLICE]
            known = self._slices.get(first) if taken.isdisjoint(part) else None
            self._slices[first] = await self._look_at(part, look, known)
            await asyncio.sleep(0)

    async def look_at(self, names: Iterable[str], look: Look) -> None:
        """Look at these domains; what is not in the policy is passed over."""
        wanted = [name for name in names if name in look.policy.domains]
        self._taken_since.update(wanted)
        for first in range(0, len(wanted), _SLICE):
            await self._look_at(wanted[first : first + _SLICE], look, None)
            await asyncio.sleep(0)

    async def _look_at(self, names: Sequence[str], look: Look, known: _Slice | None) -> _Slice:
        """Ask everything anew; where all that comes back is what is known, the views stay."""
        present = self._resolver.answers
        answers = [present.get(name) or Answer(name) for name in names]  # a reload takes names away
        if known is None or known.look != look or known.answers != answers:
            known = None
            for name, answer in zip(names, answers, strict=True):
                self._statuses[name] = answer.status
                self.names.put(name, answer.addresses)
        candidates = known.candidates if known else self._candidates(answers)
        deliveries = self._host.deliveries(candidates)
        if known and deliveries is known.deliveries:
            places, expected = known.places, known.expected
        else:
            known = None
            places = {
                address: place(self._host, look.holders, address, delivery)
                for address, delivery in zip(candidates, deliveries, strict=True)
            }
            expected = self._expected(names, answers, places, look)
        listeners = self._host.listeners(expected)
        seen = _Slice(look, answers, candidates, deliveries, places, expected, listeners)
        if not (known and listeners is known.listeners and self._settled(names)):
            await self._take_all(names, seen, look)
        return seen

    def _candidates(self, answers: Iterable[Answer]) -> list[Address]:
        """The addresses that may be local, each once."""
        addresses = dict.fromkeys(address for answer in answers for address in answer.addresses)
        return [address for address in addresses if self._host.may_be_local(address)]

    def _expected(
        self, names: Sequence[str], answers: Sequence[Answer], places: Mapping[Address, Place], look: Look
    ) -> list[Endpoint]:
        """The endpoints of these domains, each once."""
        domains = look.policy.domains
        return list(
            dict.fromkeys(
                endpoint
                for name, answer in zip(names, answers, strict=True)
                for endpoint in expected_endpoints(domains[name], answer, places, look.stub)
            )
        )

    def _settled(self, names: Iterable[str]) -> bool:
        """Whether no verdict of these domains hangs on a connect(), which has to be made again."""
        return not any(name in self._unsettled for name in names)

    async def _take_all(self, names: Sequence[str], seen: _Slice, look: Look) -> None:
        """Build and judge the views; confirm the orphans among them by a connect()."""
        listeners = dict(zip(seen.expected, seen.listeners, strict=True))
        probes = self._believed(listeners)
        for name, answer in zip(names, seen.answers, strict=True):
            self._take(name, answer, seen.places, listeners, probes, look)
        doubtful = list(self._unconfirmed(names, probes)) if look.policy.probe and look.loopback_up else []
        if not doubtful:
            return
        endpoints = list(dict.fromkeys(endpoint for _, endpoint in doubtful))
        probes.update(await self._connect(endpoints))
        again = {name for name, _ in doubtful}
        came = self._came_meanwhile([e for e in endpoints if probes[e] is Connect.ACCEPTED])
        if came:
            listeners.update(came)
            self._taken_since |= again  # the slice's answers are no longer what the views were made of
        for name, answer in zip(names, seen.answers, strict=True):
            if name in again:
                self._take(name, answer, seen.places, listeners, probes, look)

    async def _connect(self, endpoints: Sequence[Endpoint]) -> dict[Endpoint, _Probe]:
        """What a connect() to each meets."""
        met = dict(zip(endpoints, await self._prober(endpoints), strict=True))
        now = self._clock.now().monotonic
        self._probes.update({endpoint: (probe, now) for endpoint, probe in met.items()})
        return met

    def _came_meanwhile(self, accepted: Sequence[Endpoint]) -> dict[Endpoint, Served]:
        """Where a socket is now: it accepted the connect, and nothing was redirected."""
        served = zip(accepted, self._host.listeners(accepted), strict=True)
        came: dict[Endpoint, Served] = {e: listener for e, listener in served if listener is not None}
        for endpoint in came:
            del self._probes[endpoint]
        return came

    def _believed(self, listeners: Mapping[Endpoint, Served]) -> dict[Endpoint, _Probe]:
        """What recent connects met. An accepted one says nothing once a socket is there."""
        if not self._probes:
            return {}
        oldest = self._clock.now().monotonic - _PROBE_LASTS
        self._probes = {
            e: (probe, at)
            for e, (probe, at) in self._probes.items()
            if at > oldest and not (probe is Connect.ACCEPTED and isinstance(listeners.get(e), Listener))
        }
        return {e: self._probes[e][0] for e in listeners if e in self._probes}

    def _unconfirmed(
        self, names: Iterable[str], probes: Mapping[Endpoint, _Probe]
    ) -> Iterator[tuple[str, Endpoint]]:
        for name in names:
            if name in self._not_well:
                for judged in self.judged[name].endpoints:
                    endpoint = Endpoint(judged.address, judged.port)
                    tcp = judged.port.protocol == "tcp"
                    if judged.verdict is Verdict.ORPHAN and tcp and endpoint not in probes:
                        yield name, endpoint

    def _take(
        self,
        name: str,
        answer: Answer,
        places: Mapping[Address, Place],
        listeners: Mapping[Endpoint, Served],
        probes: Mapping[Endpoint, _Probe],
        look: Look,
    ) -> None:
        """Replace a domain's view and verdicts, or forget both where nothing of it is local."""
        self.version += 1
        domain = look.policy.domains[name]
        view = build_view(domain, answer, places, listeners, probes, look.holders)
        self._drop(name)
        if view is None:
            return
        judged = judge_domain(domain, view, loopback_up=look.loopback_up)
        self.views[name] = view
        self.judged[name] = judged
        if judged.findings or judged.undecided:
            self.eventful[name] = judged
        verdicts = {endpoint.verdict for endpoint in judged.endpoints}
        if verdicts & _NOT_WELL:
            self._not_well.add(name)
        if verdicts & _UNSETTLED:
            self._unsettled.add(name)

    def _drop(self, name: str) -> None:
        self.views.pop(name, None)
        self.judged.pop(name, None)
        self.eventful.pop(name, None)
        self._not_well.discard(name)
        self._unsettled.discard(name)

    def _forget(self, name: str) -> None:
        self.version += 1
        self._drop(name)
        self._statuses.pop(name, None)
        self.names.put(name, ())


def _state_of(served: Served) -> object:
    """What of a listener makes a verdict: there or not, accepting or not, or not known."""
    if isinstance(served, Listener):
        return "full" if served.accept_queue_full else "accepting"
    return served
