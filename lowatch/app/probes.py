"""What confirming connects met: made where nobody seems to listen, and believed for a while."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lowatch.core.listeners import Connect, Endpoint, Listener
from lowatch.core.observed import Unknown

from .ports import Clock, Host, Prober

_LASTS = 60.0
"""Seconds for which a connect's outcome is believed."""

Served = Listener | Unknown | None
Probe = Connect | Unknown


class Probes:
    """Remembers each endpoint's last connect."""

    def __init__(self, host: Host, prober: Prober, clock: Clock) -> None:
        self._host = host
        self._prober = prober
        self._clock = clock
        self._met: dict[Endpoint, tuple[Probe, float]] = {}

    def doubt(self) -> None:
        """Believe none of them any more."""
        self._met.clear()

    async def connect(self, endpoints: Sequence[Endpoint]) -> dict[Endpoint, Probe]:
        """Make one to each endpoint: what it meets."""
        met = dict(zip(endpoints, await self._prober(endpoints), strict=True))
        now = self._clock.now().monotonic
        self._met.update({endpoint: (probe, now) for endpoint, probe in met.items()})
        return met

    def came_meanwhile(self, accepted: Sequence[Endpoint]) -> dict[Endpoint, Served]:
        """Where a socket is now: it accepted the connect, and nothing was redirected."""
        served = zip(accepted, self._host.listeners(accepted), strict=True)
        came: dict[Endpoint, Served] = {e: listener for e, listener in served if listener is not None}
        for endpoint in came:
            del self._met[endpoint]
        return came

    def believed(self, listeners: Mapping[Endpoint, Served]) -> dict[Endpoint, Probe]:
        """What recent connects met. An accepted one says nothing once a socket is there."""
        if not self._met:
            return {}
        oldest = self._clock.now().monotonic - _LASTS
        self._met = {
            e: (probe, at)
            for e, (probe, at) in self._met.items()
            if at > oldest and not (probe is Connect.ACCEPTED and isinstance(listeners.get(e), Listener))
        }
        return {e: self._met[e][0] for e in listeners if e in self._met}
