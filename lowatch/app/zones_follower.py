"""Reads zone files again when they change, or when this host has new addresses."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from lowatch.config.settings import ZoneFile
from lowatch.config.sources import States, states
from lowatch.core.addresses import Prefix
from lowatch.core.clock import Clock
from lowatch.files.fingerprint import UNREAD
from lowatch.files.threads import NoThreadError, Threads
from lowatch.report.phrases import count

from .config_in_force import ConfigInForce
from .settling_files import SETTLED_AFTER, Settling
from .zone_expiry import ZoneExpiry

if TYPE_CHECKING:
    from lowatch.config.zones.read import ReadZone, ReadZones

RETRY_AFTER = 60.0
"""Seconds until a file is tried again that the system did not let be read."""
READ_WITHIN = 4.0
"""Seconds for which zones that have settled wait for those that have not."""
_REST_OF_READING = 9
"""Pause after reading, as a multiple of its time: zones that change all the time take a tenth of a core."""

_log = logging.getLogger("lowatch")


class LocalAddresses(Protocol):
    """The host."""

    def local_prefixes(self) -> Collection[Prefix] | None:
        """What is local; None if that is unknown. The same object until it changes."""


class Audits(Protocol):
    """The daemon."""

    async def change(self) -> None:
        """Return after the next audit."""


class ZonesFollower:
    """Keeps the names of zones in the configuration in force. Without zones, it does nothing.

    Where an address goes, the names that lead to it are kept until their file changes: when it comes back,
    as VIPs do, they are known.
    """

    def __init__(
        self,
        config: ConfigInForce,
        host: LocalAddresses,
        audits: Audits,
        expiry: ZoneExpiry,
        threads: Threads,
        clock: Clock,
    ) -> None:
        self._config = config
        self._host = host
        self._audits = audits
        self._expiry = expiry
        self._threads = threads
        self._clock = clock
        self._look = asyncio.Event()
        self._settling = Settling()
        self._seen: tuple[Sequence[ZoneFile], Collection[Prefix] | None] = ((), None)

    def files_changed(self) -> None:
        """A file may have changed: look soon."""
        if self._config.loaded.zones:
            self._look.set()

    async def run(self) -> None:
        """Follow files and addresses until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow_audits())
            group.create_task(self._follow_files())
            group.create_task(self._expiry.run())

    async def _follow_audits(self) -> None:
        """After an audit, this host may have other addresses, or the configuration other zones."""
        while True:
            zones = self._config.loaded.zones
            seen = (zones, self._host.local_prefixes() if zones else None)
            if seen[0] is not self._seen[0] or seen[1] is not self._seen[1]:
                self._seen = seen
                self._look.set()
                self._expiry.zones_changed()
            await self._audits.change()

    async def _follow_files(self) -> None:
        while True:
            unread = any(zone.stamp == UNREAD for zone in self._config.zones)
            with suppress(TimeoutError):
                async with asyncio.timeout(RETRY_AFTER if unread else None):
                    await self._look.wait()
            self._look.clear()
            try:
                await self._look_again()
            except NoThreadError:
                await asyncio.sleep(SETTLED_AFTER)
                self._look.set()
            except Exception:  # no content of a file may end the daemon
                _log.exception("zone files could not be read again, keeping their names, continuing")

    async def _look_again(self) -> None:
        zones, prefixes = self._config.loaded.zones, self._host.local_prefixes()
        if prefixes is None or not await self._stale(zones, frozenset(prefixes)):
            return
        restless = await self._settle(zones)
        if restless:
            self._look.set()
        stale = await self._stale(zones, frozenset(prefixes))
        await self._read([zone for zone in stale if zone.path not in restless], frozenset(prefixes))

    async def _stale(self, zones: Sequence[ZoneFile], prefixes: frozenset[Prefix]) -> list[ZoneFile]:
        """The files that have changed, or were not read for all of these addresses."""
        if not zones:
            return []
        now = dict(await self._states(zones))
        read = {zone.file: zone for zone in self._config.zones}
        return [
            zone
            for zone in zones
            if (known := read.get(zone.path)) is None
            or known.stamp != now[zone.path]
            or not prefixes <= known.read_for
        ]

    async def _read(self, stale: Sequence[ZoneFile], prefixes: frozenset[Prefix]) -> None:
        """Read these files, and put their names into force."""
        if not stale:
            return
        from lowatch.config.zones.read import read_zones  # noqa: PLC0415  # most hosts have no zone

        began = self._clock.now().monotonic
        before = {zone.file: zone for zone in self._config.zones}
        read = await self._threads.run_blocking(read_zones, stale, prefixes, tuple(before.values()))
        took = self._clock.now().monotonic - began
        log_zones(read, before)
        after = {zone.file: zone for zone in (*self._config.zones, *read)}
        configured = [zone.path for zone in self._config.loaded.zones]  # a reload may have been faster
        self._config.replace_zones(tuple(after[path] for path in configured if path in after))
        self._expiry.zones_changed()
        await asyncio.sleep(took * _REST_OF_READING)

    async def _settle(self, zones: Sequence[ZoneFile]) -> frozenset[Path]:
        """Wait until all files have settled, at most READ_WITHIN. Returns those that have not."""
        began = self._clock.now().monotonic
        self._settling.look(await self._states(zones), began)
        while True:
            await asyncio.sleep(SETTLED_AFTER)
            now = self._clock.now().monotonic
            restless = self._settling.look(await self._states(zones), now)
            if not restless or now - began >= READ_WITHIN:
                return restless

    async def _states(self, zones: Sequence[ZoneFile]) -> States:
        return await self._threads.run_blocking(states, [zone.path for zone in zones])


def log_zones(zones: ReadZones, before: Mapping[Path, ReadZone]) -> None:
    """Log what is new in these zones. before: what was known of each file."""
    for zone in zones:
        known = before.get(zone.file)
        if zone.problem:
            if known is None or zone.problem != known.problem:
                _log.warning("%s: %s, continuing", zone.file, zone.problem)
        elif known is None or known.problem or known.names != zone.names:
            _log_zone(zone)


def _log_zone(zone: ReadZone) -> None:
    assert zone.soa is not None
    here = count(len(zone.names), "name")
    if zone.wildcards:
        here += f" and {count(len(zone.wildcards), 'wildcard')}"
    _log.info("%s: zone %s, serial %d: %s here", zone.file, zone.soa.name, zone.soa.serial, here)
