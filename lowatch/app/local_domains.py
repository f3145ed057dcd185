"""The domains that lead here: each one's view and verdicts, kept from audit to audit.

Of a hundred thousand names nearly all lead elsewhere, always. Those cost nothing here: which names lead
to this host is asked of the resolver, the other way round.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain

from lowatch.core.addresses import EVERYWHERE, Address, destination
from lowatch.core.answers import Answer
from lowatch.core.clock import Clock
from lowatch.core.held import Delivery
from lowatch.core.judgement import DomainJudgement, judge_domain
from lowatch.core.known import Unknown
from lowatch.core.listeners import SILENT, Connect, Endpoint, Listener
from lowatch.core.policy import ports_of
from lowatch.core.snapshot import DomainObservation, LocalAddress, PortObservation
from lowatch.core.verdicts import JudgedEndpoint, Verdict
from lowatch.core.views import all_given

from .confirming_connects import Probe, Probes, Served
from .domain_observation import Place, domain_observation, expected_endpoints, place
from .look import Look, Seen, here
from .ports import Host, Prober, Resolver
from .remembered_orphans import Recalled
from .stable_chunks import Slice, Slices
from .unhealthy import Unhealthy

_SLICE = 256
"""Domains looked at before the loop gets its turn, and so many of their addresses: about 2 ms, or 8."""
_PORTS = 4
"""As many as that each of them may have; where there are more, fewer domains are looked at."""
_LIGHT = 8
"""Addresses up to which a domain is looked at before those that have more."""

_NOT_WELL = frozenset({Verdict.ORPHAN, Verdict.BACKLOGGED})
"""Verdicts that the appearance of a listener, or an accept(), would change: no event tells of either."""

_BY_CONNECT = frozenset({Verdict.ORPHAN, Verdict.REDIRECTED, Verdict.UNKNOWN})
"""Verdicts that a connect may have made, and another one may change, where no socket is."""

_UNSETTLED = _NOT_WELL | {Verdict.REDIRECTED, Verdict.UNKNOWN}
"""Verdicts that a connect() may have made, or may unmake."""


class Domains:
    """views, judged: of the domains that lead here in some view, or of which that could not be asked.

    eventful: those of them that any rule has something to say of.
    """

    def __init__(self, host: Host, resolver: Resolver, prober: Prober, clock: Clock) -> None:
        self._host = host
        self._resolver = resolver
        self._probes = Probes(host, prober, clock)
        self.views: dict[str, DomainObservation] = {}
        self.judged: dict[str, DomainJudgement] = {}
        self.eventful: dict[str, DomainJudgement] = {}
        self.reached: dict[Address, int] = {}
        """How many views lead to an address; by destination."""
        self._unhealthy = Unhealthy()
        self._by_connect: dict[str, frozenset[Endpoint]] = {}
        self._unsettled: set[str] = set()
        self._slices: Slices[Seen] = Slices(_SLICE)
        self._taken_since: set[str] = set()
        self.version = 0
        """Grows whenever any view is replaced."""
        self.recalled = Recalled()
        self._unswept: deque[Slice[Seen]] = deque()
        self.progress = 0
        """Grows with every slice that was looked at."""

    @property
    def unhealthy(self) -> bool:
        """Whether there are endpoints where a listener that appears, or an accept(), would be news."""
        return bool(self._unhealthy)

    @property
    def unhealthy_changes(self) -> int:
        """Grows whenever other endpoints than before are not well."""
        return self._unhealthy.changes

    def _ports_of(self, name: str) -> Iterator[tuple[LocalAddress, PortObservation, JudgedEndpoint]]:
        """What was seen of each endpoint of a domain, and what it came to."""
        ports = ((local, port) for local in self.views[name].local for port in local.ports)
        for (local, port), judged in zip(ports, self.judged[name].endpoints, strict=True):
            yield local, port, judged

    def poll(self) -> set[str]:
        """Ask again who serves the endpoints that are not well. The domains that saw it otherwise.

        Each domain by its own view: of two that share an endpoint, one may have been looked at since. Where
        there are very many, some: the domains of few by turns, and those of many by turns.
        """
        names = self._unhealthy.next()
        endpoints = list(dict.fromkeys(one for name in names for one in self._unhealthy.of(name)))
        served = dict(zip(endpoints, self._host.listeners(endpoints), strict=True))
        return {
            name
            for name in names
            for local in self.views[name].local
            for view in local.ports
            if (endpoint := Endpoint(local.address, view.port)) in served
            and _state_of(served[endpoint]) != _state_of(view.listener)
        }

    def expects(self, name: str, numbers: set[int]) -> bool:
        """Whether a socket on one of these ports would serve it somewhere."""
        view = self.views.get(name)
        return view is not None and any(
            port.port.number in numbers for local in view.local for port in local.ports
        )

    # What connects meet, again and again.

    def doubt(self) -> None:
        """Confirm anew by a connect() whatever one has confirmed or refuted."""
        self._probes.doubt()

    @property
    def probes_due(self) -> float | None:
        """When probe_again() has something to do, in monotonic seconds."""
        return self._probes.due

    async def probe_again(self) -> list[Endpoint]:
        """Connect again where it is time. The endpoints that met something else than before."""
        return await self._probes.again(self._hangs_on_connect)

    async def confirm(self, endpoints: Sequence[Endpoint], newer_than: float) -> list[Endpoint]:
        """Connect again where that was last done before that. The endpoints that were not refused."""
        return await self._probes.renew(endpoints, newer_than)

    def learn(self, endpoint: Endpoint, probe: Probe) -> bool:
        """A connect was answered late. Whether it is news."""
        return self._probes.learn(endpoint, probe)

    def _hangs_on_connect(self, endpoint: Endpoint) -> bool:
        """Whether what a connect to it meets makes some domain's verdict."""
        return any(endpoint in self._by_connect.get(name, ()) for name in self.names_at(endpoint.address))

    def names_at(self, address: Address) -> Iterable[str]:
        """The domains that may lead to an address: in an outage those too that are recalled."""
        return chain(self._resolver.at(address), self.recalled.at(address))

    @property
    def is_sweeping(self) -> bool:
        """Whether a sweep has begun that sweep_on() has not ended."""
        return bool(self._unswept)

    def begin_sweep(self, look: Look) -> None:
        """Have every domain looked at that leads here, or did so; forget those that are followed no more.

        What a sweep before this one has not come to yet comes first.
        """
        domains = look.policy.domains
        for name in [name for name in self.views if name not in domains]:
            self._drop(name)
        self._slices.resize(_slice(look))
        self._slices.hold({name for name in self.that_lead_here() if name in domains} | self.views.keys())
        waiting = {id(one) for one in self._unswept}
        slices = list(self._slices)
        first = [one for one in slices if id(one) in waiting]
        self._unswept = deque([*first, *(one for one in slices if id(one) not in waiting)])

    async def sweep_on(self, look: Look, until: Callable[[], bool]) -> None:
        """Look at what is left of the sweep, until nothing is or `until` says that it is enough."""
        while self._unswept:
            part = self._unswept.popleft()
            part.names = [name for name in part.names if name in look.policy.domains]
            portions = _portions(self._answers(part.names), _slice(look))
            if len(portions) <= 1:
                taken = self._taken_since.intersection(part.names)
                known = None if taken else part.seen
                self._taken_since -= taken
                part.seen = await self._look_at(portions[0] if portions else {}, look, known)
            else:  # of a whole that is heavy nothing is kept: its portions would not stay the same
                part.seen = None
                self._taken_since.difference_update(part.names)
                for portion in portions:
                    await self._look_at(portion, look, None)
                    await asyncio.sleep(0)
            await asyncio.sleep(0)
            if until():
                return

    async def look_at(self, names: set[str], look: Look, until: Callable[[], bool]) -> set[str]:
        """Look at those of these domains that lead here, or did so. What is not followed is passed over.

        Those of few addresses come first, so that nobody has to wait for the others. Returns those that
        were not looked at when `until` said that it is enough.
        """
        others = names - self.views.keys()
        if others:
            others &= self.that_lead_here()
        wanted = [name for name in names if name in self.views or name in others]
        wanted = [name for name in wanted if name in look.policy.domains]
        self._taken_since.update(wanted)
        answers = self._answers(wanted)
        answers = dict(sorted(answers.items(), key=lambda one: _weight(one[1]) > _LIGHT))  # stable
        left = set(wanted)
        for portion in _portions(answers, _slice(look)):
            await self._look_at(portion, look, None)
            left.difference_update(portion)
            await asyncio.sleep(0)
            if until():
                break
        return left

    def _answers(self, names: Iterable[str]) -> dict[str, Answer]:
        return {name: self._answer(name) for name in names}

    def _answer(self, name: str) -> Answer:
        answer = self._resolver.answer(name)
        return self.recalled.answer(answer) if name in self.recalled else answer

    def that_lead_here(self) -> set[str]:
        """The domains with an address that may be local; any address may, where the tables lack rows."""
        local = self._host.local_prefixes()
        return self._resolver.inside(EVERYWHERE if local is None else local) | self.recalled.names

    async def _look_at(self, given: Mapping[str, Answer], look: Look, known: Seen | None) -> Seen:
        """Ask everything anew; where all that comes back is what is known, the views stay."""
        names, answers = list(given), list(given.values())
        if known is not None and not (known.look.is_like(look) and known.answers == answers):
            known = None
        candidates = known.candidates if known else self._candidates(answers)
        deliveries = self._deliveries(names, answers, candidates, look)
        if known and deliveries == known.deliveries:
            places, expected = known.places, known.expected
        else:
            known = None
            places = {
                address: place(self._host, look.holders, address, delivery)
                for address, delivery in zip(candidates, deliveries, strict=True)
            }
            expected = self._expected(names, answers, places, look)
        courses = self._host.courses(expected) if self._host.courses_differ else []
        if known and courses == known.courses:
            asked = known.asked
        else:
            known = None
            asked = here(expected, courses)
        listeners = self._host.listeners(asked)
        seen = Seen(look, answers, candidates, deliveries, places, expected, courses, asked, listeners)
        if not (known and listeners == known.listeners and self._settled(names)):
            await self._take_all(names, seen, look)
        self.progress += 1
        return seen

    def _candidates(self, answers: Iterable[Answer]) -> list[Address]:
        """The addresses, of any view, that may be local; each once."""
        addresses = dict.fromkeys(address for answer in answers for address in all_given(answer))
        return [address for address in addresses if self._host.may_be_local(address)]

    def _deliveries(
        self, names: Sequence[str], answers: Sequence[Answer], candidates: list[Address], look: Look
    ) -> list[Delivery | Unknown]:
        """One of each candidate. Where ports matter, one is local that is so for any of its endpoints.

        And not known where one of them is not, and none is local.
        """
        deliveries = self._host.deliveries(candidates)
        if not self._host.courses_differ:
            return deliveries
        found = dict(zip(candidates, deliveries, strict=True))
        here = {address for address, one in found.items() if isinstance(one, Delivery) and one.local}
        doubtful = [
            Endpoint(address, port)
            for name, answer in zip(names, answers, strict=True)
            for address, ports in answer.expected(look.policy.domains[name].ports)
            if address in found and address not in here
            for port in ports
        ]
        for endpoint, one in zip(doubtful, self._host.endpoint_deliveries(doubtful), strict=True):
            known = found[endpoint.address]
            is_local = isinstance(known, Delivery) and known.local
            if not is_local and (isinstance(one, Unknown) or one.local):
                found[endpoint.address] = one
        return list(found.values())

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

    async def _take_all(self, names: Sequence[str], seen: Seen, look: Look) -> None:
        """Build and judge the views; confirm the orphans among them by a connect()."""
        listeners = seen.served()
        probes = self._probes.believed(listeners)
        for name, answer in zip(names, seen.answers, strict=True):
            self._take(name, answer, seen, listeners, probes)
        doubtful = list(self._unconfirmed(names, probes)) if look.policy.probe else []
        if not doubtful:
            return
        endpoints = list(dict.fromkeys(endpoint for _, endpoint in doubtful))
        probes.update(await self._probes.connect(endpoints))
        again = {name for name, _ in doubtful}
        came = self._probes.came_meanwhile([e for e in endpoints if probes[e] is Connect.ACCEPTED])
        if came:
            listeners.update(came)
            self._taken_since |= again  # the slice's answers are no longer what the views were made of
        for name, answer in zip(names, seen.answers, strict=True):
            if name in again:
                self._take(name, answer, seen, listeners, probes)

    def _unconfirmed(
        self, names: Iterable[str], probes: Mapping[Endpoint, Probe]
    ) -> Iterator[tuple[str, Endpoint]]:
        for name in names:
            unhealthy = frozenset(self._unhealthy.of(name))
            for judged in self.judged[name].endpoints if unhealthy else ():
                endpoint = Endpoint(judged.address, judged.port)
                doubtful = judged.verdict is Verdict.ORPHAN or (
                    judged.verdict is Verdict.UNKNOWN and judged.listener is None and endpoint in unhealthy
                )
                if doubtful and endpoint not in probes:
                    yield name, endpoint

    def _take(
        self,
        name: str,
        answer: Answer,
        seen: Seen,
        listeners: Mapping[Endpoint, Served],
        probes: Mapping[Endpoint, Probe],
    ) -> None:
        """Replace a domain's view and verdicts, or forget both where it does not lead here."""
        look = seen.look
        domain = look.policy.domains[name]
        view = domain_observation(
            domain,
            answer,
            seen.places,
            listeners,
            probes,
            look.holders,
            look.hostname,
            seen.no_way_back,
            seen.led_away,
        )
        self._forget_view(name)
        if view is None:
            self._unhealthy.replace(name, ())
        else:
            self._keep(name, view, judge_domain(domain, view, loopback_up=look.loopback_up))

    def _keep(self, name: str, view: DomainObservation, judged: DomainJudgement) -> None:
        self.version += 1
        self.views[name] = view
        self.judged[name] = judged
        for local in view.local:
            self._count(destination(local.address), 1)
        if judged.findings or judged.undecided:
            self.eventful[name] = judged
        if not any(endpoint.verdict in _UNSETTLED for endpoint in judged.endpoints):
            self._unhealthy.replace(name, ())
            return
        self._unsettled.add(name)
        ports = [
            (Endpoint(local.address, port.port), port, one.verdict)
            for local, port, one in self._ports_of(name)
        ]
        by_connect = (e for e, port, verdict in ports if port.listener is None and verdict in _BY_CONNECT)
        self._by_connect[name] = frozenset(by_connect)
        # What was not well is not yet so where nothing is known of it any more.
        before = {*self._unhealthy.of(name), *self.recalled.endpoints(name)}
        self._unhealthy.replace(
            name,
            (
                endpoint
                for endpoint, port, verdict in ports
                if _may_get_well(port, verdict)
                or (verdict is Verdict.UNKNOWN and port.listener is None and endpoint in before)
            ),
        )

    def _drop(self, name: str) -> None:
        self._forget_view(name)
        self._unhealthy.replace(name, ())

    def _forget_view(self, name: str) -> None:
        view = self.views.pop(name, None)
        if view is None:
            return
        self.version += 1
        del self.judged[name]
        self.eventful.pop(name, None)
        self._by_connect.pop(name, None)
        self._unsettled.discard(name)
        for local in view.local:
            self._count(destination(local.address), -1)

    def _count(self, address: Address, views: int) -> None:
        reached = self.reached.get(address, 0) + views
        if reached:
            self.reached[address] = reached
        else:
            del self.reached[address]


