"""Who serves and who served each endpoint at one moment: what is kept for the next process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from .last_served import LastServed
from .listeners import Endpoint, Listener
from .snapshot import DomainObservation, PortObservation


class ServedState(NamedTuple):
    """at: wall-clock seconds. domains: the last observations. gone: who served what is not served any more.

    gone: the latest last. It may have endpoints that are served now.
    """

    at: float
    domains: Mapping[str, DomainObservation]
    gone: Mapping[Endpoint, LastServed]

    def serving(self) -> dict[Endpoint, str | None]:
        """The unit that serves each endpoint, None if it is unknown."""
        return {
            endpoint: port.listener.unit
            for observed in self.domains.values()
            for endpoint, port in ports_of(observed)
            if isinstance(port.listener, Listener)
        }


def ports_of(observed: DomainObservation | None) -> Iterator[tuple[Endpoint, PortObservation]]:
    """Each endpoint of a domain, with its observation."""
    for local in () if observed is None else observed.local:
        for port in local.ports:
            yield Endpoint(local.address, port.port), port
