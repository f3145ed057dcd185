"""The domains with a local address, and their observations, kept from audit to audit.

Of a hundred thousand names, nearly all have no local address. They cost nothing here, because the resolver
is asked which names resolve to this host's addresses, not the other way round.
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
from .last_listeners import LastListeners
from .listener_checks import ListenerChecks
from .open_endpoints import OpenEndpoints
from .ports import Host, Resolver
from .remembered_orphans import RememberedOrphans
from .stable_chunks import Chunk, StableChunks

_CHUNK = 256
"""Domains, and addresses of them, that are observed before the loop may run: about 2 ms, or 8."""
_PORTS = 4
"""Ports per domain up to which that many domains are observed at a time."""
_LIGHT = 8
"""Addresses up to which a domain is observed before those with more."""


class LocalDomains:
    """observed: the domains with a local address in some view, or with one that could not be checked."""

    def __init__(
        self,
        host: Host,
        resolver: Resolver,
        connects: ConfirmingConnects,
        checks: ListenerChecks,
        open_endpoints: OpenEndpoints,
        remembered: RememberedOrphans,
        last: LastListeners,
    ) -> None:
        self._host = host
        self._resolver = resolver
        self._connects = connects
        self._checks = checks
        self._open = open_endpoints
        self._remembered = remembered
        self._last = last
        self.observed: dict[str, DomainObservation] = {}
        self.version = 0
        """Grows whenever an observation changes."""
        self.reached: dict[Address, int] = {}
        """How many domains resolve to each address, by destination."""
        self.progress = 0
        """Grows with every portion observed."""
        self._chunks: StableChunks[KernelAnswers] = StableChunks(_CHUNK)
        self._unswept: deque[Chunk[KernelAnswers]] = deque()
        self._chunk_size_of: tuple[Policy, int] | None = None
        self._observed_since: set[str] = set()
        """Domains observed individually since their chunk was observed."""

    def expects(self, name: str, numbers: set[int]) -> bool:
        """Whether the domain expects one of these port numbers, at any address."""
        observed = self.observed.get(name)
        return observed is not None and any(
            port.port.number in numbers for local in observed.local for port in local.ports
        )

    def leading_to(self, address: Address) -> Iterable[str]:
        """The domains that may resolve to an address: in a DNS outage also those that did before."""
        return chain(self._resolver.at(address), self._remembered.at(address))

    def leading_here(self) -> set[str]:
        """The domains with an address that may be local. Any address may be if the tables lack rows."""
        local = self._host.local_prefixes()
        return self._resolver.inside(EVERYWHERE if local is None else local) | self._remembered.names

    # Sweeping: all of them, chunk by chunk.

    @property
    def is_sweeping(self) -> bool:
        """Whether a sweep has begun and continue_sweep() has not finished it."""
        return bool(self._unswept)

    def begin_sweep(self, context: AuditContext) -> None:
        """Begin to observe all domains that have or had a local address. Forget those no longer followed.

        What the previous sweep left over comes first.
        """
        domains = context.policy.domains
        for name in [name for name in self.observed if name not in domains]:
            self._replace(name, None)
        self._chunks.resize(self._chunk_size(context.policy))
        here = self.leading_here() & domains.keys()
        self._chunks.replace_names(here | self.observed.keys())
        waiting = {id(one) for one in self._unswept}
        chunks = list(self._chunks)
        first = [one for one in chunks if id(one) in waiting]
        self._unswept = deque([*first, *(one for one in chunks if id(one) not in waiting)])

    async def continue_sweep(self, context: AuditContext, is_over: Callable[[], bool]) -> None:
        """Observe the rest of the sweep, until it is complete or the time is over."""
        while self._unswept:
            chunk = self._unswept.popleft()
            if not context.policy.domains.keys() >= set(chunk.names):
                chunk.names = [name for name in chunk.names if name in context.policy.domains]
            answers, seen = self._answers(chunk.names), chunk.seen
            if seen is not None and seen.answers == [*answers.values()]:
                portions = [answers]  # it was one before
            else:
                portions = _portions(answers, self._chunk_size(context.policy))
            if len(portions) <= 1:
                changed = self._observed_since.intersection(chunk.names)
                known = None if changed else chunk.seen
                self._observed_since -= changed
                chunk.seen = self._observe(portions[0] if portions else {}, context, known)
            else:  # nothing is cached for a heavy chunk, because its portions change
                chunk.seen = None
                self._observed_since.difference_update(chunk.names)
                for portion in portions:
                    self._observe(portion, context, None)
                    await asyncio.sleep(0)
            await asyncio.sleep(0)
            if is_over():
                return

    # Observing single domains.

    async def observe(
        self, names: set[str], context: AuditContext, is_over: Callable[[], bool]
    ) -> set[str]:
        """Observe those of the domains that are followed and have or had a local address.

        Domains with few addresses come first, so that they do not wait for the others. Returns those that
        were not observed in time.
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
        """How many domains to observe before the loop may run. Computed once for each policy."""
        if self._chunk_size_of is None or self._chunk_size_of[0] is not policy:
            fewer = _CHUNK * _PORTS // max(_PORTS, len(ports_of(policy.domains)))
            self._chunk_size_of = policy, min(_CHUNK, max(8, fewer))
        return self._chunk_size_of[1]

    def _answers(self, names: Iterable[str]) -> dict[str, Answer]:
        answer, remembered = self._resolver.answer, self._remembered
        found = {name: answer(name) for name in names}
        for name in remembered.names & found.keys():
            found[name] = remembered.completed(found[name])
        return found

    def _observe(
        self, answers_of: Mapping[str, Answer], context: AuditContext, known: KernelAnswers | None
    ) -> KernelAnswers:
        """Ask the kernel everything again. If all its answers are the known ones, nothing is replaced."""
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
        check = context.loopback_up and self._checks.may_concern(served)
        for name, answer, placed in zip(names, seen.answers, seen.placed, strict=True):
            observed = domain_observation(
                answer,
                placed,
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
            if observed is not None and check:
                observed = self._checks.checked(observed)
            self._replace(name, observed)

    def _with_connects(
        self, name: str, observed: DomainObservation, context: AuditContext
    ) -> DomainObservation:
        """Request the connects that an observation needs. Returns it with their outcomes.

        Until they are made it has the outcomes of the last ones, or PENDING.
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
        """Replace the observation of a domain; None if it has no local address any more."""
        before = self.observed.get(name)
        observed = self._last.followed(before, observed)
        if observed == before:
            return
        self.version += 1
        reached = self.reached
        if observed is None:
            del self.observed[name]
        else:
            self.observed[name] = observed
            for local in observed.local:
                address = destination(local.address)
                reached[address] = reached.get(address, 0) + 1
        for local in before.local if before is not None else ():
            address = destination(local.address)
            reached[address] -= 1
            if not reached[address]:
                del reached[address]


def _weight(answer: Answer) -> int:
    """How many addresses the kernel has to be asked about."""
    return len(possible_addresses(answer))


def _portions(answers: dict[str, Answer], size: int) -> list[dict[str, Answer]]:
    """The answers in portions, each as much work as `size` domains with an address or two."""
    if answers and len(answers) <= size and sum(map(_weight, answers.values())) <= 2 * size:
        return [answers]
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
