"""Observes which VIPs the kernel chooses as source addresses.

Only the addresses that a domain resolves to, or that are expected, are VIPs here: what else an interface
holds is the host's own, and meant to be a source.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence, Set

from lowatch.core.addresses import V6_LENGTH, Address, is_link_local, is_loopback, is_v4
from lowatch.core.held import Held
from lowatch.core.known import Known, Unknown
from lowatch.core.sources import NO_CHOICES, SourceChoice, alike, destinations, may_be_source

from .domain_observation import is_own_name
from .host_observation import Holders
from .ports import Host, Resolver


class SourceObserver:
    """Keeps the choices until the VIPs or the host's tables change, or everything is observed again."""

    def __init__(self, host: Host, resolver: Resolver, hostname: str) -> None:
        """hostname: what this host's own names lead to is meant to be a source."""
        self._host = host
        self._resolver = resolver
        self._hostname = hostname
        self._asked: tuple[frozenset[Address], int] | None = None
        self._found: Known[tuple[SourceChoice, ...]] | Unknown = NO_CHOICES

    def invalidate(self) -> None:
        """Ask the kernel again: no event reports a change of a route that is not local."""
        self._asked = None

    def observe(
        self, holders: Holders, referenced: Iterable[Address], expected: Iterable[Address]
    ) -> Known[tuple[SourceChoice, ...]] | Unknown:
        """referenced: the held addresses that a domain resolves to. expected: those that must be held."""
        if isinstance(holders.held, Unknown):
            return holders.held
        addresses = frozenset([one for one in referenced if len(one) == V6_LENGTH and self._is_vip(one)])
        addresses |= {one for one in expected if not is_v4(one)}
        if not addresses:
            return NO_CHOICES
        asked = addresses, self._host.generation
        if asked != self._asked:
            candidates = [held for held in holders.held.value if held.address in addresses]
            self._asked, self._found = asked, self._ask(_vips(candidates), holders, addresses)
        return self._found

    def _is_vip(self, address: Address) -> bool:
        """Whether another name than this host's own leads to it."""
        names = self._resolver.at(address)
        return not names or any(not is_own_name(name, self._hostname) for name in names)

    def _ask(
        self, candidates: Sequence[Held], holders: Holders, vips: Set[Address]
    ) -> Known[tuple[SourceChoice, ...]] | Unknown:
        assert isinstance(holders.held, Known)
        local = {one.address for one in holders.held.value}
        asked = [(held, target) for held in candidates for target in destinations(held.address, local)]
        answers = self._host.sources([target for _, target in asked]) if asked else []
        choices: dict[tuple[Address, str], SourceChoice] = {}
        for (held, target), source in zip(asked, answers, strict=True):
            if isinstance(source, Unknown):
                return source
            if source is None or source.address != held.address or self._host.swallows(source.ifindex):
                continue  # what is sent into lo or a dummy reaches nobody
            interface = self._host.interface(source.ifindex) or ""
            instead = self._instead(held, dict.fromkeys((interface, held.interface)), vips)
            if instead is not None:
                key = held.address, held.interface
                choices.setdefault(key, SourceChoice(held, target, interface, instead))
        return Known(tuple(choices.values()))

    def _instead(self, held: Held, interfaces: Collection[str], vips: Set[Address]) -> Address | None:
        """An address of the host itself that serves as well; None if the VIP is all that it has there."""
        for interface in interfaces:
            for other in self._host.global_ipv6(interface):
                is_own = other.address not in vips and not set(other.flags) & _NO_SOURCE
                if is_own and alike(other.address, held.address):
                    return other.address
        return None


_NO_SOURCE = frozenset({"deprecated", "tentative", "dadfailed"})


def _vips(candidates: Iterable[Held]) -> list[Held]:
    return [
        held
        for held in candidates
        if may_be_source(held) and not is_loopback(held.address) and not is_link_local(held.address)
    ]
