"""The configuration in force, and how another one replaces it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from lowatch.config.settings import Config, DnsSettings
from lowatch.core.policy import Policy


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


class PendingRestart(NamedTuple):
    """A key whose new value needs a restart. running, configured: as people write them."""

    key: str
    running: str
    configured: str

    def __str__(self) -> str:
        return f"{self.key} needs a restart: running with {self.running}, configured {self.configured}"


class ConfigInForce:
    """Holds the current configuration. Only replace() changes it."""

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
    ) -> None:
        """config: what all collaborators were built with. system_files: watched in any case.

        activated: whether systemd passed the web's sockets.
        """
        self._current = self._at_start = config
        self._dns = dns
        self._interfaces = interfaces
        self._daemon = daemon
        self._files = files
        self._system_files = system_files
        self._activated = activated

    @property
    def current(self) -> Config:
        return self._current

    @property
    def at_start(self) -> Config:
        return self._at_start

    def replace(self, config: Config) -> None:
        """Put another configuration into force."""
        before, self._current = self._current, config
        if config.dns != before.dns:
            self._dns.replace_settings(config.dns)
        self._interfaces.replace_watches(config.policy)
        self._daemon.replace_policy(config.policy)
        self._files.replace_paths(watched_paths(config, self._system_files))

    def pending_restart(self) -> tuple[PendingRestart, ...]:
        """The keys whose configured value needs a restart."""
        return pending_restart(self._at_start, self._current, activated=self._activated)


def watched_paths(config: Config, system_files: Sequence[Path]) -> list[Path]:
    """What to watch: system files, files of names, and directories where other files may come to match."""
    return [*system_files, *_names_paths(config)]


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
    return tuple(PendingRestart(*key) for key in keys if key[1] != key[2])


def _places(config: Config) -> str:
    return ", ".join(map(str, config.web.listen)) or "nowhere"
