"""Reads the files that name resolution depends on, and again when they have changed."""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path
from typing import NamedTuple

from lowatch.config.settings import Nameserver
from lowatch.core.limits.files import HOSTS_FILE_BYTES, RESOLVER_FILE_BYTES
from lowatch.files.fingerprint import ABSENT, UNREAD, Fingerprint

from .file_system import HOST_FILE_SYSTEM, READ_AT_ONCE, FileSystem
from .hosts_file import HOST_CONF, HOSTS, Hosts, parse_hosts, parse_multi
from .nsswitch import NSSWITCH_CONF, NameServiceSwitch, parse_nsswitch
from .resolv_conf import RESOLV_CONF, parse_resolv_conf, suppresses_aaaa


class NamePaths(NamedTuple):
    """The paths of the files, and of the sockets of daemons that the C library may ask instead."""

    hosts: Path = HOSTS
    nsswitch: Path = NSSWITCH_CONF
    host_conf: Path = HOST_CONF
    resolv_conf: Path = RESOLV_CONF
    resolved: Path = Path("/run/systemd/resolve/io.systemd.Resolve")
    nscd: Path = Path("/var/run/nscd/socket")


NAME_PATHS = NamePaths()


class SystemResolver(NamedTuple):
    """The settings of the C library's `dns` service. nameservers: empty if they are not known.

    aaaa: whether it queries AAAA at all.
    """

    nameservers: frozenset[Nameserver] = frozenset()
    aaaa: bool = True


class NameFiles(NamedTuple):
    """The contents of these files. nscd: whether nscd answers instead, from its own cache.

    seen: the fingerprint of each of NamePaths, from when it was read. unreadable: one line for each file
    that could not be read; its previous contents are kept. multi: as in host.conf.
    """

    hosts: Hosts = Hosts()
    switch: NameServiceSwitch = parse_nsswitch("")
    resolver: SystemResolver = SystemResolver()
    nscd: bool = False
    seen: tuple[Fingerprint, ...] = (UNREAD,) * len(NAME_PATHS)
    unreadable: tuple[str, ...] = ()
    multi: bool = False

    @property
    def problems(self) -> tuple[str, ...]:
        broken = (self.switch.broken,) if self.switch.broken else ()
        return broken + self.hosts.problems


class NameFilesSource:
    """Reads the files. It keeps no state, so it may be used in a thread."""

    def __init__(self, paths: NamePaths = NAME_PATHS, files: FileSystem = HOST_FILE_SYSTEM) -> None:
        self.paths = paths
        self._files = files

    def changed(self, before: NameFiles) -> bool:
        """Whether some file differs from what was read (six stat() calls)."""
        return tuple(map(self._files.fingerprint, self.paths)) != before.seen

    def switch_changed(self, before: NameFiles) -> bool:
        """Whether nsswitch.conf differs from what was read."""
        return self._files.fingerprint(self.paths.nsswitch) != before.seen[1]

    def endless(self) -> str:
        """Why the C library would block on a file, or read it endlessly; "" if none (four stat() calls)."""
        for path in self.paths[:4]:
            limit = HOSTS_FILE_BYTES if path == self.paths.hosts else RESOLVER_FILE_BYTES
            if refusal := self._files.refusal(path, limit):
                return refusal
        return ""

    @property
    def is_large(self) -> bool:
        """Whether read() takes longer than the loop should wait."""
        return self._files.size(self.paths.hosts) > READ_AT_ONCE

    def read(self, followed: Container[str], before: NameFiles) -> NameFiles:
        """Read all files again. A missing one counts as empty; for an unreadable one `before` is kept."""
        sockets = (self._files.fingerprint(self.paths.resolved), self._files.fingerprint(self.paths.nscd))
        multi, multi_seen, multi_failed = self._read_multi(multi=before.multi)
        hosts, hosts_seen, hosts_failed = self._read_hosts(followed, before.hosts, multi=multi)
        switch, switch_seen, switch_failed = self.read_switch(before.switch)
        resolver, resolver_seen, resolver_failed = self._read_resolver(before.resolver)
        seen = (hosts_seen, switch_seen, multi_seen, resolver_seen, *sockets)
        failed = (hosts_failed, switch_failed, multi_failed, resolver_failed)
        unreadable = tuple(line for line in failed if line)
        return NameFiles(hosts, switch, resolver, sockets[1] != ABSENT, seen, unreadable, multi)

    def read_switch(self, before: NameServiceSwitch) -> tuple[NameServiceSwitch, Fingerprint, str]:
        """Read nsswitch.conf alone. Returns also its fingerprint, and why it could not be read."""
        path = self.paths.nsswitch
        try:
            runs = self._files.is_listening(self.paths.resolved)
        except OSError as error:
            return before, UNREAD, _unreadable(path, error)
        try:
            text, seen = self._files.read_small(path, RESOLVER_FILE_BYTES)
        except FileNotFoundError:
            return parse_nsswitch("", resolved_runs=runs), ABSENT, ""
        except OSError as error:
            return before, self._files.fingerprint(path), _unreadable(path, error)
        return parse_nsswitch(text, str(path), resolved_runs=runs), seen, ""

    def _read_multi(self, *, multi: bool) -> tuple[bool, Fingerprint, str]:
        """multi: the value to keep if the file is unreadable. Others may be able to read it."""
        path = self.paths.host_conf
        try:
            text, seen = self._files.read_small(path, RESOLVER_FILE_BYTES)
        except FileNotFoundError:
            return False, ABSENT, ""
        except OSError as error:
            return multi, self._files.fingerprint(path), _unreadable(path, error)
        return parse_multi(text), seen, ""

    def _read_hosts(
        self, followed: Container[str], before: Hosts, *, multi: bool
    ) -> tuple[Hosts, Fingerprint, str]:
        path = self.paths.hosts
        try:
            with self._files.open_lines(path, HOSTS_FILE_BYTES) as (lines, seen):
                return parse_hosts(lines, followed, multi=multi, source=str(path)), seen, ""
        except FileNotFoundError:
            return Hosts(), ABSENT, ""
        except OSError as error:
            return before, self._files.fingerprint(path), _unreadable(path, error)

    def _read_resolver(self, before: SystemResolver) -> tuple[SystemResolver, Fingerprint, str]:
        """The engine reports errors in this file, because it queries these nameservers."""
        path = self.paths.resolv_conf
        try:
            text, seen = self._files.read_small(path, RESOLVER_FILE_BYTES)
        except FileNotFoundError:
            return SystemResolver(), ABSENT, ""
        except OSError as error:
            return before, self._files.fingerprint(path), _unreadable(path, error)
        servers = frozenset(parse_resolv_conf(text).servers)
        return SystemResolver(servers, aaaa=not suppresses_aaaa(text)), seen, ""


def _unreadable(path: Path, error: OSError) -> str:
    return f"{path}: {error.strerror}: keeping what was last read"
