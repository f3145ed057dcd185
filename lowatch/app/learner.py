"""Follows the names that this host looks up and that lead to a held address (core/learned_names.py)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Protocol

from lowatch.config.domain_names import may_be_followed
from lowatch.core.addresses import Address, destination
from lowatch.core.clock import Clock
from lowatch.core.learned_names import LearnedNames
from lowatch.core.name_sources import NameSource
from lowatch.core.own_lookups import OwnLookups
from lowatch.files.threads import Threads
from lowatch.wire.dns import encode_name
from lowatch.wire.lookup import Lookup
from lowatch.wire.resolved_monitor import listed

from .audited_names import AuditedNames, follow_audits
from .config_in_force import ConfigInForce
from .names_saver import NamesSaver, NamesStore, Render
from .pacing import NamesPace
from .port_evidence import PortEvidence


class LocalAddresses(Protocol):
    """The host."""

    def may_be_local(self, address: Address) -> bool:
        """False only if the address is certainly another host's."""


class Learner:
    """Implements service.lookups.sink.LookupSink. names: known at the start, and in force already."""

    def __init__(
        self,
        names: LearnedNames,
        config: ConfigInForce,
        daemon: AuditedNames,
        local: LocalAddresses,
        own: OwnLookups,
        store: NamesStore,
        render: Render,
        threads: Threads,
        clock: Clock,
        hostname: str,
    ) -> None:
        self._names = names
        self._config = config
        self._daemon = daemon
        self._local = local
        self._own = own
        self._clock = clock
        self._hostname = hostname.lower()
        self._changed = asyncio.Event()
        self._saver = NamesSaver(names, store, render, threads, clock)
        self._evidence = PortEvidence()
        self._known = names.changes, names.refreshed
        self._interfaces: Mapping[Address, str] = {}
        self.held: frozenset[Address] = frozenset()
        self.held_as_listed: frozenset[bytes] = frozenset()

    def looked_up(self, lookup: Lookup, source: NameSource) -> None:
        """Follow the name, if this host looked it up, and it leads to a held address.

        A name that is followed anyway is no news; what lowatch itself asked for keeps no name alive.
        """
        name = lookup.name
        if lookup.client is not None and not self._local.may_be_local(destination(lookup.client)):
            return
        if self.held.isdisjoint(lookup.addresses) or not self._may_be_followed(name):
            return
        now = self._clock.now().monotonic
        if not self._own.has(encode_name(name), now):
            self._names.looked_up(name, source, now)
            self._tell()

    def _may_be_followed(self, name: str) -> bool:
        return (
            may_be_followed(name)
            and name != self._hostname
            and not self._config.current.policy.knows_ports(name)
        )

    def _tell(self) -> None:
        """Wake whoever has to follow the names, or to save them."""
        known = self._names.changes, self._names.refreshed
        if known != self._known:
            if known[0] != self._known[0]:
                self._changed.set()
            self._known = known
            self._saver.save_soon()

    async def run(self) -> None:
        """Until cancelled; then save the names."""
        await follow_audits(self._daemon, self._audited, self._saver, [self._follow_names()])

    def _audited(self) -> None:
        """There was an audit: look at which addresses are held, and at what the names should serve."""
        interfaces, now = self._daemon.victims.interfaces, self._clock.now().monotonic
        if interfaces is not self._interfaces:
            self._interfaces, self.held = interfaces, frozenset(interfaces)
            self.held_as_listed = frozenset(map(listed, self.held))
        self._names.forget(now)
        snapshot = self._daemon.snapshot
        if snapshot is not None and self._evidence.is_new(snapshot, now):
            within = self._config.current.policy.victims.within
            self._names.observe(snapshot.domains, snapshot.unresolved, snapshot.refused, now, within)
        self._tell()

    async def _follow_names(self) -> None:
        """Put the names into force whenever they change. Many that come at once are one change."""
        pace = NamesPace()
        while True:
            await self._changed.wait()
            self._changed.clear()
            began = self._clock.now().monotonic
            self._config.learned_changed()
            await asyncio.sleep(pace.rest(began, self._clock.now().monotonic))
