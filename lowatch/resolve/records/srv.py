"""One Answer from the SRV records of a name (RFC 2782) and the addresses of their targets. Pure."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import reduce
from itertools import chain
from typing import Generic, NamedTuple, TypeVar

from lowatch.config.domain_names import may_be_followed
from lowatch.core.addresses import Address, Port
from lowatch.core.answers import Answer, AnswerStatus, RRset, SrvRecord, worse
from lowatch.core.limits.names import ADDRESSES_PER_SERVICE, ADDRESSES_PER_TARGET
from lowatch.core.policy import is_reverse_name, is_srv_name
from lowatch.wire.dns import parse_srv_record

_NO_PORT = Port(0, "tcp")
"""In place of the port of an SRV record, which a PTR record does not have."""


class Target(NamedTuple):
    """The target of one SRV record, with up to ADDRESSES_PER_TARGET addresses of each type."""

    name: str
    port: Port
    a: RRset
    aaaa: RRset

    @property
    def addresses(self) -> tuple[Address, ...]:
        found = (self.a.addresses, self.aaaa.addresses, self.a.synthesised, self.aaaa.synthesised)
        return tuple(chain.from_iterable(found))


def ports_and_targets(domain: str, records: Iterable[Address]) -> list[tuple[Port, str]]:
    """The port and target of each record; a target that is an SRV name itself is left out.

    Of the PTR records of a reverse name, so is what cannot be the name of a host.
    """
    if is_reverse_name(domain):
        named = dict.fromkeys(target for _, target in map(parse_srv_record, records))
        return [(_NO_PORT, one) for one in named if may_be_followed(one) and not is_srv_name(one)]
    protocol = "udp" if domain.split(".", 2)[1] == "_udp" else "tcp"
    parsed = map(parse_srv_record, records)
    return [(Port(number, protocol), target) for number, target in parsed if not is_srv_name(target)]


def srv_answer(domain: str, srv: RRset, targets: Sequence[Target]) -> Answer:
    """The Answer of an SRV name.

    srv: the name's own RRset. Its `addresses` are encoded records, see wire.dns.srv_record.
    """
    kind = "PTR" if is_reverse_name(domain) else "SRV"
    a = _together(kind, srv, [(target.name, target.a) for target in targets])
    a = replace(a, more=a.more + srv.more)
    aaaa = _together(kind, srv, [(target.name, target.aaaa) for target in targets])
    records = tuple(SrvRecord(target.name, target.port, target.addresses) for target in targets)
    return Answer(domain, a, aaaa, srv_records=records)


def bounded(rrset: RRset) -> RRset:
    """The RRset of a target, cut to ADDRESSES_PER_TARGET addresses."""
    most = ADDRESSES_PER_TARGET.value
    left = len(rrset.addresses) - most
    return rrset if left <= 0 else replace(rrset, addresses=rrset.addresses[:most], more=rrset.more + left)


def _together(kind: str, srv: RRset, targets: Sequence[tuple[str, RRset]]) -> RRset:
    """The targets' addresses of one family, with the least certain status of the targets and the SRV."""
    found = sorted({address for _, rrset in targets for address in rrset.addresses})
    addresses = tuple(found[: ADDRESSES_PER_SERVICE.value])
    more = sum(rrset.more for _, rrset in targets) + len(found) - len(addresses)
    if not targets or srv.status in (AnswerStatus.UNKNOWN, AnswerStatus.STALE):
        reason = srv.reason and f"{kind}: {srv.reason}"
        return replace(srv, addresses=addresses, reason=reason, more=more)
    status = reduce(worse, {rrset.status for _, rrset in targets})
    name, worst = next((name, rrset) for name, rrset in targets if rrset.status is status)
    return replace(
        worst,
        status=status,
        addresses=addresses,
        chain=(),
        ttl=min(srv.ttl, *(rrset.ttl for _, rrset in targets)),
        reason=worst.reason and f"{name}: {worst.reason}",
        synthesised=tuple(sorted({address for _, rrset in targets for address in rrset.synthesised})),
        more=more,
    )


Name = TypeVar("Name", bound=Hashable)


class SrvTargets(Generic[Name]):
    """The targets of each SRV name, and the SRV names of each target."""

    def __init__(self) -> None:
        self._targets: dict[Name, tuple[Name, ...]] = {}
        self._leading: dict[Name, set[Name]] = {}

    def __contains__(self, target: object) -> bool:
        """Whether it is the target of an SRV name."""
        return target in self._leading

    def __iter__(self) -> Iterator[Name]:
        return iter(self._leading)

    def __len__(self) -> int:
        """How many targets there are."""
        return len(self._leading)

    def of(self, srv_name: Name) -> Collection[Name]:
        """The targets of an SRV name."""
        return self._targets.get(srv_name, ())

    def leading_to(self, target: Name) -> Collection[Name]:
        """The SRV names that have this target."""
        return self._leading.get(target, ())

    def with_srv_names(self, names: Iterable[Name]) -> set[Name]:
        """These names, and the SRV names that have one of them as a target."""
        found = set(names)
        if self._leading:
            for name in [name for name in found if name in self._leading]:
                found |= self._leading[name]
        return found

    def replace(self, srv_name: Name, targets: Iterable[Name]) -> set[Name]:
        """Set the targets of an SRV name. Returns the names that were not a target before."""
        before, after = self._targets.pop(srv_name, ()), dict.fromkeys(targets)
        new = {target for target in after if target not in self._leading}
        for target in after:
            self._leading.setdefault(target, set()).add(srv_name)
        for target in before:
            if target not in after:
                self._leading[target].discard(srv_name)
                if not self._leading[target]:
                    del self._leading[target]
        if after:
            self._targets[srv_name] = tuple(after)
        return new

    def retain(self, domains: Collection[Name]) -> None:
        """Forget all SRV names except these."""
        for srv_name in [srv_name for srv_name in self._targets if srv_name not in domains]:
            self.replace(srv_name, ())
