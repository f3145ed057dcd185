"""Names that this host looks up and that lead to a held address: kept until nobody looks them up any more.

Which ports such a name should serve, only clients can show: the ports where they were refused again and
again, or those where something served since. Without either, its ports are guessed.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field

from .addresses import Address, Port
from .limits.names import LEARNED_NAMES
from .listeners import Listener
from .name_sources import LOOKUPS, NameSource
from .policy import DomainSpec
from .snapshot import DomainObservation, RefusedPort

_SCANNED = 3
"""Refused clients of up to this number of ports show what should be served. More are a scan."""
_SETTLED = 600.0
"""Seconds. A name that was looked up since gives its place to no other one. One that does not lead here
is followed for so long."""
_WORTH_SAVING = 3600.0
"""Seconds after which it is worth saving that names were looked up again."""


@dataclass(slots=True)
class LearnedName:
    """A name, and what is known of it.

    source: how it was seen first. last: when it was looked up last, in monotonic seconds. refused: the
    ports where clients were refused again and again, and when that was so last. served: the ports that
    something listened on since the name is known. here: when it last led here, as lowatch itself resolves
    it, or could not be resolved; None before the first audit.
    """

    source: NameSource
    last: float
    refused: dict[Port, float] = field(default_factory=dict)
    served: frozenset[Port] = frozenset()
    here: float | None = None

    def spec(self, default_ports: tuple[Port, ...]) -> DomainSpec:
        """What it should serve: each port that refused clients, else any that was served, else a guess."""
        if self.refused:
            return DomainSpec(tuple(sorted(self.refused)), any_of=False)
        if self.served:
            return DomainSpec(tuple(sorted(self.served)), any_of=True)
        return DomainSpec(default_ports, any_of=True, guessed=True)

    def observe(
        self, observed: DomainObservation, refused: Mapping[Address, Set[Port]], now: float, within: float
    ) -> None:
        """Learn the ports. refused: where clients are refused again and again, by address.

        Many names may lead to one address. Of those that lookups show, clients came by one that was looked
        up within the last `within` seconds.
        """
        listening = frozenset(
            port.port
            for local in observed.local
            for port in local.ports
            if isinstance(port.listener, Listener)
        )
        may_be_meant = self.source not in LOOKUPS or self.last >= now - within
        for local in observed.local if may_be_meant else ():
            ports = {port for port in refused.get(local.address, ()) if port.number}
            if len(ports | self.refused.keys()) <= _SCANNED:
                self.refused.update(dict.fromkeys(ports, now))
        self.served |= listening

    def forget_ports(self, oldest: float) -> bool:
        """Forget where clients were refused last before `oldest`: what has served says what should."""
        kept = {port: at for port, at in self.refused.items() if at >= oldest}
        forgotten = len(kept) < len(self.refused)
        self.refused = kept
        return forgotten


def observe_ports(
    names: Iterable[tuple[str, LearnedName]],
    domains: Mapping[str, DomainObservation],
    refused: Iterable[RefusedPort],
    now: float,
    within: float,
) -> int:
    """Learn the ports from an audit. Returns how many names should serve others now.

    within: seconds for which clients count that were refused.
    """
    places: dict[Address, set[Port]] = {}
    changed = 0
    for each in refused:
        places.setdefault(each.address, set()).add(each.port)
    for name, learned in names:
        before = learned.refused.keys() | set(), learned.served
        if (observed := domains.get(name)) is not None:
            learned.observe(observed, places, now, within)
        learned.forget_ports(now - within)
        changed += (learned.refused.keys() | set(), learned.served) != before
    return changed


class LearnedNames:
    """Bounded. `changes` grows whenever specs() or sources() return something else."""

    def __init__(self, forget_after: float) -> None:
        """forget_after: seconds since a name was looked up last."""
        self._forget_after = forget_after
        self._names: dict[str, LearnedName] = {}
        """The one looked up latest comes last."""
        self.changes = 0
        self.refreshed = 0
        """Grows when a name was looked up again after so long that it is worth saving."""

    def restore(self, names: Iterable[tuple[str, LearnedName]]) -> None:
        """What the last run knew."""
        known = sorted(names, key=lambda each: each[1].last)
        if len(known) > LEARNED_NAMES.value:
            LEARNED_NAMES.reached()
        self._names = dict(known[-LEARNED_NAMES.value :])
        self.changes += 1

    def looked_up(self, name: str, source: NameSource, now: float) -> bool:
        """A name that leads to a held address was looked up. Returns whether it is followed only since."""
        known = self._names.pop(name, None)
        if known is not None:
            self.refreshed += now - known.last > min(_WORTH_SAVING, self._forget_after / 10)
            known.last = now
            self._names[name] = known
            return False
        if len(self._names) >= LEARNED_NAMES.value:
            LEARNED_NAMES.reached()
            oldest = next(iter(self._names))
            if now - self._names[oldest].last < _SETTLED:
                return False
            del self._names[oldest]
        self._names[name] = LearnedName(source, now)
        self.changes += 1
        return True

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __len__(self) -> int:
        return len(self._names)

    def __iter__(self) -> Iterator[tuple[str, LearnedName]]:
        return iter(self._names.items())

    def forget(self, now: float) -> None:
        """Forget the names that nobody has looked up for too long."""
        oldest = now - self._forget_after
        first = next(iter(self._names.values()), None)
        if first is None or first.last >= oldest:
            return  # nearly always: they are in order
        self._drop([name for name, one in self._names.items() if one.last < oldest])

    def _drop(self, names: Collection[str]) -> None:
        for name in names:
            del self._names[name]
        self.changes += bool(names)

    def observe(
        self,
        domains: Mapping[str, DomainObservation],
        unresolved: Container[str],
        refused: Iterable[RefusedPort],
        now: float,
        within: float,
    ) -> None:
        """Learn the ports from an audit, and forget names that do not lead here: somebody lied, mostly.

        unresolved: the names whose answer is unknown. within: seconds for which clients count that were
        refused.
        """
        for name, one in self._names.items():
            if name in domains or one.here is None or name in unresolved:
                one.here = now
        self.changes += observe_ports(self, domains, refused, now, within)
        oldest = now - _SETTLED
        self._drop(
            [name for name, one in self._names.items() if one.here is not None and one.here < oldest]
        )

    def specs(self, default_ports: tuple[Port, ...]) -> dict[str, DomainSpec]:
        """What each name should serve."""
        return {name: one.spec(default_ports) for name, one in self._names.items()}

    def sources(self) -> dict[str, NameSource]:
        return {name: one.source for name, one in self._names.items()}
