"""Counts who is hurt: the connects of local clients to held addresses that failed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from .addresses import Address, Port
from .clock import Now
from .limits.kernel import REFUSED_ENDPOINTS, REFUSED_PORTS
from .listeners import Endpoint
from .programs import Program, Programs, together, with_one_more

UNKNOWN_PORT = Port(0, "tcp")
"""A port that the kernel has forgotten (wire/closed_client.py)."""
_RARE = 3
"""What was refused less often may be forgotten in favour of something else."""
_CLEARED_EVERY = 10.0
"""Seconds between attempts to forget what is rare."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Failed connects of local clients. first, last: when.

    estimated: whether the count is not exact, because a flood was sampled, or events were lost.
    earlier: those before the findings ended that they belonged to. They are not in `count`.
    programs: whose they were, as far as that is known.
    """

    count: int
    first: Now
    last: Now
    estimated: bool = False
    earlier: int = 0
    programs: Programs = ()

    @property
    def total(self) -> int:
        return self.earlier + self.count

    def with_more(self, now: Now, weight: int, program: Program | None = None) -> Refused:
        """Another one, which stands for `weight`. program: whose it was, if that is known."""
        sampled = weight > 1
        programs = self.programs if program is None else with_one_more(self.programs, program, weight)
        if not self.count:
            return Refused(weight, now, now, sampled, self.earlier, programs)
        return Refused(
            self.count + weight, self.first, now, self.estimated or sampled, self.earlier, programs
        )

    def ended(self) -> Refused:
        """None of them belongs to a finding any more."""
        return Refused(0, self.first, self.last, earlier=self.total)

    def and_also(self, other: Refused | None) -> Refused:
        """Both together."""
        if other is None:
            return self
        return Refused(
            self.count + other.count,
            min(self.first, other.first),
            max(self.last, other.last),
            self.estimated or other.estimated,
            self.earlier + other.earlier,
            together(*(one.programs for one in sorted((self, other), key=lambda one: one.last))),
        )


NONE_YET = Refused(0, Now(0.0, 0.0, 0.0), Now(0.0, 0.0, 0.0))


class Hurt(NamedTuple):
    """The failed connects of a finding's local clients, as known at `now`, in wall-clock seconds."""

    refused: Refused
    now: float


def most(some: Iterable[Hurt | None]) -> Hurt | None:
    """The one with the most. Findings about one address have clients in common: they do not add up."""
    return max((one for one in some if one is not None), key=lambda one: one.refused.count, default=None)


class RefusedConnects:
    """Counts by held address and port. The number of both is limited."""

    def __init__(self, counted: Iterable[tuple[Endpoint, Refused]] = ()) -> None:
        """counted: what is counted already, each endpoint once."""
        self._at: dict[Address, dict[Port, Refused]] = {}
        for endpoint, refused in counted:
            self._at.setdefault(endpoint.address, {})[endpoint.port] = refused
        self._endpoints = sum(map(len, self._at.values()))
        self._cleared = float("-inf")

    def count(self, endpoint: Endpoint, now: Now, weight: int = 1, program: Program | None = None) -> bool:
        """One client failed, and stands for `weight`. Returns whether the limits let it count."""
        ports = self._at.get(endpoint.address, {})
        before = ports.get(endpoint.port)
        if before is not None:
            ports[endpoint.port] = before.with_more(now, weight, program)
            return True
        if not self._has_room(ports, now):
            return False
        self._at.setdefault(endpoint.address, ports)[endpoint.port] = NONE_YET.with_more(
            now, weight, program
        )
        self._endpoints += 1
        return True

    def _has_room(self, ports: dict[Port, Refused], now: Now) -> bool:
        """Whether there is room for another endpoint, some rare one forgotten if need be.

        A scanner tries many ports once. They must not take the places of those that clients really use.
        """
        if len(ports) >= REFUSED_PORTS.value:
            REFUSED_PORTS.reached()
            rarest = min(ports, key=lambda port: (ports[port].total, ports[port].last))
            if ports[rarest].total >= _RARE:
                return False
            del ports[rarest]
            self._endpoints -= 1
        if self._endpoints >= REFUSED_ENDPOINTS.value:
            REFUSED_ENDPOINTS.reached()
            if now.monotonic >= self._cleared + _CLEARED_EVERY:
                self._cleared = now.monotonic
                self._forget_rare()
        return self._endpoints < REFUSED_ENDPOINTS.value

    def _forget_rare(self) -> None:
        for ports in self._at.values():
            for port in [port for port, refused in ports.items() if refused.total < _RARE]:
                del ports[port]
        self._tidy()

    def keep(self, addresses: Collection[Address]) -> None:
        """Forget all other addresses: they are not held any more."""
        for address in self._at.keys() - set(addresses):
            del self._at[address]
        self._tidy()

    def lost(self) -> None:
        """Some were not reported: no count is exact."""
        for ports in self._at.values():
            for port, refused in ports.items():
                ports[port] = replace(refused, estimated=True)

    def _tidy(self) -> None:
        self._at = {address: ports for address, ports in self._at.items() if ports}
        self._endpoints = sum(map(len, self._at.values()))

    def at(self, endpoint: Endpoint) -> Refused | None:
        """Those of one endpoint; None if there were none."""
        refused = self._at.get(endpoint.address, {}).get(endpoint.port)
        return refused if refused is not None and refused.count else None

    def of_any(self, address: Address, ports: Iterable[Port]) -> Refused | None:
        """Those of all these ports together; None if there were none."""
        total: Refused | None = None
        for port in dict.fromkeys(ports):
            refused = self.at(Endpoint(address, port))
            total = total if refused is None else refused.and_also(total)
        return total

    def ports(self, address: Address) -> Collection[Port]:
        """Where clients of this address failed."""
        return self._at.get(address, {}).keys()

    def end(self, address: Address, ports: Iterable[Port]) -> None:
        """The finding that these belonged to is over. Another one begins at 0."""
        counted = self._at.get(address, {})
        for port in counted.keys() & set(ports):
            counted[port] = counted[port].ended()

    def __iter__(self) -> Iterator[tuple[Endpoint, Refused]]:
        for address, ports in self._at.items():
            for port, refused in ports.items():
                yield Endpoint(address, port), refused
