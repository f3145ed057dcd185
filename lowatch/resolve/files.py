"""The files that name resolution hangs on, read again when they have changed."""

from __future__ import annotations

import os
import time
from collections.abc import Container, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from lowatch.core.limits import HOSTS_FILE_BYTES, RESOLVER_FILE_BYTES
from lowatch.files.regular import open_regular, read_whole, too_large

from .hosts import HOST_CONF, HOSTS, Hosts, parse_hosts, parse_multi
from .nsswitch import NSSWITCH_CONF, NameServiceSwitch, parse_nsswitch

Fingerprint = tuple[int, ...]

_ABSENT: Fingerprint = (0,)
UNREAD: Fingerprint = ()
"""Equals no fingerprint: look again whatever happens."""
_SETTLED = 50_000_000
"""Nanoseconds after which a file's next change has another time: the kernel's clock for them ticks."""

HOSTS_READ_AT_ONCE = 64 * 1024
"""Octets of /etc/hosts that are read in a millisecond or so."""
_BREATH = 0.0001
"""Seconds for which a reading thread lets go of the interpreter, after each so many octets."""


def fingerprint(path: Path) -> Fingerprint:
    """Differs when the file does, behind symbolic links too. One value for all that cannot be looked at."""
    try:
        return _fingerprint(path.stat())
    except OSError:
        return _ABSENT


def fingerprint_read(file: BinaryIO) -> Fingerprint:
    """Of what is about to be read. Of a file written just now: none, for the next write might not show."""
    status = os.fstat(file.fileno())
    return _fingerprint(status) if abs(time.time_ns() - status.st_mtime_ns) > _SETTLED else UNREAD


def _fingerprint(status: os.stat_result) -> Fingerprint:
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


class NameFiles(NamedTuple):
    """What /etc/hosts and nsswitch.conf say. seen: of them and host.conf, when they were read.

    problems: one line each. Of a file that could not be read, what it last said is kept.
    """

    hosts: Hosts = Hosts()
    switch: NameServiceSwitch = NameServiceSwitch()
    seen: tuple[Fingerprint, Fingerprint, Fingerprint] = (UNREAD, UNREAD, UNREAD)
    unreadable: tuple[str, ...] = ()

    @property
    def problems(self) -> tuple[str, ...]:
        broken = (self.switch.broken,) if self.switch.broken else ()
        return self.unreadable + broken + self.hosts.problems


class NameFilesSource:
    """Reads them. Nothing here keeps state: it may be used in a thread."""

    def __init__(
        self, hosts: Path = HOSTS, nsswitch: Path = NSSWITCH_CONF, host_conf: Path = HOST_CONF
    ) -> None:
        self.hosts = hosts
        self.nsswitch = nsswitch
        self.host_conf = host_conf

    def changed(self, before: NameFiles) -> bool:
        """Whether they are others than what was read (three stats)."""
        hosts, _, host_conf = before.seen
        changed = (fingerprint(self.hosts), fingerprint(self.host_conf)) != (hosts, host_conf)
        return changed or self.switch_changed(before)

    def switch_changed(self, before: NameFiles) -> bool:
        return fingerprint(self.nsswitch) != before.seen[1]

    @property
    def is_large(self) -> bool:
        """Whether read() takes longer than the loop should be kept waiting."""
        try:
            return self.hosts.stat().st_size > HOSTS_READ_AT_ONCE
        except OSError:
            return False

    def read(self, followed: Container[str], before: NameFiles) -> NameFiles:
        """All anew. A file that is not there says nothing; one that cannot be read, what it did."""
        multi, multi_seen = self._read_multi()
        hosts, hosts_seen, hosts_failed = self._read_hosts(followed, before.hosts, multi=multi)
        switch, switch_seen, switch_failed = self.read_switch(before.switch)
        failed = tuple(line for line in (hosts_failed, switch_failed) if line)
        return NameFiles(hosts, switch, (hosts_seen, switch_seen, multi_seen), failed)

    def _read_multi(self) -> tuple[bool, Fingerprint]:
        """For the C library, too, an unreadable host.conf is as good as none."""
        try:
            with open_regular(self.host_conf, RESOLVER_FILE_BYTES) as file:
                seen = fingerprint_read(file)
                return parse_multi(read_whole(file, RESOLVER_FILE_BYTES).decode(errors="replace")), seen
        except OSError:
            return False, _ABSENT

    def _read_hosts(
        self, followed: Container[str], before: Hosts, *, multi: bool
    ) -> tuple[Hosts, Fingerprint, str]:
        try:
            with open_regular(self.hosts, HOSTS_FILE_BYTES) as file:
                seen = fingerprint_read(file)
                found = parse_hosts(_lines(file), followed, multi=multi, source=str(self.hosts))
                return found, seen, ""
        except FileNotFoundError:
            return Hosts(), _ABSENT, ""
        except OSError as error:
            return before, fingerprint(self.hosts), _unreadable(self.hosts, error)

    def read_switch(self, before: NameServiceSwitch) -> tuple[NameServiceSwitch, Fingerprint, str]:
        """nsswitch.conf alone, when that was looked at, and why it could not be read."""
        try:
            with open_regular(self.nsswitch, RESOLVER_FILE_BYTES) as file:
                seen = fingerprint_read(file)
                text = read_whole(file, RESOLVER_FILE_BYTES).decode(errors="replace")
                return parse_nsswitch(text, str(self.nsswitch)), seen, ""
        except FileNotFoundError:
            return NameServiceSwitch(), _ABSENT, ""
        except OSError as error:
            return before, fingerprint(self.nsswitch), _unreadable(self.nsswitch, error)


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
