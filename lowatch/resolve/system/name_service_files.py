"""The files that name resolution hangs on, read again when they have changed."""

from __future__ import annotations

import socket
import stat
import time
from collections.abc import Container, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from lowatch.config.settings import Nameserver
from lowatch.core.limits.files import HOSTS_FILE_BYTES, RESOLVER_FILE_BYTES
from lowatch.files.fingerprint import (
    _ABSENT,
    UNREAD,
    Fingerprint,
    fingerprint,
    fingerprint_read,
)
from lowatch.files.regular_file import open_regular, read_whole, size, too_large

from .hosts_file import HOST_CONF, HOSTS, Hosts, parse_hosts, parse_multi
from .nsswitch import NSSWITCH_CONF, NameServiceSwitch, parse_nsswitch
from .resolv_conf import RESOLV_CONF, parse_resolv_conf, suppresses_aaaa

HOSTS_READ_AT_ONCE = 64 * 1024
"""Octets of /etc/hosts that are read in a millisecond or so."""
_BREATH = 0.0001
"""Seconds for which a reading thread lets go of the interpreter, after each so many octets."""


class NamePaths(NamedTuple):
    """Where the files are, and the sockets of whom the C library may ask instead."""

    hosts: Path = HOSTS
    nsswitch: Path = NSSWITCH_CONF
    host_conf: Path = HOST_CONF
    resolv_conf: Path = RESOLV_CONF
    resolved: Path = Path("/run/systemd/resolve/io.systemd.Resolve")
    nscd: Path = Path("/var/run/nscd/socket")


NAME_PATHS = NamePaths()


class SystemResolver(NamedTuple):
    """What the C library's `dns` service goes by. nameservers: none where that is not known.

    aaaa: whether it asks for AAAA at all.
    """

    nameservers: frozenset[Nameserver] = frozenset()
    aaaa: bool = True


