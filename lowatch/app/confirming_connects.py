"""What confirming connects met: made where nobody seems to listen, and again as time goes by.

No event tells when NAT begins or ends to lead somewhere: so what was met is asked for again, soon after it
was new and then every few seconds, and never by more than a bounded number a second.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from heapq import heappop, heappush
from typing import NamedTuple

from lowatch.core.clock import Clock
from lowatch.core.known import Unknown
from lowatch.core.listeners import Connect, Endpoint, Listener

from .ports import Host, Prober

_LASTS = 60.0
"""Seconds for which a connect's outcome is believed, where there were too many to ask again before."""
_SOON, _AT_MOST = 0.5, 4.0
"""Seconds until the next connect: doubled with each that meets the same."""
_REST = 0.25
_AGAIN_AT_ONCE = 25
"""Connects in one go, and seconds between them: 100 a second take 0.6 % of a core."""

Served = Listener | Unknown | None
Probe = Connect | Unknown


class _Met(NamedTuple):
    """What was met, and when, and when to ask again: all monotonic seconds."""

    probe: Probe
    at: float
    wait: float

    @property
    def due(self) -> float:
        return self.at + self.wait


class Probes:
    """Remembers each endpoint's last connect."""

    def __init__(self, host: Host, prober: Prober, clock: Clock) -> None:
        self._host = host
        self._prober = prober
        self._clock = clock
        self._met: dict[Endpoint, _Met] = {}
        self._queue: list[tuple[float, Endpoint]] = []
        self._rested = float("-inf")

    def doubt(self) -> None:
        """Believe none of them any more."""
        self._met.clear()
        self._queue.clear()

    async def connect(self, endpoints: Sequence[Endpoint]) -> dict[Endpoint, Probe]:
        """Make one to each endpoint: what it meets."""
        for endpoint, probe in zip(endpoints, await self._prober(endpoints), strict=True):
            self.learn(endpoint, probe)
        return {endpoint: self._met[endpoint].probe for endpoint in endpoints}

    def learn(self, endpoint: Endpoint, probe: Probe) -> bool:
        """Take in what a connect met; whether that is news.

        One without an answer yet puts a refusal in doubt, and nothing else: its answer will be told.
        """
        known = self._met.get(endpoint)
        pending = probe is Connect.PENDING
        if pending and known is not None and known.probe is not Connect.REFUSED:
            probe = known.probe
        news = known is None or known.probe != probe
        wait = _AT_MOST if pending else _SOON if known is None or news else min(_AT_MOST, 2 * known.wait)
        met = _Met(probe, self._clock.now().monotonic, wait)
        self._met[endpoint] = met
        heappush(self._queue, (met.due, endpoint))
        return news

    def came_meanwhile(self, accepted: Sequence[Endpoint]) -> dict[Endpoint, Served]:
        """Where a socket is now: it accepted the connect, and nothing was redirected."""
        served = zip(accepted, self._host.listeners(accepted), strict=True)
        came: dict[Endpoint, Served] = {e: listener for e, listener in served if listener is not None}
        for endpoint in came:
            del self._met[endpoint]
        return came

    def believed(self, listeners: Mapping[Endpoint, Served]) -> dict[Endpoint, Probe]:
        """What recent connects met. What one met says nothing once a socket is there."""
        oldest = self._clock.now().monotonic - _LASTS
        found = {}
        for endpoint, listener in listeners.items() if self._met else ():
            met = self._met.get(endpoint)
            if met is None:
                continue
            if met.at <= oldest or isinstance(listener, Listener):
                del self._met[endpoint]
            else:
                found[endpoint] = met.probe
        return found

    # Asking again.

    @property
    def due(self) -> float | None:
        """When again() has something to do, in monotonic seconds; None: nothing was met."""
        while self._queue and not self._stands(*self._queue[0]):
            heappop(self._queue)
        return max(self._queue[0][0], self._rested + _REST) if self._queue else None

    def _stands(self, due: float, endpoint: Endpoint) -> bool:
        """Whether this is when to ask again, and not when it once was."""
        met = self._met.get(endpoint)
        return met is not None and met.due == due

    async def again(self, matters: Callable[[Endpoint], bool]) -> list[Endpoint]:
        """Connect again where it is time, the longest due first. The endpoints that met something else.

        matters: whether a verdict still hangs on what a connect to it meets; the others are forgotten.
        """
        now = self._clock.now().monotonic
        endpoints: dict[Endpoint, None] = {}
        while self._queue and self._queue[0][0] <= now and len(endpoints) < _AGAIN_AT_ONCE:
            due, endpoint = heappop(self._queue)
            if not self._stands(due, endpoint):
                continue
            if matters(endpoint):
                endpoints[endpoint] = None
            else:
                del self._met[endpoint]
        self._rested = now
        return await self._renew(list(endpoints))

    async def renew(self, endpoints: Sequence[Endpoint], newer_than: float) -> list[Endpoint]:
        """Connect again to those last asked before that. Of all of them those that were not refused."""
        await self._renew(
            [one for one in endpoints if one not in self._met or self._met[one].at < newer_than]
        )
        return [one for one in endpoints if self._met[one].probe is not Connect.REFUSED]

    async def _renew(self, endpoints: Sequence[Endpoint]) -> list[Endpoint]:
        if not endpoints:
            return []
        before = {endpoint: self._met.get(endpoint) for endpoint in endpoints}
        after = await self.connect(endpoints)
        return [e for e, met in before.items() if met is None or met.probe != after[e]]
