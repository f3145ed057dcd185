"""The evidence for one verdict: what was asked, and what each part of the host answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from .addresses import Address, Port, Prefix
from .answers import Answer
from .held import Held
from .known import Unknown
from .lifecycle import Tracked
from .listeners import Connect
from .snapshot import Problem
from .verdicts import JudgedEndpoint, Verdict


class RouteAnswer(NamedTuple):
    """The routing decision for an address (RTM_GETROUTE with RTM_F_FIB_MATCH).

    local: delivered to this host. prefix: of the matching route, or None. interface: of that route, or "".
    watched: whether lowatch watches that interface.
    """

    local: bool
    prefix: Prefix | None
    interface: str
    watched: bool = True


@dataclass(frozen=True, slots=True)
class AddressEvidence:
    """The evidence on one address. held: what holds it, on any watched interface.

    endpoints: a row for each expected port, with the listener and the verdict; their domain is "" if the
    address itself was asked about. connects: the outcome of each confirming connect.
    """

    address: Address
    route: RouteAnswer | Unknown
    held: tuple[Held, ...] = ()
    endpoints: tuple[JudgedEndpoint, ...] = ()
    connects: Mapping[Port, Connect] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Explanation:
    """target: as given on the command line. host: node name. at: wall-clock seconds. uptime: since boot.

    monotonic: seconds, for the age of stale answers.
    answer: in every view; None if an address was asked about.
    names: the known domains that resolve to the address that was asked about, in any view.
    findings: those about this target. problems: each failure to observe.
    """

    target: str
    host: str
    at: float
    uptime: float
    monotonic: float = 0.0
    answer: Answer | None = None
    addresses: tuple[AddressEvidence, ...] = ()
    names: tuple[str, ...] = ()
    findings: tuple[Tracked, ...] = ()
    problems: tuple[Problem, ...] = ()

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


def _is_known(answer: Answer) -> bool:
    return answer.unknown is None and all(other.addresses is not None for other in answer.others)
