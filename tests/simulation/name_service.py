"""Simulates the files of name resolution, and getaddrinfo as applications see it."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lowatch.core.addresses import Address, format_address
from lowatch.core.limits.limit import Limit
from lowatch.files.fingerprint import ABSENT, Fingerprint
from lowatch.resolve.system.file_system import Lines
from lowatch.resolve.system.getaddrinfo import Looked, Seen
from lowatch.resolve.system.name_service_files import NAME_PATHS
from lowatch.wire.dns import ReplyKind, RRType, encode_question

from .faults import Faults
from .loop import VirtualLoop
from .nameservers import SERVERS, Servers
from .places import FAR, NAMES, VIPS

HOSTS: tuple[dict[str, tuple[Address, ...]], ...] = (
    {},
    {NAMES[4]: (VIPS[0],)},
    {NAMES[0]: (FAR[0],)},
    {NAMES[1]: (VIPS[1],), NAMES[5]: (VIPS[2],)},
)
"""Possible contents of /etc/hosts."""
_SWITCHES = (
    "hosts: files dns\n",
    "hosts: dns files\n",
    "hosts: files dns myhostname\n",
    "hosts: files sss dns\n",
)
_WITH_DIRECTORY = 3
_FAILED = Seen(None, "Temporary failure in name resolution")
_COST = 0.0005


class NameService:
    """Implements resolve.system.file_system.FileSystem. changed: called after each change of a file."""

    def __init__(self, loop: VirtualLoop, faults: Faults, servers: Servers) -> None:
        self._loop = loop
        self._faults = faults
        self.servers = servers
        self._writes = 0
        self._texts: dict[Path, str] = {}
        self._written: dict[Path, Fingerprint] = {}
        self.hosts: dict[str, tuple[Address, ...]] = {}
        self.directory: dict[str, tuple[Address, ...]] = {}
        """Sets the addresses in a service other than files and DNS. Only getaddrinfo returns them."""
        self.switch = 0
        self.changed: Callable[[], None] = lambda: None
        self._write(NAME_PATHS.resolv_conf, "".join(f"nameserver {one.host}\n" for one in SERVERS))
        self.write_hosts(0)
        self.write_switch(0)

    def write_hosts(self, number: int) -> None:
        self.hosts = HOSTS[number]
        lines = [f"{format_address(one)} {name}\n" for name, some in self.hosts.items() for one in some]
        self._write(NAME_PATHS.hosts, "127.0.0.1 localhost\n" + "".join(lines))
        self.changed()

    def write_switch(self, number: int) -> None:
        self.switch = number
        self._write(NAME_PATHS.nsswitch, _SWITCHES[number])
        self.changed()

    def put(self, name: str, addresses: tuple[Address, ...]) -> None:
        self.directory[name] = addresses
        self.changed()

    @property
    def has_directory(self) -> bool:
        return self.switch == _WITH_DIRECTORY

    def _write(self, path: Path, text: str) -> None:
        self._writes += 1
        self._texts[path] = text
        self._written[path] = (self._writes, len(text))

    # A FileSystem: see resolve/system/file_system.py.

    def fingerprint(self, path: Path) -> Fingerprint:
        return self._written.get(path, ABSENT)

    def size(self, path: Path) -> int:
        return len(self._texts.get(path, ""))

    def read_small(self, path: Path, limit: Limit) -> tuple[str, Fingerprint]:
        if self._faults.has("files unreadable"):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        if path not in self._texts:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        return self._texts[path], self._written[path]

    @contextmanager
    def open_lines(self, path: Path, limit: Limit) -> Iterator[Lines]:
        text, seen = self.read_small(path, limit)
        yield Lines(iter(text.encode().splitlines(keepends=True)), seen)

    def refusal(self, path: Path, limit: Limit) -> str:
        return ""

    def is_listening(self, path: Path) -> bool:
        return False

    def look_up(self, name: str) -> Seen:
        """The C library's result: from the first of files and DNS that has the name."""
        if name in self.hosts and self.switch != 1:
            return Seen(tuple(sorted(self.hosts[name])))
        if self.has_directory and self.directory.get(name):
            return Seen(tuple(sorted(self.directory[name])))
        found: list[Address] = []
        for rrtype in (RRType.A, RRType.AAAA):
            reply = None
            for number in range(len(SERVERS)):
                _, reply = self.servers.answer(number, encode_question(name, rrtype))
                if reply is not None and reply.kind is not ReplyKind.FAILURE:
                    break
            if reply is None or reply.kind is ReplyKind.FAILURE:
                return _FAILED
            found += reply.addresses
        if not found and name in self.hosts:
            return Seen(tuple(sorted(self.hosts[name])))
        return Seen(tuple(sorted(found)))


class SimulatedLookups:
    """Implements resolve.system.getaddrinfo.AddressLookups."""

    def __init__(self, names: NameService, faults: Faults, loop: VirtualLoop) -> None:
        self._names = names
        self._faults = faults
        self._loop = loop
        self._idle = asyncio.Event()
        self._idle.set()
        self._handle: asyncio.TimerHandle | None = None
        self.busy_with = ""

    def another(self) -> SimulatedLookups:
        return SimulatedLookups(self._names, self._faults, self._loop)

    async def idle(self) -> None:
        await self._idle.wait()

    def ask(self, name: str) -> asyncio.Future[Looked]:
        answered: asyncio.Future[Looked] = self._loop.create_future()
        self.busy_with = name
        self._idle.clear()
        at = max(self._loop.time(), self._faults.until("getaddrinfo hangs")) + 0.01
        self._handle = self._loop.call_at(at, self._answer, name, answered)
        return answered

    def _answer(self, name: str, answered: asyncio.Future[Looked]) -> None:
        failing = self._faults.has("getaddrinfo fails")
        seen = _FAILED if failing else self._names.look_up(name)
        self.busy_with = ""
        self._idle.set()
        if not answered.done():
            answered.set_result(Looked(seen, _COST))

    def close(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