class NameFiles(NamedTuple):
    """What these files say. nscd: whether it answers for all of them, from a cache of its own.

    seen: of each of NamePaths, when they were read. unreadable: one line each. Of a file that could not
    be read, what it last said is kept. multi: of host.conf.
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
    """Reads them. Nothing here keeps state: it may be used in a thread."""

    def __init__(self, paths: NamePaths = NAME_PATHS) -> None:
        self.paths = paths

    def changed(self, before: NameFiles) -> bool:
        """Whether they are others than what was read (six stats)."""
        return tuple(map(fingerprint, self.paths)) != before.seen

    def switch_changed(self, before: NameFiles) -> bool:
        return fingerprint(self.paths.nsswitch) != before.seen[1]

    def endless(self) -> str:
        """Which file the C library would wait for, or read without a bound; "" for none (four stats)."""
        for path in self.paths[:4]:
            try:
                status = path.stat()
            except OSError:
                continue
            if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
                return f"{path} is not a regular file"
            limit = HOSTS_FILE_BYTES if path == self.paths.hosts else RESOLVER_FILE_BYTES
            if status.st_size > limit.value:
                return f"{path} is larger than {size(limit)}"
        return ""

    @property
    def is_large(self) -> bool:
        """Whether read() takes longer than the loop should be kept waiting."""
        try:
            return self.paths.hosts.stat().st_size > HOSTS_READ_AT_ONCE
        except OSError:
            return False

    def read(self, followed: Container[str], before: NameFiles) -> NameFiles:
        """All anew. A file that is not there says nothing; one that cannot be read, what it did."""
        sockets = (fingerprint(self.paths.resolved), fingerprint(self.paths.nscd))
        multi, multi_seen, multi_failed = self._read_multi(multi=before.multi)
        hosts, hosts_seen, hosts_failed = self._read_hosts(followed, before.hosts, multi=multi)
        switch, switch_seen, switch_failed = self.read_switch(before.switch)
        resolver, resolver_seen, resolver_failed = self._read_resolver(before.resolver)
        seen = (hosts_seen, switch_seen, multi_seen, resolver_seen, *sockets)
        failed = (hosts_failed, switch_failed, multi_failed, resolver_failed)
        unreadable = tuple(line for line in failed if line)
        return NameFiles(hosts, switch, resolver, sockets[1] != _ABSENT, seen, unreadable, multi)

    def _read_multi(self, *, multi: bool) -> tuple[bool, Fingerprint, str]:
        """multi: what it last said. Applications of other users may read what we cannot."""
        path = self.paths.host_conf
        try:
            with open_regular(path, RESOLVER_FILE_BYTES) as file:
                seen = fingerprint_read(file)
                text = read_whole(file, RESOLVER_FILE_BYTES).decode(errors="replace")
                return parse_multi(text), seen, ""
        except FileNotFoundError:
            return False, _ABSENT, ""
        except OSError as error:
            return multi, fingerprint(path), _unreadable(path, error)

    def _read_hosts(
        self, followed: Container[str], before: Hosts, *, multi: bool
    ) -> tuple[Hosts, Fingerprint, str]:
        path = self.paths.hosts
        try:
            with open_regular(path, HOSTS_FILE_BYTES) as file:
                seen = fingerprint_read(file)
                found = parse_hosts(_lines(file), followed, multi=multi, source=str(path))
                return found, seen, ""
        except FileNotFoundError:
            return Hosts(), _ABSENT, ""
        except OSError as error:
            return before, fingerprint(path), _unreadable(path, error)

    def read_switch(self, before: NameServiceSwitch) -> tuple[NameServiceSwitch, Fingerprint, str]:
        """nsswitch.conf alone, when that was looked at, and why it could not be read."""
        path = self.paths.nsswitch
        try:
            runs = _listens(self.paths.resolved)
        except OSError as error:
            return before, UNREAD, _unreadable(path, error)
        try:
            with open_regular(path, RESOLVER_FILE_BYTES) as file:
                seen = fingerprint_read(file)
                text = read_whole(file, RESOLVER_FILE_BYTES).decode(errors="replace")
                return parse_nsswitch(text, str(path), resolved_runs=runs), seen, ""
        except FileNotFoundError:
            return parse_nsswitch("", resolved_runs=runs), _ABSENT, ""
        except OSError as error:
            return before, fingerprint(path), _unreadable(path, error)

    def _read_resolver(self, before: SystemResolver) -> tuple[SystemResolver, Fingerprint, str]:
        """What is wrong in the file is for whoever asks these nameservers to report."""
        path = self.paths.resolv_conf
        try:
            with open_regular(path, RESOLVER_FILE_BYTES) as file:
                seen = fingerprint_read(file)
                text = read_whole(file, RESOLVER_FILE_BYTES).decode(errors="replace")
        except FileNotFoundError:
            return SystemResolver(), _ABSENT, ""
        except OSError as error:
            return before, fingerprint(path), _unreadable(path, error)
        servers = frozenset(parse_resolv_conf(text).servers)
        return SystemResolver(servers, aaaa=not suppresses_aaaa(text)), seen, ""


def _listens(path: Path) -> bool:
    """Whether somebody accepts connections there: the socket of who ended may stay. Never waits.

    Raises OSError where there is no descriptor left to ask with.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as client:
        try:
            client.connect(str(path))
        except BlockingIOError:  # its backlog is full
            return True
        except OSError:
            return False
    return True


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Up to the limit, and never more than that at a time. Raises OSError for a larger file.

    A large file is read in a thread, and one that only computes lets another have the interpreter
    every 5 ms: the loop, which needs it several times in a turn, took 125 ms for one. So it breathes.
    """
    left = HOSTS_FILE_BYTES.value
    breath_at = left - HOSTS_READ_AT_ONCE
    while line := file.readline(left):
        left -= len(line)
        if left <= 0:
            raise too_large(HOSTS_FILE_BYTES)
        if left < breath_at:
            breath_at = left - HOSTS_READ_AT_ONCE
            time.sleep(_BREATH)
        yield line


def _unreadable(path: Path, error: OSError) -> str:
    return f"{path}: {error.strerror}: keeping what was last read from it"
