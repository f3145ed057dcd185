"""backlogged-vip: the listener's accept queue is full, so new connections time out.

Source: sk_acceptq_is_full() (include/net/sock.h); inet_diag shows the queue as idiag_rqueue and its
limit as idiag_wqueue (net/ipv4/tcp_diag.c).
"""

from __future__ import annotations

from collections.abc import Iterable

from lowatch.core.findings import Finding, FindingKind, Undecided
from lowatch.core.listeners import Listener
from lowatch.core.policy import Domain
from lowatch.core.snapshot import DomainObservation
from lowatch.core.verdicts import JudgedEndpoint, Verdict

from .endpoints import subject_of, undecided_addresses, undecided_endpoint
from .resolution import resolution_of


def backlogged_vip(
    domain: Domain, observed: DomainObservation, endpoints: tuple[JudgedEndpoint, ...]
) -> Iterable[Finding | Undecided]:
    yield from undecided_addresses(FindingKind.BACKLOGGED_VIP, domain, observed)
    resolution = resolution_of(observed)
    for endpoint in endpoints:
        if endpoint.verdict is Verdict.UNKNOWN:
            yield undecided_endpoint(FindingKind.BACKLOGGED_VIP, domain, endpoint, endpoint.reason)
        elif endpoint.verdict is Verdict.BACKLOGGED and endpoint.listener is not None:
            listener = endpoint.listener
            yield Finding(
                subject_of(FindingKind.BACKLOGGED_VIP, domain, endpoint),
                f"{resolution(endpoint)}, but the accept queue of {listener.unit or listener.owner} on "
                f"{endpoint.port} is full ({listener.queued} of {listener.backlog} connections): "
                "new connections time out",
                advice=_advice(listener),
            )


def _advice(listener: Listener) -> str:
    """Advice only: a restart would end it, but interrupts everything the unit serves, so it is no fix."""
    whose = listener.unit or "the process"
    return f"find out what {whose} is waiting for; restarting it drops its connections"
