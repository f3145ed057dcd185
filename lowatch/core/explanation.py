"""The evidence for one verdict: what was asked, and what each part of the host answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from .addresses import Address, Port, Prefix
from .answers import Answer
from .boot import Boot
from .findings import Fix
from .held import Held
from .known import Unknown
from .lifecycle import Tracked
from .listeners import Connect, Endpoint, Listener
from .name_sources import NameSource
from .next_questions import NextQuestion
from .snapshot import Problem
from .verdicts import JudgedEndpoint, Verdict, served_by_the_way


class RouteAnswer(NamedTuple):
    """The routing decision for an address (RTM_GETROUTE with RTM_F_FIB_MATCH).

    local: delivered to this host. prefix: of the matching route, or None. interface: of that route, or "".
    watched: whether lowatch watches that interface. table: of the route; None if unknown. rules: the
    priorities of the policy rules that look that table up; routing does not say which one it was.
    """

    local: bool
    prefix: Prefix | None
    interface: str
    watched: bool = True
    table: int | None = None
    rules: tuple[int, ...] = ()


class Neighbour(NamedTuple):
    """Another host that this one has heard of at an address, by ARP or ND. link_address: "" if unknown."""

    interface: str
    link_address: str
    state: str


class Redirect(NamedTuple):
    """Where a connect went that no socket of the endpoint had accepted.

    by: what leads it there. to: the endpoint of the socket on this host that took it; None if none did.
    listener: who listens there.
    """

    by: str
    to: Endpoint | None = None
    listener: Listener | None = None


class Removal(NamedTuple):
    """Whether an address, or a local route, may be taken away.

    harm: why not; "" if nothing known speaks against it. fix: how; None if there is harm.
    """

    harm: str
    fix: Fix | None = None


@dataclass(frozen=True, slots=True)
class AddressEvidence:
    """The evidence on one address. held: what holds it, on any watched interface.

    endpoints: a row for each expected port, with the listener and the verdict; their domain is "" if the
    address itself was asked about. connects: the outcome of each confirming connect. neighbours: None if
    not asked. redirects: for TCP endpoints that are redirected. removal: None if not asked, or not held.
    """

    address: Address
    route: RouteAnswer | Unknown
    held: tuple[Held, ...] = ()
    endpoints: tuple[JudgedEndpoint, ...] = ()
    connects: Mapping[Port, Connect] = field(default_factory=dict)
    neighbours: tuple[Neighbour, ...] | Unknown | None = None
    redirects: Mapping[Port, Redirect] = field(default_factory=dict)
    removal: Removal | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """target: as given on the command line. host: node name. at: wall-clock seconds. uptime: since boot.

    monotonic: seconds, for the age of stale answers.
    answer: in every view; None if an address was asked about.
    names: the known domains that resolve to the address that was asked about, in any view. sources: where
    those come from that nobody configured.
    findings: those about this target. problems: each failure to observe.
    boot: what the files that configure addresses say; None if they were not read.
    unit: who must serve the domain, as configured; "" if any unit may.
    no_memory: why it is unknown who served last; "" if the daemon said it.
    netns: the network namespace; "" for lowatch's own.
    next_questions: when the daemon asks DNS for the domain next; () if it does not follow it, or none runs.
    """

    target: str
    host: str
    at: float
    uptime: float
    monotonic: float = 0.0
    answer: Answer | None = None
    addresses: tuple[AddressEvidence, ...] = ()
    names: tuple[str, ...] = ()
    sources: Mapping[str, NameSource] = field(default_factory=dict)
    findings: tuple[Tracked, ...] = ()
    problems: tuple[Problem, ...] = ()
    boot: Boot | None = None
    no_memory: str = ""
    unit: str = ""
    netns: str = ""
    next_questions: tuple[NextQuestion, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether all the evidence is known."""
        return not (
            self.problems
            or (self.answer is not None and not _is_known(self.answer))
            or any(isinstance(evidence.route, Unknown) for evidence in self.addresses)
            or any(
                endpoint.verdict is Verdict.UNKNOWN
                for evidence in self.addresses
                for endpoint in evidence.endpoints
            )
        )

    @property
    def perhaps_captured(self) -> frozenset[Endpoint]:
        """The endpoints that a unit serves by a listener on all addresses, and no other of this domain.

        They may be another service's (docs/internals/cases.md 13, 14). Nobody can tell but a person.
        """
        if self.answer is None or self.unit:
            return frozenset()
        endpoints = [endpoint for evidence in self.addresses for endpoint in evidence.endpoints]
        return frozenset(Endpoint(one.address, one.port) for one in served_by_the_way(endpoints))


def _is_known(answer: Answer) -> bool:
    return answer.unknown is None and all(other.addresses is not None for other in answer.others)
