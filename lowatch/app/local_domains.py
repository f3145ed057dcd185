"""The domains that lead here: what was observed of each, kept from audit to audit.

Of a hundred thousand names nearly all lead elsewhere. Those cost nothing here: the resolver is asked which
names lead to this host's addresses, not the other way round.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain

from lowatch.core.addresses import EVERYWHERE, Address, destination
from lowatch.core.answers import Answer
from lowatch.core.held import FlowRoute
from lowatch.core.policy import Policy, ports_of
from lowatch.core.snapshot import DomainObservation
from lowatch.core.verdicts import connects_needed
from lowatch.core.views import possible_addresses

from .confirming_connects import ConfirmingConnects
from .domain_observation import domain_observation, with_outcomes
from .kernel_answers import AuditContext, KernelAnswers, ask_kernel
from .open_endpoints import OpenEndpoints
from .ports import Host, Resolver
from .remembered_orphans import RememberedOrphans
from .stable_chunks import Chunk, StableChunks

_CHUNK = 256
"""Domains observed before the loop gets its turn, and so many of their addresses: about 2 ms, or 8."""
_PORTS = 4
"""As many ports as each of them may have; where there are more, fewer domains are observed."""
_LIGHT = 8
"""Addresses up to which a domain is observed before those that have more."""


class LocalDomains:
    """observed: the domains that lead here in some view, and those of which that could not be asked."""

    def __init__(
        self,
        host: Host,
        resolver: Resolver,
        connects: ConfirmingConnects,
        open_endpoints: OpenEndpoints,
        remembered: RememberedOrphans,
    ) -> None:
        self._host = host
        self._resolver = resolver
        self._connects = connects
        self._open = open_endpoints
        self._remembered = remembered
        self.observed: dict[str, DomainObservation] = {}
        self.version = 0
        """Grows whenever any of them is replaced by another."""
        self.reached: dict[Address, int] = {}
        """How many domains lead to an address; by destination."""
        self.progress = 0
        """Grows with every portion that was observed."""
        self._chunks: StableChunks[KernelAnswers] = StableChunks(_CHUNK)
        self._unswept: deque[Chunk[KernelAnswers]] = deque()
        self._chunk_size_of: tuple[Policy, int] | None = None
        self._observed_since: set[str] = set()
        """Domains observed by themselves since their chunk was."""

    def expects(self, name: str, numbers: set[int]) -> bool:
        """Whether a socket on one of these ports would serve the domain somewhere."""
        observed = self.observed.get(name)
        return observed is not None and any(
            port.port.number in numbers for local in observed.local for port in local.ports
        )

    def leading_to(self, address: Address) -> Iterable[str]:
        """The domains that may lead to an address: in an outage also those that did so before."""
        return chain(self._resolver.at(address), self._remembered.at(address))

    def leading_here(self) -> set[str]:
        """The domains with an address that may be local; any address may, where the tables lack rows."""
        local = self._host.local_prefixes()
        return self._resolver.inside(EVERYWHERE if local is None else local) | self._remembered.names

    # Sweeping: all of them, chunk by chunk.

    @property
    def is_sweeping(self) -> bool:
        """Whether a sweep has begun that continue_sweep() has not ended."""
        return bool(self._unswept)

    def begin_sweep(self, context: AuditContext) -> None:
        """Have every domain observed that leads here, or did so; forget those that are followed no more.

        What the sweep before has left over comes first.
        """
        domains = context.policy.domains
        for name in [name for name in self.observed if name not in domains]:
            self._replace(name, None)
        self._chunks.resize(self._chunk_size(context.policy))
        here = {name for name in self.leading_here() if name in domains}
        self._chunks.replace_names(here | self.observed.keys())
        waiting = {id(one) for one in self._unswept}
        chunks = list(self._chunks)
        first = [one for one in chunks if id(one) in waiting]
        self._unswept = deque([*first, *(one for one in chunks if id(one) not in waiting)])

    async def continue_sweep(self, context: AuditContext, is_over: Callable[[], bool]) -> None:
        """Observe what is left of the sweep, until nothing is or the time is over."""
        while self._unswept:
            chunk = self._unswept.popleft()
            chunk.names = [name for name in chunk.names if name in context.policy.domains]
            portions = _portions(self._answers(chunk.names), self._chunk_size(context.policy))
            if len(portions) <= 1:
                changed = self._observed_since.intersection(chunk.names)
                known = None if changed else chunk.seen
                self._observed_since -= changed
                chunk.seen = self._observe(portions[0] if portions else {}, context, known)
            else:  # of a heavy chunk nothing is kept: its portions would not stay the same
                chunk.seen = None
                self._observed_since.difference_update(chunk.names)
                for portion in portions:
                    self._observe(portion, context, None)
                    await asyncio.sleep(0)
            await asyncio.sleep(0)
            if is_over():
                return

    # Observing some.

    async def observe(
        self, names: set[str], context: AuditContext, is_over: Callable[[], bool]
    ) -> set[str]:
        """Observe those of these domains that lead here, or did so, if they are followed.

        Those of few addresses come first, so that no domain has to wait for the others. Returns those that
        were not observed when the time was over.
        """
        others = names - self.observed.keys()
        if others:
            others &= self.leading_here()
        wanted = [name for name in names if name in self.observed or name in others]
        wanted = [name for name in wanted if name in context.policy.domains]
        self._observed_since.update(wanted)
        answers = self._answers(wanted)
        answers = dict(sorted(answers.items(), key=lambda one: _weight(one[1]) > _LIGHT))  # stable
        left = set(wanted)
        for portion in _portions(answers, self._chunk_size(context.policy)):
            self._observe(portion, context, None)
            left.difference_update(portion)
            await asyncio.sleep(0)
            if is_over():
                break
        return left

    def _chunk_size(self, policy: Policy) -> int:
        """How many domains to observe before the loop gets its turn. Found once for each policy."""
        if self._chunk_size_of is None or self._chunk_size_of[0] is not policy:
            fewer = _CHUNK * _PORTS // max(_PORTS, len(ports_of(policy.domains)))
            self._chunk_size_of = policy, min(_CHUNK, max(8, fewer))
        return self._chunk_size_of[1]

    def _answers(self, names: Iterable[str]) -> dict[str, Answer]:
        return {name: self._answer(name) for name in names}

    def _answer(self, name: str) -> Answer:
        answer = self._resolver.answer(name)
        return self._remembered.completed(answer) if name in self._remembered else answer

    def _observe(
        self, answers_of: Mapping[str, Answer], context: AuditContext, known: KernelAnswers | None
    ) -> KernelAnswers:
        """Ask the kernel everything again; where all its answers are those known, nothing is replaced."""
        seen = ask_kernel(self._host, answers_of, context, known)
        if seen is not known or self._open.any_by_connect(answers_of):
            self._build(list(answers_of), seen)
        self.progress += 1
        return seen

    def _build(self, names: Sequence[str], seen: KernelAnswers) -> None:
        """Replace the observations of these domains."""
        context, served = seen.context, seen.served()
        connects = self._connects.met_among(served)
        no_way_back, led_away = (
            seen.with_flow_route(FlowRoute.NO_WAY_BACK),
            seen.with_flow_route(FlowRoute.ELSEWHERE),
        )
        confirm = context.policy.probe and None in seen.listeners
        for name, answer in zip(names, seen.answers, strict=True):
            domain = context.policy.domains[name]
            observed = domain_observation(
                domain,
                answer,
                seen.places,
                served,
                connects,
                context.holders,
                context.hostname,
                no_way_back,
                led_away,
            )
            if observed is not None and confirm:
                observed = self._with_connects(name, observed, context)
            self._replace(name, observed)

    def _with_connects(
        self, name: str, observed: DomainObservation, context: AuditContext
    ) -> DomainObservation:
        """The observation, with the connects that it needs: they are requested.

        Until they are made it has the outcome of the last ones, or PENDING.
        """
        unhealthy = {*self._open.unhealthy.of(name), *self._remembered.endpoints(name)}
        needed = connects_needed(
            context.policy.domains[name], observed, unhealthy, loopback_up=context.loopback_up
        )
        if not needed:
            return observed
        self._connects.request(needed)
        return with_outcomes(observed, {one: self._connects.last_outcome(one) for one in needed})

    def _replace(self, name: str, observed: DomainObservation | None) -> None:
        """Keep what was observed of a domain, or forget it where it does not lead here any more."""
        before = self.observed.get(name)
        if observed == before:
            return
        self.version += 1
        if observed is None:
            del self.observed[name]
        else:
            self.observed[name] = observed
            for local in observed.local:
                self._count(destination(local.address), 1)
        for local in before.local if before is not None else ():
            self._count(destination(local.address), -1)

    def _count(self, address: Address, domains: int) -> None:
        reached = self.reached.get(address, 0) + domains
        if reached:
            self.reached[address] = reached
        else:
            del self.reached[address]


def _weight(answer: Answer) -> int:
    """How many addresses there are to ask about."""
    return len(possible_addresses(answer))


def _portions(answers: Mapping[str, Answer], size: int) -> list[dict[str, Answer]]:
    """In order; each takes no longer than `size` domains with an address or two each."""
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
