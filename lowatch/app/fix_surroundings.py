"""The surroundings of the addresses that fixes would change, observed only if a fix is proposed."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lowatch.core.addresses import Address, family_name
from lowatch.core.findings import Action, Change
from lowatch.core.known import Known, Unknown
from lowatch.core.listeners import Sockets
from lowatch.core.policy import Domain, Policy
from lowatch.core.surroundings import Surroundings

from .ports import Host, Resolver

_FRESH = 1.0
"""Seconds for which sockets and routes count as current. No event reports their changes."""


class FixSurroundings:
    """Asks the host only once for the same changes, because listing sockets is costly."""

    def __init__(self, host: Host, resolver: Resolver) -> None:
        self._host = host
        self._resolver = resolver
        self._changes: frozenset[tuple[Action, Address, int]] = frozenset()
        self._found: Known[Surroundings] | Unknown | None = None
        self._found_at = float("-inf")

    def invalidate(self) -> None:
        """Ask the host again the next time."""
        self._found = None

    def invalidate_old(self, now: float) -> bool:
        """Invalidate an answer that is too old to show fixes, and return whether it was."""
        if self._found is None or self._is_fresh(now):
            return False
        self.invalidate()
        return True

    def _is_fresh(self, now: float) -> bool:
        return now <= self._found_at + _FRESH

    def around(
        self,
        changes: Iterable[Change],
        policy: Policy,
        now: float,
        sockets: Callable[[], Known[Sockets] | Unknown] | None = None,
    ) -> Known[Surroundings] | Unknown:
        """The surroundings to weigh these changes with.

        now: monotonic seconds. sockets: the host's, if they may have been listed just now.
        """
        changes = tuple(changes)
        key = frozenset((one.action, one.held.address, one.held.prefixlen) for one in changes)
        if self._found is None or not (key == self._changes or self._is_fresh(now)):
            self._changes, self._found, self._found_at = key, self._ask(sockets or self._host.sockets), now
        if isinstance(self._found, Unknown):
            return self._found
        return Known(self._with_names(self._found.value, changes, policy))

    def _ask(self, sockets: Callable[[], Known[Sockets] | Unknown]) -> Known[Surroundings] | Unknown:
        found = self._host.surroundings()
        if isinstance(found, Unknown):
            return found
        listed = sockets()
        if isinstance(listed, Unknown):
            return listed
        return Known(found.value._replace(sockets=listed.value))

    def _with_names(self, found: Surroundings, changes: Iterable[Change], policy: Policy) -> Surroundings:
        """Adds what the resolver knows about the addresses."""
        added = (change.held.address for change in changes if change.action is Action.ADD)
        unserved = (
            (address, name)
            for address in added
            for name in self._resolver.at(address)
            if name in policy.domains
            and not self._would_be_served(policy.domains[name], address, found.sockets)
        )
        return found._replace(nameservers=self._resolver.stub_addresses, unserved=dict(unserved))

    def _would_be_served(self, domain: Domain, address: Address, sockets: Sockets) -> bool:
        answer = self._resolver.answer(domain.name)
        ports = answer.ports_at(address, domain.ports)
        served = [(family_name(address), port) in sockets.wildcards for port in ports]
        return any(served) if domain.any_of and answer.srv_records is None else all(served)
