"""Asks the local server of each zone whether it still has the zone: once per refresh, as its SOA says.

The file alone does not tell. A secondary that has lost its primary leaves the file as it is, also after the
zone has expired; and one that cannot write lets the file get old.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from lowatch.config.settings import Nameserver
from lowatch.core.clock import Clock
from lowatch.wire.zone_serial import is_newer

from .config_in_force import ConfigInForce

if TYPE_CHECKING:
    from lowatch.config.zones.read import ReadZone

SHORTEST, LONGEST = 60.0, 86_400.0
"""Seconds between two questions, whatever the SOA says."""
AGAIN_AFTER = 60.0
"""Seconds until the next question after a bad answer."""

_log = logging.getLogger("lowatch")


class ZoneServer(Protocol):
    async def serial(self, server: Nameserver, zone: str) -> int | str:
        """The serial of a zone that a server has; otherwise why it has none, in one line."""


@dataclass(slots=True)
class _Asked:
    """due: monotonic seconds. of: the serial in the file. behind: whether the server had a newer one."""

    due: float
    of: int
    behind: bool = False


class ZoneExpiry:
    """Keeps `expiry` of the zones in the configuration in force. Without a `server`, it does nothing."""

    def __init__(self, config: ConfigInForce, server: ZoneServer, clock: Clock) -> None:
        self._config = config
        self._server = server
        self._clock = clock
        self._asked: dict[Path, _Asked] = {}
        self._changed = asyncio.Event()

    def zones_changed(self) -> None:
        """There may be other zones, or other serials in their files."""
        self._changed.set()

    async def run(self) -> None:
        """Ask whenever that is due, until cancelled."""
        while True:
            self._changed.clear()
            for file, server in self._servers().items():
                await self._ask_if_due(file, server)
            due = [self._asked[file].due for file in self._servers() if file in self._asked]
            patience = max(0.0, min(due) - self._now()) if due else None
            with suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self._changed.wait()

    def _servers(self) -> Mapping[Path, Nameserver]:
        """The servers of the zones that have been read."""
        read = {zone.file for zone in self._config.zones if zone.soa is not None}
        zones = self._config.loaded.zones
        servers = {zone.path: zone.server for zone in zones if zone.server and zone.path in read}
        self._asked = {file: one for file, one in self._asked.items() if file in servers}
        return servers

    async def _ask_if_due(self, file: Path, server: Nameserver) -> None:
        zone = self._zone(file)
        if zone is None or zone.soa is None:
            return
        asked = self._asked.get(file)
        if asked is None or asked.of != zone.soa.serial:
            asked = self._asked[file] = _Asked(self._now(), zone.soa.serial)
        if asked.due > self._now():
            return
        answer = await self._server.serial(server, zone.soa.name)
        expiry = self._trouble(answer, asked, server)
        bad = bool(expiry) or asked.behind
        refresh = min(max(SHORTEST, zone.soa.refresh), LONGEST)
        asked.due = self._now() + (AGAIN_AFTER if bad else refresh)
        self._replace(file, expiry)

    def _trouble(self, answer: int | str, asked: _Asked, server: Nameserver) -> str:
        """What to report; "" if the server has the zone that the file has. It may be ahead for a moment."""
        if isinstance(answer, str):
            return lost(server, answer)
        was_behind, asked.behind = asked.behind, is_newer(answer, asked.of)
        if not (was_behind and asked.behind):
            return ""
        return f"has serial {asked.of}, but {server} has {answer}: the file is not written"

    def _zone(self, file: Path) -> ReadZone | None:
        return next((zone for zone in self._config.zones if zone.file == file), None)

    def _replace(self, file: Path, expiry: str) -> None:
        before = self._zone(file)
        if before is None or before.expiry == expiry:
            return
        if expiry:
            _log.warning("%s: %s, continuing", file, expiry)
        else:
            _log.info("%s: its server has the zone again", file)
        zones = self._config.zones
        self._config.replace_zones(
            tuple(zone._replace(expiry=expiry) if zone.file == file else zone for zone in zones)
        )

    def _now(self) -> float:
        return self._clock.now().monotonic


def lost(server: Nameserver, answer: str) -> str:
    """What to report of a server that gives no serial, and why it does not."""
    return f"{server}: {answer}: the zone has expired, or it is not loaded"
