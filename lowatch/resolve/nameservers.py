"""Which nameservers to ask: resolv.conf(5), read so that one bad line costs only itself."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, replace
from pathlib import Path

from lowatch.config.schema import DnsSettings, Nameserver
from lowatch.core.addresses import Address, parse_address
from lowatch.core.limits import RESOLVER_FILE_BYTES
from lowatch.files.regular import open_regular, read_whole

from .files import UNREAD, fingerprint, fingerprint_read

RESOLV_CONF = Path("/etc/resolv.conf")

_DNS_PORT = 53
_COMMENT = re.compile("[#;].*")  # behind an address too, without a space: glibc ends the word there
# systemd-resolved listens on both, whichever of them resolv.conf names.
_RESOLVED_STUBS = frozenset({parse_address("127.0.0.53"), parse_address("127.0.0.54")})
# What some system or other has in the file (`lookup` and `family` are BSD's) and we do not need.
_OTHER_KEYWORDS = frozenset({"domain", "search", "sortlist", "lookup", "family"})
_MAX_TIMEOUT, _MAX_ATTEMPTS = 30, 5  # RES_MAXRETRANS and RES_MAXRETRY of glibc's resolv.h


@dataclass(frozen=True, slots=True)
class Nameservers:
    """timeout: seconds to wait for one reply, or None where nothing was said.

    attempts: how often each is asked before a lookup fails. rotate: take turns in being first.
    problems: one line each, with file and line number.
    """

    servers: tuple[Nameserver, ...] = ()
    timeout: float | None = None
    attempts: int = 2
    rotate: bool = False
    problems: tuple[str, ...] = ()

    @property
    def stub_addresses(self) -> frozenset[Address]:
        """Where port 53 is one of these nameservers."""
        addresses = {
            parse_address(server.host.partition("%")[0])
            for server in self.servers
            if server.port == _DNS_PORT
        }
        return frozenset(addresses | (_RESOLVED_STUBS if addresses & _RESOLVED_STUBS else set()))


def parse_resolv_conf(text: str, source: str = str(RESOLV_CONF)) -> Nameservers:
    """Read resolv.conf(5). Unlike glibc it never falls back to 127.0.0.1: none is a problem."""
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
    if not servers:
        problems.append(f"{source}: names no nameserver")
    return replace(options, servers=tuple(servers), problems=tuple(problems))


def _parse_nameserver(words: list[str]) -> Nameserver:
    if not words:
        raise ValueError("nameserver without an address")
    try:
        ipaddress.ip_address(words[0])  # takes fe80::1%eth0 as well
    except ValueError:
        raise ValueError(f"{words[0]!r} is not a nameserver's address") from None
    return Nameserver(words[0])


def _parse_option(options: Nameservers, word: str) -> Nameservers:
    """Take in one word of an `options` line; those that do not concern us change nothing."""
    name, _, value = word.partition(":")
    if name == "rotate":
        return replace(options, rotate=True)
    if name not in ("timeout", "attempts"):
        return options
    least = 0 if name == "timeout" else 1  # glibc waits a second where it says 0
    if not (value.isascii() and value.isdigit() and int(value) >= least):
        raise ValueError(f"option {word!r} wants a number from {least} up")
    if name == "timeout":
        return replace(options, timeout=float(min(int(value) or 1, _MAX_TIMEOUT)))
    return replace(options, attempts=min(int(value), _MAX_ATTEMPTS))


class NameserverSource:
    """The configured nameservers, or the system's, read again when resolv.conf has changed."""

    def __init__(self, settings: DnsSettings, resolv_conf: Path = RESOLV_CONF) -> None:
        self.settings = settings
        self._path = resolv_conf
        self._seen = UNREAD
        self.current = Nameservers()
        self.refresh()

    @property
    def timeout(self) -> float:
        """Seconds to wait for one reply."""
        return self.current.timeout or self.settings.timeout

    def refresh(self) -> bool:
        """Look again (one stat where nothing changed); whether `current` is another now."""
        before = self.current
        if self.settings.nameservers is not None:
            servers = tuple(dict.fromkeys(self.settings.nameservers))
            problems = () if servers else ("dns.nameservers: names no nameserver",)
            self.current = Nameservers(servers, problems=problems)
        elif fingerprint(self._path) != self._seen:
            found = self._read()
            if not found.servers and before.servers:
                # Caught while it is being replaced, perhaps: ask whoever was to be asked until now.
                found = replace(before, problems=(*found.problems, "still asking those of before"))
            self.current = found
        return self.current != before

    def _read(self) -> Nameservers:
        self._seen = fingerprint(self._path)
        try:
            with open_regular(self._path, RESOLVER_FILE_BYTES) as file:
                self._seen = fingerprint_read(file)
                text = read_whole(file, RESOLVER_FILE_BYTES).decode(errors="replace")
        except OSError as error:
            return Nameservers(problems=(f"{self._path}: {error.strerror}: no nameserver is known",))
        return parse_resolv_conf(text, str(self._path))
