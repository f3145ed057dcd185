"""The configuration in force, and how another one replaces it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from lowatch.config.durations import format_duration
from lowatch.config.settings import Config, DnsSettings
from lowatch.core.addresses import Port
from lowatch.core.name_sources import NameSource
from lowatch.core.policy import DomainSpec, Policy

if TYPE_CHECKING:
    from lowatch.config.zones.read import ReadZones


class DnsEngine(Protocol):
    """The resolver's engine."""

    def replace_settings(self, settings: DnsSettings) -> None: ...


class WatchedInterfaces(Protocol):
    """The host."""

    def replace_watches(self, policy: Policy) -> None: ...


class Auditing(Protocol):
    """The daemon."""

    def replace_policy(self, policy: Policy) -> None: ...


class WatchedFiles(Protocol):
    """The watch of all files that matter."""

    def replace_paths(self, paths: Iterable[Path]) -> None: ...


class FoundNames(Protocol):
    """Names that are followed beside the configured ones."""

    def specs(self, default_ports: tuple[Port, ...]) -> Mapping[str, DomainSpec]:
        """What each name should serve."""

    def sources(self) -> Mapping[str, NameSource]:
        """Where each name comes from."""


class PendingRestart(NamedTuple):
    """A key whose new value needs a restart. running, configured: as people write them."""

    key: str
    running: str
    configured: str

    def __str__(self) -> str:
        return f"{self.key} needs a restart: running with {self.running}, configured {self.configured}"


class ConfigInForce:
    """Holds the current configuration. Only replace() and replace_zones() change it."""

    def __init__(
        self,
        config: Config,
        dns: DnsEngine,
        interfaces: WatchedInterfaces,
        daemon: Auditing,
        files: WatchedFiles,
        system_files: Sequence[Path],
        *,
        activated: bool = False,
        learned: Sequence[FoundNames] = (),
        zones: ReadZones = (),
    ) -> None:
        """config: what all collaborators were built with, but for the names of zones.

        system_files: watched in any case. activated: whether systemd passed the web's sockets. learned:
        names that are followed beside those of the configuration; the collaborators were built with these
        too. zones: what was read of them so far.
        """
        self._loaded = self._at_start = config
        self._zones = zones
        self._current = with_zones_of(config, zones)
        self._dns = dns
        self._interfaces = interfaces
        self._daemon = daemon
        self._files = files
        self._system_files = system_files
        self._activated = activated
        self._learned = learned

    @property
    def current(self) -> Config:
        return self._current

    @property
    def loaded(self) -> Config:
        """The current configuration without the names of zones."""
        return self._loaded

    @property
    def searched(self) -> bool:
        """Whether names that lead here are found without being configured."""
        return bool(self._learned) or self._current.policy.searched

    @property
    def zones(self) -> ReadZones:
        """What is known of each zone file."""
        return self._zones

    @property
    def at_start(self) -> Config:
        return self._at_start

    def replace(self, config: Config) -> None:
        """Put another configuration into force, as it was loaded, with the names of its zones."""
        self._loaded = config
        files = {zone.path for zone in config.zones}
        self._zones = tuple(zone for zone in self._zones if zone.file in files)
        self._put_into_force()

    def replace_zones(self, zones: ReadZones) -> None:
        """Put the names that were read from zone files into force."""
        self._zones = zones
        self._put_into_force()

    def _put_into_force(self) -> None:
        before, config = self._current, with_zones_of(self._loaded, self._zones)
        self._current = config
        if config.dns != before.dns:
            self._dns.replace_settings(config.dns)
        self._interfaces.replace_watches(config.policy)
        self._daemon.replace_policy(with_learned(config, self._learned))
        self._files.replace_paths(watched_paths(config, self._system_files))

    def learned_changed(self) -> None:
        """Other names were learned, or what they should serve."""
        self._daemon.replace_policy(with_learned(self._current, self._learned))

    def pending_restart(self) -> tuple[PendingRestart, ...]:
        """The keys whose configured value needs a restart."""
        return pending_restart(self._at_start, self._current, activated=self._activated)


def with_learned(config: Config, learned: Sequence[FoundNames]) -> Policy:
    """The policy of a configuration, with the names found beside it: each by the first that has it."""
    if not learned:
        return config.policy
    specs: dict[str, DomainSpec] = {}
    sources: dict[str, NameSource] = {}
    for found in reversed(learned):
        specs.update(found.specs(config.ports))
        sources.update(found.sources())
    return replace(config.policy, searched=True).with_learned(specs, sources)


def with_zones_of(config: Config, zones: ReadZones) -> Config:
    """The configuration with the names of zones."""
    if not zones:
        return config
    from lowatch.config.zones.read import with_zones  # noqa: PLC0415  # most hosts have none

    return with_zones(config, zones)


def watched_paths(config: Config, system_files: Sequence[Path]) -> list[Path]:
    """What to watch: system files, files of names, and directories where other files may come to match."""
    return [*system_files, *_names_paths(config), *(zone.path for zone in config.zones)]


def _names_paths(config: Config) -> Iterator[Path]:
    if config.sources:
        yield from config.sources.files
        yield from config.sources.directories()


def pending_restart(running: Config, configured: Config, *, activated: bool) -> tuple[PendingRestart, ...]:
    """running: the configuration at the start. activated: whether systemd passed the web's sockets.

    Those take the place of web.listen, after a restart as well.
    """
    keys = [("journal.enabled", *(str(one.journal_enabled).lower() for one in (running, configured)))]
    if not activated:
        keys.insert(0, ("web.listen", _places(running), _places(configured)))
    learn = (", ".join(one.learns) or "nothing" for one in (running, configured))
    keys.append(("names.learn", *learn))
    keys.append(
        ("names.forget_after", *(format_duration(one.names.forget_after) for one in (running, configured)))
    )
    return tuple(PendingRestart(*key) for key in keys if key[1] != key[2])


def _places(config: Config) -> str:
    return ", ".join(map(str, config.web.listen)) or "nowhere"
