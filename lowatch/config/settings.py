"""The effective configuration as values with defaults. reference.toml explains each key."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from lowatch.core.addresses import Port
from lowatch.core.name_sources import LOOKUPS, NameSource
from lowatch.core.policy import DEFAULT_PORTS, DomainTable, Policy

from .errors import ConfigError
from .sources import Sources


class Transport(StrEnum):
    """How a nameserver is asked.

    UDP falls back to TCP for responses that do not fit. TCP and TLS (RFC 7858) keep one connection.
    """

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"

    @property
    def port(self) -> int:
        return 853 if self is Transport.TLS else 53


class Nameserver(NamedTuple):
    """A nameserver.

    host: an IP address, with a %scope if IPv6 needs one.
    name: the name that its TLS certificate must contain, or "" for its address.
    """

    host: str
    port: int = 53
    transport: Transport = Transport.UDP
    name: str = ""

    def __str__(self) -> str:
        """As in the configuration: `192.0.2.53`, `[2001:db8::53]:5353`, `tls://192.0.2.53#dns.example.com`."""
        authority = self.host
        if self.port != self.transport.port:
            authority = f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
        scheme = "" if self.transport is Transport.UDP else f"{self.transport}://"
        return f"{scheme}{authority}" + (f"#{self.name}" if self.name else "")


class Listen(NamedTuple):
    """Where the web server listens.

    host: an IP address or a name, "" for all addresses. port: 0 lets the kernel choose, for tests.
    """

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class DnsSettings:
    """The [dns] table. Durations are seconds. nameservers: None means those in /etc/resolv.conf.

    far_ttl: 0 for names that lead elsewhere to be queried at their TTL.
    """

    nameservers: tuple[Nameserver, ...] | None = None
    timeout: float = 2.0
    max_qps: int = 200
    min_ttl: float = 5.0
    max_ttl: float = 3600.0
    unknown_after: float = 3600.0
    far_ttl: float = 3600.0


@dataclass(frozen=True, slots=True)
class NamesSettings:
    """The [names] table. learn: who reports lookups. forget_after: seconds since the last one."""

    learn: tuple[NameSource, ...] = ()
    forget_after: float = 86_400.0


@dataclass(frozen=True, slots=True)
class WebSettings:
    """The [web] table. listen: () for no web server. hosts: globs of the names that browsers may use."""

    listen: tuple[Listen, ...] = (Listen("127.0.0.1", 10048),)
    telemetry_path: str = "/metrics"
    hosts: tuple[str, ...] = ()
    enable_reload: bool = False


@dataclass(frozen=True, slots=True)
class DomainsFrom:
    """One [[domains_from]].

    path: absolute, perhaps a glob. file, line, key: where it is configured.
    files: how many files it matches, without those that an earlier entry matches. domains: how many domains
    they name, repeated ones each time.
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
class ZoneFile:
    """One [[zones]].

    path: absolute. server: the local server that writes it, which knows whether it has expired.
    """

    path: Path
    server: Nameserver | None = None


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration.

    ports: the default ports. policy.domains contains them already; domains named on the command line need
    them. named: the domains in the TOML itself, if domains_from adds others. problems: the errors in the
    files of domains_from, whose other lines are in effect. Beyond the limit, one last entry has the number
    of further errors. hints: settings that are valid but have no effect, if load() was asked for them.
    acknowledged_at: the file and line of each of policy.acknowledgements, likewise.
    unread: the files and directories that could not be read, or only in part. files: the TOML files that
    this was read from, in order; none for the defaults. sources: the files of domains_from, to find out
    whether they have changed. zones: the [[zones]]. zone_problems: what is wrong with their files. missed:
    why names may be missing that were searched for. netns: the network namespace of --netns; "" for
    lowatch's own.
    """

    policy: Policy = field(default_factory=Policy)
    dns: DnsSettings = field(default_factory=DnsSettings)
    names: NamesSettings = field(default_factory=NamesSettings)
    web: WebSettings = field(default_factory=WebSettings)
    journal_enabled: bool = True
    ports: tuple[Port, ...] = DEFAULT_PORTS
    named: DomainTable = field(default_factory=DomainTable)
    domains_from: tuple[DomainsFrom, ...] = ()
    problems: tuple[ConfigError, ...] = ()
    hints: tuple[ConfigError, ...] = field(default=(), compare=False)
    acknowledged_at: tuple[str, ...] = field(default=(), compare=False)
    unread: tuple[Path, ...] = ()
    files: tuple[Path, ...] = field(default=(), compare=False)
    sources: Sources = field(default_factory=Sources, compare=False)
    zones: tuple[ZoneFile, ...] = ()
    zone_problems: tuple[ConfigError, ...] = ()
    missed: tuple[str, ...] = ()
    netns: str = ""

    @property
    def learns(self) -> tuple[NameSource, ...]:
        """names.learn; with netns without lookups, which resolvers report to the host's own daemon."""
        learn = self.names.learn
        return tuple(one for one in learn if one not in LOOKUPS) if self.netns else learn
