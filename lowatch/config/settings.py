"""The effective configuration, as values with defaults. What each key means: reference.toml."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from lowatch.core.addresses import Port
from lowatch.core.policy import DEFAULT_PORTS, DomainTable, Policy

from .errors import ConfigError
from .sources import Sources


class Transport(StrEnum):
    """UDP asks by TCP only for what does not fit; TCP and TLS (RFC 7858) keep one connection."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"

    @property
    def port(self) -> int:
        return 853 if self is Transport.TLS else 53


class Nameserver(NamedTuple):
    """host: an IP address, with a %scope where IPv6 needs one.

    name: which its certificate has to bear, over TLS; "" for its address.
    """

    host: str
    port: int = 53
    transport: Transport = Transport.UDP
    name: str = ""

    def __str__(self) -> str:
        """As it is configured: `192.0.2.53`, `[2001:db8::53]:5353`, `tls://192.0.2.53#dns.example.com`."""
        place = self.host
        if self.port != self.transport.port:
            place = f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
        scheme = "" if self.transport is Transport.UDP else f"{self.transport}://"
        return f"{scheme}{place}" + (f"#{self.name}" if self.name else "")


class Listen(NamedTuple):
    """Where the web server listens. host: an IP address or a name, "" for every address.

    port: 0 lets the kernel choose one, which tests like.
    """

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class DnsSettings:
    """Durations are seconds. nameservers: None means /etc/resolv.conf, followed as it changes."""

    nameservers: tuple[Nameserver, ...] | None = None
    timeout: float = 2.0
    max_qps: int = 200
    min_ttl: float = 5.0
    max_ttl: float = 3600.0
    unknown_after: float = 3600.0


@dataclass(frozen=True, slots=True)
class WebSettings:
    """listen: () for no web server at all. hosts: globs of the names by which browsers may ask."""

    listen: tuple[Listen, ...] = (Listen("127.0.0.1", 10048),)
    telemetry_path: str = "/metrics"
    hosts: tuple[str, ...] = ()
    enable_reload: bool = False


@dataclass(frozen=True, slots=True)
class DomainsFrom:
    """One [[domains_from]]. path: absolute, perhaps a glob. file, line, key: where it is configured.

    files: how many it led to. domains: how many they name, each mention counted. A file that an earlier
    one led to counts there.
    """

    path: str
    file: Path = field(default=Path(), compare=False)
    line: int | None = field(default=None, compare=False)
    key: str = field(default="domains_from", compare=False)
    files: int = 0
    domains: int = 0

    def error(self, message: str) -> ConfigError:
        return ConfigError(self.file, self.line, self.key, message)


@dataclass(frozen=True, slots=True)
class Config:
    """ports: the default ports, of the domains that have none of their own.

    policy.domains holds them already; they are kept for the domains named on the command line.

    named: the domains that the TOML itself names, where domains_from adds to them.
    problems: what is wrong with the files of domains_from, the rest of which is in force: the first
    hundred, and where there are more a last one that says so.
    hints: what is valid and has no effect, where load() was asked for it.
    unread: the files, and directories, of which nothing or only a beginning could be read.
    files: what this was read from, in order; none for the defaults.
    sources: where they are, to look whether they have changed.
    """

    policy: Policy = field(default_factory=Policy)
    dns: DnsSettings = field(default_factory=DnsSettings)
    web: WebSettings = field(default_factory=WebSettings)
    journal_enabled: bool = True
    ports: tuple[Port, ...] = DEFAULT_PORTS
    named: DomainTable = field(default_factory=DomainTable)
    domains_from: tuple[DomainsFrom, ...] = ()
    problems: tuple[ConfigError, ...] = ()
    hints: tuple[ConfigError, ...] = field(default=(), compare=False)
    unread: tuple[Path, ...] = ()
    files: tuple[Path, ...] = field(default=(), compare=False)
    sources: Sources = field(default_factory=Sources, compare=False)