def _slice(look: Look) -> int:
    """How many domains to look at before the loop gets its turn."""
    fewer = _SLICE * _PORTS // max(_PORTS, len(ports_of(look.policy.domains)))
    return min(_SLICE, max(8, fewer))


def _weight(answer: Answer) -> int:
    """How many addresses there are to look at."""
    return len(all_given(answer))


def _portions(answers: Mapping[str, Answer], size: int) -> list[dict[str, Answer]]:
    """In order, as many in each as take no longer than `size` domains with an address or two each."""
    portions: list[dict[str, Answer]] = []
    room = 0
    for name, answer in answers.items():
        weight = _weight(answer)
        if not portions or weight > room or len(portions[-1]) == size:
            portions.append({})
            room = 2 * size
        portions[-1][name] = answer
        room -= weight
    return portions


def _may_get_well(view: PortObservation, verdict: Verdict) -> bool:
    """Whether a listener that appears, or an accept(), would be news; or a connect that is answered."""
    met_silence = view.connect in SILENT or isinstance(view.connect, Unknown)
    return verdict in _NOT_WELL or (view.listener is None and met_silence)


def _state_of(served: Served) -> object:
    """What of a listener makes a verdict: there or not, accepting or not, or not known."""
    if isinstance(served, Listener):
        return "full" if served.accept_queue_full else "accepting"
    return served
