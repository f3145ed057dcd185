"""Verifies an audit on this host: each verdict against a real connect, for `lowatch check --verify`.

What differs is audited and compared again. It is a disagreement only if it differs in each of three rounds,
and in each the kernel said the same right before and right after the connect.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import AbstractContextManager
from itertools import islice
from typing import NamedTuple

from lowatch.core.addresses import Address, Port, format_address
from lowatch.core.judgement import Judgement
from lowatch.core.limits.kernel import ENDPOINTS_VERIFIED
from lowatch.core.listeners import Connect, ConnectOutcome, Endpoint
from lowatch.core.policy import Policy
from lowatch.core.snapshot import Snapshot
from lowatch.core.verdicts import JudgedEndpoint, Verdict
from lowatch.core.verification import Compared, Outcome, Trial, Verification, compare

from .auditor import Auditor
from .overlooked import overlooked
from .ports import Host, Prober, Resolver
from .sighting import sight

CONNECTS_PER_SECOND = 100
ROUNDS = 3
_PAUSE = 0.5

_DOUBTFUL = frozenset({Outcome.DISAGREES, Outcome.CHANGING})


class _Key(NamedTuple):
    """A verdict. port, verdict: None for an address that was taken for another host's."""

    domain: str
    address: Address
    port: Port | None = None
    verdict: Verdict | None = None


_Findings = Mapping[_Key, Compared]


class Verified(NamedTuple):
    """The last audit that was made, and the result."""

    snapshot: Snapshot
    judgement: Judgement
    verification: Verification


class Verifier:
    """open_host: opens another Host, which has kept nothing. prober: one that waits for each outcome.

    per_second: connects. pause: seconds between two rounds.
    """

    def __init__(
        self,
        auditor: Auditor,
        host: Host,
        resolver: Resolver,
        policy: Policy,
        prober: Prober,
        open_host: Callable[[], AbstractContextManager[Host]],
        per_second: float = CONNECTS_PER_SECOND,
        pause: float = _PAUSE,
    ) -> None:
        self._auditor = auditor
        self._host = host
        self._resolver = resolver
        self._policy = policy
        self._prober = prober
        self._open_host = open_host
        self._per_second = per_second
        self._pause = pause

    async def verify(self, snapshot: Snapshot, judgement: Judgement) -> Verified:
        """Compare every verdict; where one differs, the auditor audits again, with all it has kept."""
        found = await self._compare(snapshot, judgement, {})
        differing = Counter(_differing(found))
        for _ in range(1, ROUNDS):
            if not any(one.outcome in _DOUBTFUL for one in found.values()):
                break
            await asyncio.sleep(self._pause)
            self._host.invalidate()
            self._auditor.replace_policy(self._policy)  # it makes its connects again, too
            snapshot, judgement = await self._auditor.audit_with_connects()
            settled = {key: one for key, one in found.items() if one.outcome not in _DOUBTFUL}
            found = await self._compare(snapshot, judgement, settled)
            differing.update(_differing(found))
        return Verified(snapshot, judgement, _verification(found, differing))

    async def _compare(
        self, snapshot: Snapshot, judgement: Judgement, settled: _Findings
    ) -> dict[_Key, Compared]:
        """Compare the verdicts. settled: those of an earlier round that need no other connect."""
        judged = {_key(one): one for each in judgement.domains.values() for one in each.endpoints}
        with self._open_host() as fresh:
            fresh.refresh()
            wanted = dict.fromkeys(_endpoint(one) for key, one in judged.items() if key not in settled)
            trials = await self._try_all(fresh, wanted, _checked(snapshot))
            found = {key: settled.get(key) or _compared(one, trials) for key, one in judged.items()}
            for domain, address in await overlooked(fresh, self._resolver, self._policy, snapshot):
                where = f"{domain} at {format_address(address)}"
                said = f"{where}: lowatch says not local, but the kernel delivers it here"
                found[_Key(domain, address)] = Compared(Outcome.DISAGREES, said)
        return found

    async def _try_all(
        self, fresh: Host, endpoints: Iterable[Endpoint], checked: Collection[Endpoint]
    ) -> dict[Endpoint, Trial]:
        """A trial of each endpoint, up to the limit, with so many connects per second."""
        tasks = {}
        async with asyncio.TaskGroup() as group:
            for endpoint in islice(endpoints, ENDPOINTS_VERIFIED.value):
                trying = self._try(fresh, endpoint, checked=endpoint in checked)
                tasks[endpoint] = group.create_task(trying)
                await asyncio.sleep(1 / self._per_second if endpoint.port.protocol == "tcp" else 0)
        return {endpoint: task.result() for endpoint, task in tasks.items()}

    async def _try(self, fresh: Host, endpoint: Endpoint, *, checked: bool) -> Trial:
        """A connect between two look-ups, if it stays on this host."""
        before, outcome = sight(fresh, endpoint), None
        if before.may_be_met and endpoint.port.protocol == "tcp":
            [outcome] = await self._prober.connect([endpoint], _NOBODY)
        return Trial(before, outcome, sight(fresh, endpoint), checked, fresh.loopback_up())


class _Nobody:
    """The prober waits for every outcome, so none is late."""

    def connect_answered(self, endpoint: Endpoint, outcome: ConnectOutcome) -> None:
        pass


_NOBODY = _Nobody()


def _endpoint(one: JudgedEndpoint) -> Endpoint:
    return Endpoint(one.address, one.port)


def _key(one: JudgedEndpoint) -> _Key:
    return _Key(one.domain, one.address, one.port, one.verdict)


def _checked(snapshot: Snapshot) -> frozenset[Endpoint]:
    """The endpoints that the audit itself has connected to."""
    return frozenset(
        Endpoint(local.address, port.port)
        for observed in snapshot.domains.values()
        for local in observed.local
        for port in local.ports
        if isinstance(port.connect, Connect)
    )


def _compared(judged: JudgedEndpoint, trials: Mapping[Endpoint, Trial]) -> Compared:
    trial = trials.get(_endpoint(judged))
    return Compared(Outcome.BEYOND) if trial is None else compare(judged, trial)


def _differing(found: _Findings) -> list[_Key]:
    return [key for key, one in found.items() if one.outcome is Outcome.DISAGREES]


def _verification(found: _Findings, differing: Mapping[_Key, int]) -> Verification:
    """differing: in how many rounds each verdict differed. What did not in all of them was changing."""
    ends = [
        Compared(Outcome.CHANGING) if one.outcome is Outcome.DISAGREES and differing[key] < ROUNDS else one
        for key, one in found.items()
    ]
    outcomes = Counter(one.outcome for one in ends)
    if outcomes[Outcome.BEYOND]:
        ENDPOINTS_VERIFIED.reached()
    return Verification(
        outcomes,
        disagreements=tuple(dict.fromkeys(one.said for one in ends if one.outcome is Outcome.DISAGREES)),
        unseen=tuple(dict.fromkeys(one.said for one in ends if one.outcome is Outcome.UNSEEN)),
    )
