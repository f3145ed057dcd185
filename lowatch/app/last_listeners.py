"""Remembers who served an endpoint last, from the moment that its listener is gone.

As long as there is a listener, the observation has it, and nothing is remembered here. So nothing grows
while all is well.
"""

from __future__ import annotations

from collections.abc import Mapping

from lowatch.core.last_served import LastServed
from lowatch.core.limits.names import LAST_SERVED
from lowatch.core.listeners import Connect, Endpoint, Listener
from lowatch.core.served_state import ports_of
from lowatch.core.snapshot import DomainObservation, LocalAddress, PortObservation


class LastListeners:
    """Compares each observation of a domain with the one before."""

    def __init__(self) -> None:
        self.at = 0.0
        """Wall-clock seconds of the audit that observes. All that it finds gone ended at the same time."""
        self.changes = 0
        """Grows whenever another listener serves an endpoint, or none does any more."""
        self._gone: dict[Endpoint, LastServed] = {}  # the latest comes last

    def remember(self, served: Mapping[Endpoint, LastServed]) -> None:
        """What earlier audits knew, the latest last."""
        for endpoint, last in served.items():
            self._put(endpoint, last)

    @property
    def gone(self) -> Mapping[Endpoint, LastServed]:
        """A copy, the latest last. What is served now may be among them."""
        return dict(self._gone)

    def followed(
        self, before: DomainObservation | None, observed: DomainObservation | None
    ) -> DomainObservation | None:
        """The observation, with the last listener of each port that has none now.

        before: the previous one of the same domain, as returned from here; None if there was none.
        """
        if before is not None and observed is not None and before.local == observed.local:
            return observed  # nearly always: all listeners are there, and are the same
        if before is None and observed is not None and not self._gone:
            for local in observed.local:
                for port in local.ports:
                    self.changes += isinstance(port.listener, Listener)
            return observed  # all there is at the start
        was, now = dict(ports_of(before)), dict(ports_of(observed))
        for endpoint, port in was.items():
            if isinstance(port.listener, Listener):
                self._look_whether_gone(endpoint, port.listener, now.get(endpoint))
        for endpoint, port in now.items():
            self._look_whether_served(endpoint, was.get(endpoint), port)
        if observed is None or not self._gone:
            self._gone = self._gone or {}  # a dict that was large keeps its room
            return observed
        return observed._replace(local=tuple(map(self._with_last, observed.local)))

    def _look_whether_gone(self, endpoint: Endpoint, was: Listener, now: PortObservation | None) -> None:
        if now is not None and isinstance(now.listener, Listener):
            return
        known = self._gone.get(endpoint)
        if known is not None and known.ended:
            return  # another domain leads to it too, and was observed first
        # If no domain leads to it any more, it may be served all the same. That is no news.
        self._put(endpoint, LastServed(was.unit, self.at, ended=now is not None and now.listener is None))
        self.changes += now is not None

    def _look_whether_served(
        self, endpoint: Endpoint, was: PortObservation | None, now: PortObservation
    ) -> None:
        if isinstance(now.listener, Listener):
            known = self._gone.pop(endpoint, None)
            if was is not None and isinstance(was.listener, Listener):
                self.changes += was.listener.unit != now.listener.unit
            else:  # a name that left and came back is no news
                self.changes += known is None or known.ended or known.unit != now.listener.unit
        elif now.listener is None and now.connect is Connect.ACCEPTED and endpoint in self._gone:
            # Something without a socket serves it now, such as DNAT. It has no unit.
            del self._gone[endpoint]
            self.changes += 1

    def _put(self, endpoint: Endpoint, last: LastServed) -> None:
        self._gone.pop(endpoint, None)
        self._gone[endpoint] = last
        if len(self._gone) > LAST_SERVED.value:
            LAST_SERVED.reached()
            del self._gone[next(iter(self._gone))]

    def _with_last(self, local: LocalAddress) -> LocalAddress:
        return local._replace(
            ports=tuple(
                port
                if port.listener is not None
                else port._replace(last_served=self._gone.get(Endpoint(local.address, port.port)))
                for port in local.ports
            )
        )
