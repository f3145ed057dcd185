"""Endpoints whose verdict may change without an event, by domain. They are polled or connected to.

No event reports a new listener, an accept(), or a change of NAT.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from operator import attrgetter

from lowatch.core.known import Unknown
from lowatch.core.listeners import SILENT, Endpoint, Listener
from lowatch.core.snapshot import DomainObservation, PortObservation
from lowatch.core.verdicts import DomainJudgement, JudgedEndpoint, Verdict

from .confirming_connects import ConfirmingConnects
from .ports import Host, ListenerAnswer
from .remembered_orphans import RememberedOrphans
from .unhealthy import Unhealthy

_UNHEALTHY = frozenset({Verdict.ORPHAN, Verdict.BACKLOGGED, Verdict.CAPTURED})
"""The verdicts that a new listener, or an accept(), would change."""
_BY_CONNECT = frozenset({Verdict.ORPHAN, Verdict.REDIRECTED, Verdict.UNKNOWN})
"""The verdicts that another connect may change if there is no socket."""
_OPEN = _UNHEALTHY | _BY_CONNECT
_verdict = attrgetter("verdict")


class OpenEndpoints:
    """What has to be checked again because of the verdicts of the last audit."""

    def __init__(self, host: Host, connects: ConfirmingConnects, remembered: RememberedOrphans) -> None:
        self._host = host
        self._connects = connects
        self._remembered = remembered
        self.unhealthy = Unhealthy()
        self._domains: set[str] = set()
        """The domains that have any."""
        self._polled: set[str] = set()
        """The domains with unhealthy endpoints that not only a new TCP listener would change."""

    def any_by_connect(self, names: Iterable[str]) -> bool:
        """Whether a connect may change the verdicts of one of these domains."""
        return not self._domains.isdisjoint(names)

    @property
    def waits_for_listeners(self) -> bool:
        """Whether only new TCP listeners would change the verdicts of the unhealthy endpoints."""
        return not self._polled

    def judged(
        self,
        changed: Mapping[str, DomainJudgement | None],
        observed: Mapping[str, DomainObservation],
    ) -> None:
        """These domains have other verdicts, or None: no local address any more."""
        for name, judgement in changed.items():
            if judgement is None or _OPEN.isdisjoint(map(_verdict, judgement.endpoints)):
                if name in self._domains:
                    self._domains.discard(name)
                    self._connects.replace_endpoints_of(name, ())
                    self.unhealthy.replace(name, ())
                    self._polled.discard(name)
                continue
            self._domains.add(name)
            ports = list(_ports(observed[name], judgement))
            self._connects.replace_endpoints_of(
                name, [e for e, port, one in ports if port.listener is None and one.verdict in _BY_CONNECT]
            )
            # An unhealthy endpoint stays unhealthy while nothing more is known about it.
            before = {*self.unhealthy.of(name), *self._remembered.endpoints(name)}
            unhealthy = [
                (e, port)
                for e, port, one in ports
                if _may_recover(port, one.verdict)
                or (one.verdict is Verdict.UNKNOWN and port.listener is None and e in before)
            ]
            self.unhealthy.replace(name, (e for e, _ in unhealthy))
            if all(port.listener is None and e.port.protocol == "tcp" for e, port in unhealthy):
                self._polled.discard(name)
            else:
                self._polled.add(name)

    def poll(self, observed: Mapping[str, DomainObservation]) -> set[str]:
        """Check again whether the unhealthy endpoints are served. Returns the domains where that changed.

        Each domain is compared with its own observation, because domains that share an endpoint may have
        been observed at different times. If there are very many, domains take turns. Those with few
        endpoints and those with many take turns separately.
        """
        names = self.unhealthy.next()
        endpoints = list(dict.fromkeys(one for name in names for one in self.unhealthy.of(name)))
        served = dict(zip(endpoints, self._host.listeners(endpoints), strict=True))
        return {
            name
            for name in names
            for local in observed[name].local
            for port in local.ports
            if (endpoint := Endpoint(local.address, port.port)) in served
            and _state_of(served[endpoint]) != _state_of(port.listener)
        }


def _ports(
    observed: DomainObservation, judgement: DomainJudgement
) -> Iterator[tuple[Endpoint, PortObservation, JudgedEndpoint]]:
    """The observation of each endpoint of a domain, and its verdict."""
    ports = ((local, port) for local in observed.local for port in local.ports)
    for (local, port), judged in zip(ports, judgement.endpoints, strict=True):
        yield Endpoint(local.address, port.port), port, judged


def _may_recover(port: PortObservation, verdict: Verdict) -> bool:
    """Whether a new listener, an accept(), or the outcome of a connect could change the verdict."""
    met_silence = port.connect in SILENT or isinstance(port.connect, Unknown)
    if verdict is Verdict.BACKLOGGED and met_silence:
        return False  # by ListenerChecks, which ask again: the look-up may find another of its group
    return verdict in _UNHEALTHY or (port.listener is None and met_silence)


def _state_of(served: ListenerAnswer) -> object:
    """The state that matters for a verdict: no listener, accepting for a unit, full, or unknown."""
    if isinstance(served, Listener):
        return "full" if served.accept_queue_full else ("accepting", served.unit)
    return served
