"""What lies around the addresses that some finding would change: asked only where there is one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace

from lowatch.core.addresses import Address, family_name
from lowatch.core.findings import Action, Change
from lowatch.core.fixes.ground import Ground
from lowatch.core.fixes.offer import ground_of, weighed
from lowatch.core.fixes.surroundings import Surroundings
from lowatch.core.judgement import Judgement
from lowatch.core.known import Known, Unknown
from lowatch.core.listeners import Sockets
from lowatch.core.policy import Domain, Policy
from lowatch.core.snapshot import Snapshot

from .ports import Host, Resolver


class FixesWeighed:
    """Asks once for the same changes, until the host is looked at again: listing the rest costs."""

    def __init__(self, host: Host, resolver: Resolver) -> None:
        self._host = host
        self._resolver = resolver
        self._asked: frozenset[tuple[Action, Address, int]] = frozenset()
        self._found: Known[Surroundings] | Unknown | None = None
        self._found_at = float("-inf")
        self._ground: tuple[tuple[object, object], Ground] | None = None

    def forget(self) -> None:
        self._found = None

    def forget_older(self, than: float) -> bool:
        """What was found before that, in monotonic seconds; whether there was such a thing."""
        if self._found is None or self._found_at >= than:
            return False
        self.forget()
        return True

    async def weigh(
        self, snapshot: Snapshot, judgement: Judgement, policy: Policy
    ) -> tuple[Snapshot, Judgement]:
        """The snapshot with all that the fixes depend on, and the judgement with those that are offered."""
        changes = tuple(one.proposed for one in judgement.findings if one.proposed is not None)
        if not changes:
            return snapshot, judgement
        asked = frozenset((one.action, one.held.address, one.held.prefixlen) for one in changes)
        if self._found is None or asked != self._asked:
            self._asked, self._found = asked, self._host.surroundings()
            self._found_at = snapshot.monotonic
        around = self._found
        if isinstance(around, Known):
            around = Known(self._completed(around.value, changes, policy))
        snapshot = replace(snapshot, surroundings=around)
        steps = weighed(judgement, snapshot, policy, self._ground_of(snapshot))
        while True:
            await asyncio.sleep(0)
            try:
                next(steps)
            except StopIteration as done:
                return snapshot, done.value

    def _ground_of(self, snapshot: Snapshot) -> Ground | None:
        """Made again only where another host was seen: 10,000 addresses take 30 ms."""
        seen = snapshot.held, self._found
        if self._ground is None or any(
            one is not two for one, two in zip(seen, self._ground[0], strict=True)
        ):
            found = ground_of(snapshot)
            self._ground = None if isinstance(found, Unknown) else (seen, found)
        return None if self._ground is None else self._ground[1]

    def _completed(self, found: Surroundings, changes: Iterable[Change], policy: Policy) -> Surroundings:
        """With what the resolver knows."""
        added = (change.held.address for change in changes if change.action is Action.ADD)
        unserved = (
            (address, name)
            for address in added
            for name in self._resolver.at(address)
            if not self._would_be_served(policy.domains[name], address, found.sockets)
        )
        return found._replace(nameservers=self._resolver.stub_addresses, unserved=dict(unserved))

    def _would_be_served(self, domain: Domain, address: Address, sockets: Sockets) -> bool:
        answer = self._resolver.answer(domain.name)
        ports = answer.ports_at(address, domain.ports)
        served = [(family_name(address), port) in sockets.wildcards for port in ports]
        return any(served) if domain.any_of and answer.services is None else all(served)
