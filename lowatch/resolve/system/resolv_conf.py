"""The nameservers to query: the configured ones, or those in resolv.conf(5), read again when it changes.

Bad lines in resolv.conf are reported; the rest still count.
"""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import replace
from itertools import islice
from pathlib import Path

from lowatch.config.settings import DnsSettings, Nameserver
from lowatch.core.limits.files import RESOLVER_FILE_BYTES
from lowatch.core.limits.names import NAMESERVERS
from lowatch.files.fingerprint import UNREAD
from lowatch.resolve.nameservers import Nameservers

from .file_system import HOST_FILE_SYSTEM, FileSystem

RESOLV_CONF = Path("/etc/resolv.conf")

_REPORTED = 20
"""Bad lines that are reported one by one; the others are only counted."""
_COMMENT = re.compile("[#;].*")  # even right after an address: glibc ends the word there
# Keywords that some systems use (`lookup` and `family` are BSD's) and lowatch does not need.
_OTHER_KEYWORDS = frozenset({"domain", "search", "sortlist", "lookup", "family"})
_MAX_TIMEOUT, _MAX_ATTEMPTS = 30, 5  # RES_MAXRETRANS and RES_MAXRETRY of glibc's resolv.h


def parse_resolv_conf(text: str, source: str = str(RESOLV_CONF)) -> Nameservers:
    """Parse resolv.conf(5). Unlike glibc, it never falls back to 127.0.0.1: no server is a problem."""
    servers: dict[Nameserver, None] = {}
    options = Nameservers()
    problems = []
    for number, line in enumerate(text.splitlines(), 1):
        keyword, *words = _COMMENT.sub("", line).split() or ["#"]
        try:
            if keyword == "nameserver":
                servers[_parse_nameserver(words)] = None
            elif keyword == "options":
                for word in words:
                    options = _parse_option(options, word)
            elif keyword != "#" and keyword not in _OTHER_KEYWORDS:
                raise ValueError(f"unknown keyword {keyword!r}")  # noqa: TRY301 - one way out
        except ValueError as error:
            problems.append(f"{source}:{number}: {error}, ignoring the line")
    if len(problems) > _REPORTED:
        problems[_REPORTED:] = [f"{source}: and {len(problems) - _REPORTED:,} more such lines"]
    if not servers:
        problems.append(f"{source}: has no nameserver")
    if len(servers) > NAMESERVERS.value:
        NAMESERVERS.reached()
        problems.append(
            f"{source}: names {len(servers):,} nameservers: using the first {NAMESERVERS.value}"
        )
    first = tuple(islice(servers, NAMESERVERS.value))
    return replace(options, servers=first, problems=tuple(problems))


def search_domains(text: str) -> list[str]:
    """The search list, in lower case and without final dots: the last `search` or `domain` line counts."""
    found: list[str] = []
    for line in text.splitlines():
        keyword, *words = _COMMENT.sub("", line).split() or ["#"]
        if keyword in ("search", "domain"):
            found = [word.lower().rstrip(".") for word in (words if keyword == "search" else words[:1])]
    return [*dict.fromkeys(filter(None, found))]


def _parse_nameserver(words: list[str]) -> Nameserver:
    if not words:
        raise ValueError("nameserver without an address")
    try:
        ipaddress.ip_address(words[0])  # takes fe80::1%eth0 as well
    except ValueError:
        raise ValueError(f"{words[0]!r} is not a nameserver's address") from None
    return Nameserver(words[0])


def _parse_option(options: Nameservers, word: str) -> Nameservers:
    """Apply one word of an `options` line. Options that lowatch does not use change nothing."""
    name, _, value = word.partition(":")
    if name == "rotate":
        return replace(options, rotate=True)
    if name not in ("timeout", "attempts"):
        return options
    least = 0 if name == "timeout" else 1  # glibc takes a timeout of 0 as one second
    if not (value.isascii() and value.isdigit() and int(value) >= least):
        raise ValueError(f"option {word!r} wants a number from {least} up")
    if name == "timeout":
        return replace(options, timeout=float(min(int(value) or 1, _MAX_TIMEOUT)))
    return replace(options, attempts=min(int(value), _MAX_ATTEMPTS))


def suppresses_aaaa(text: str) -> bool:
    """Whether this file keeps the C library from querying AAAA: `options no-aaaa`, since glibc 2.36.

    Only the `dns` service obeys it: /etc/hosts and systemd-resolved return what they have. The file is read
    as in res_setoptions(): the keyword begins the line, and a `#` after it is just another option.
    """
    if not _KNOWS_NO_AAAA:
        return False
    lines = (line for line in text.split("\n") if line.startswith(("options ", "options\t")))
    return any(word.startswith("no-aaaa") for line in lines for word in line.split()[1:])


def _knows_no_aaaa() -> bool:
    """Whether the C library of this process, which is the host's own, supports `no-aaaa`."""
    try:
        name, version = str(os.confstr("CS_GNU_LIBC_VERSION")).split()
        return name == "glibc" and tuple(map(int, version.split(".")[:2])) >= (2, 36)
    except ValueError:
        return False


_KNOWS_NO_AAAA = _knows_no_aaaa()


class NameserverSource:
    """The configured nameservers, or the system's, which are read again when resolv.conf has changed."""

    def __init__(
        self,
        settings: DnsSettings,
        resolv_conf: Path = RESOLV_CONF,
        files: FileSystem = HOST_FILE_SYSTEM,
    ) -> None:
        self.settings = settings
        self._path = resolv_conf
        self._files = files
        self._seen = UNREAD
        self.current = Nameservers()
        self.refresh()

    @property
    def timeout(self) -> float:
        """Seconds to wait for one reply."""
        return self.current.timeout or self.settings.timeout

    def refresh(self) -> bool:
        """Check for changes (one stat() call if there are none). Returns whether `current` changed."""
        before = self.current
        if self.settings.nameservers is not None:
            servers = tuple(dict.fromkeys(self.settings.nameservers))
            problems = () if servers else ("dns.nameservers: has no nameserver",)
            self.current = Nameservers(servers, problems=problems)
        elif self._files.fingerprint(self._path) != self._seen:
            found = self._read()
            if not found.servers and before.servers:
                # The file may just be being replaced: keep the previous nameservers.
                found = replace(before, problems=(*found.problems, "still using the previous nameservers"))
            self.current = found
        return self.current != before

    def _read(self) -> Nameservers:
        try:
            text, self._seen = self._files.read_small(self._path, RESOLVER_FILE_BYTES)
        except OSError as error:
            self._seen = UNREAD  # read it again: its fingerprint may stay the same
            return Nameservers(problems=(f"{self._path}: {error.strerror}: no nameserver known",))
        return parse_resolv_conf(text, str(self._path))
