"""The endpoints whose verdict may change without any event, by domain: who is polled, who is connected to.

No event tells of a listener that appears, of an accept(), or of NAT that begins or ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from lowatch.core.known import Unknown
from lowatch.core.listeners import SILENT, Endpoint, Listener
from lowatch.core.snapshot import DomainObservation, PortObservation
from lowatch.core.verdicts import DomainJudgement, JudgedEndpoint, Verdict

from .confirming_connects import ConfirmingConnects
from .ports import Host, ListenerAnswer
from .remembered_orphans import RememberedOrphans
from .unhealthy import Unhealthy

_UNHEALTHY = frozenset({Verdict.ORPHAN, Verdict.BACKLOGGED})
"""Verdicts that the appearance of a listener, or an accept(), would change."""
_BY_CONNECT = frozenset({Verdict.ORPHAN, Verdict.REDIRECTED, Verdict.UNKNOWN})
"""Verdicts that another connect may change, where no socket is."""
_OPEN = _UNHEALTHY | _BY_CONNECT


class OpenEndpoints:
    """What the verdicts of the last audit make it necessary to ask again."""

    def __init__(self, host: Host, connects: ConfirmingConnects, remembered: RememberedOrphans) -> None:
        self._host = host
        self._connects = connects
        self._remembered = remembered
        self.unhealthy = Unhealthy()
        self._domains: set[str] = set()
        """Those that have any."""

    def any_by_connect(self, names: Iterable[str]) -> bool:
        """Whether a connect may change the verdicts of one of these domains."""
        return not self._domains.isdisjoint(names)

    def judged(
        self,
        names: Iterable[str],
        observed: Mapping[str, DomainObservation],
        judged: Mapping[str, DomainJudgement],
    ) -> None:
        """These domains are judged otherwise than before, or do not lead here any more."""
        for name in names:
            judgement = judged.get(name)
            if judgement is None or all(one.verdict not in _OPEN for one in judgement.endpoints):
                self._domains.discard(name)
                self._connects.replace_endpoints_of(name, ())
                self.unhealthy.replace(name, ())
                continue
            self._domains.add(name)
            ports = list(_ports(observed[name], judgement))
            self._connects.replace_endpoints_of(
                name, [e for e, port, one in ports if port.listener is None and one.verdict in _BY_CONNECT]
            )
            # What was unhealthy stays so while nothing more is known of it.
            before = {*self.unhealthy.of(name), *self._remembered.endpoints(name)}
            self.unhealthy.replace(
                name,
                (
                    e
                    for e, port, one in ports
                    if _may_recover(port, one.verdict)
                    or (one.verdict is Verdict.UNKNOWN and port.listener is None and e in before)
                ),
            )

    def poll(self, observed: Mapping[str, DomainObservation]) -> set[str]:
        """Ask again who serves the unhealthy endpoints. Returns the domains that were observed otherwise.

        Each domain by its own observation: of two that share an endpoint, one may be newer. Where there are
        very many, some are asked: the domains of few in turn, and those of many in turn.
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
    """What was observed of each endpoint of a domain, and its verdict."""
    ports = ((local, port) for local in observed.local for port in local.ports)
    for (local, port), judged in zip(ports, judgement.endpoints, strict=True):
        yield Endpoint(local.address, port.port), port, judged


def _may_recover(port: PortObservation, verdict: Verdict) -> bool:
    """Whether a listener that appears, or an accept(), would be news; or a connect that is answered."""
    met_silence = port.connect in SILENT or isinstance(port.connect, Unknown)
    return verdict in _UNHEALTHY or (port.listener is None and met_silence)


def _state_of(served: ListenerAnswer) -> object:
    """What of a listener makes a verdict: there or not, accepting or not, or not known."""
    if isinstance(served, Listener):
        return "full" if served.accept_queue_full else "accepting"
    return served
