"""The names of zone files: for an audit that begins now, and for the daemon."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from lowatch.config.settings import Config
from lowatch.kernel.host import Host

if TYPE_CHECKING:
    from lowatch.app.config_in_force import ConfigInForce
    from lowatch.app.daemon import Daemon
    from lowatch.app.ports import StateStore
    from lowatch.app.zones_follower import ZonesFollower
    from lowatch.config.settings import Nameserver, ZoneFile
    from lowatch.config.zones.read import ReadZone, ReadZones
    from lowatch.core.clock import Clock
    from lowatch.files.threads import Threads
    from lowatch.service.notify import Notifier

_READ_WITHIN = 120
"""Seconds that the start may take from when a zone file is begun: the largest takes 25 s of CPU time."""


async def read_now(config: Config, host: Host) -> Config:
    """The configuration with the names that its zone files have now; their servers are asked too. Blocks.

    host: refreshed. If its addresses are unknown, no name leads to them; the audit reports that.
    """
    if not config.zones:
        return config
    from lowatch.config.zones.read import with_zones  # noqa: PLC0415  # most hosts have none

    servers = {zone.path: zone.server for zone in config.zones}
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(_asked(zone, servers[zone.file])) for zone in _read(config.zones, host)]
    return with_zones(config, [one.result() for one in asked])


async def _asked(zone: ReadZone, server: Nameserver | None) -> ReadZone:
    """The zone, with what its server says. A file that is behind may be written in a moment."""
    if zone.soa is None or server is None:
        return zone
    from lowatch.app.zone_expiry import lost  # noqa: PLC0415
    from lowatch.resolve.zone_server import ZoneServer  # noqa: PLC0415

    answer = await ZoneServer().serial(server, zone.soa.name)
    return zone._replace(expiry=lost(server, answer)) if isinstance(answer, str) else zone


def read_at_start(
    config: Config, host: Host, store: StateStore, notifier: Notifier
) -> tuple[Config, ReadZones]:
    """The same for the daemon, with what was read. It asks the servers once it runs.

    The service manager gives it more time for each file. The names of the last run's findings stand in for
    a file that cannot be read. Otherwise those findings would end, as if they were resolved.
    """
    if not config.zones:
        return config, ()
    from lowatch.app.zones_follower import log_zones  # noqa: PLC0415
    from lowatch.config.zones.read import with_zones  # noqa: PLC0415

    host.refresh()
    read = _read(_in_time(config.zones, notifier), host)
    log_zones(read, {})
    if any(zone.soa is None for zone in read):
        known = with_zones(config, read).policy.domains
        found = (one.finding.subject.domain for one in store.load())
        names = tuple(dict.fromkeys(name for name in found if name and name not in known))
        read = tuple(zone if zone.soa is not None else zone._replace(names=names) for zone in read)
    return with_zones(config, read), read


def _read(zones: Iterable[ZoneFile], host: Host) -> ReadZones:
    """Each is taken when it is its turn to be read."""
    from lowatch.config.zones.read import read_zones  # noqa: PLC0415

    return read_zones(zones, host.local_prefixes() or ())


def _in_time(zones: Iterable[ZoneFile], notifier: Notifier) -> Iterator[ZoneFile]:
    for zone in zones:
        notifier.notify(EXTEND_TIMEOUT_USEC=str(_READ_WITHIN * 1_000_000))
        yield zone


class FollowedZones:
    """Follows the zones from when the first one is configured. Until then, it costs next to nothing."""

    def __init__(
        self, config: ConfigInForce, host: Host, daemon: Daemon, threads: Threads, clock: Clock
    ) -> None:
        self._config = config
        self._host = host
        self._daemon = daemon
        self._threads = threads
        self._clock = clock
        self._follower: ZonesFollower | None = None

    def files_changed(self) -> None:
        """A file may have changed."""
        if self._follower is not None:
            self._follower.files_changed()

    async def run(self) -> None:
        """Follow them until cancelled."""
        while not self._config.loaded.zones:
            await self._daemon.change()
        from lowatch.app.zone_expiry import ZoneExpiry  # noqa: PLC0415
        from lowatch.app.zones_follower import ZonesFollower  # noqa: PLC0415
        from lowatch.resolve.zone_server import ZoneServer  # noqa: PLC0415

        expiry = ZoneExpiry(self._config, ZoneServer(), self._clock)
        self._follower = ZonesFollower(
            self._config, self._host, self._daemon, expiry, self._threads, self._clock
        )
        await self._follower.run()
