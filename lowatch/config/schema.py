"""The effective configuration, as values with defaults. What each key means: reference.toml."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from lowatch.core.addresses import Port
from lowatch.core.policy import DEFAULT_PORTS, Policy


class Nameserver(NamedTuple):
    """host: an IP address, with a %scope where IPv6 needs one. port: UDP and TCP."""

    host: str
    port: int = 53

    def __str__(self) -> str:
        if self.port == 53:
            return self.host
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


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
    """listen: () for no web server at all. config_file: absolute, "" for plain HTTP."""

    listen: tuple[Listen, ...] = (Listen("127.0.0.1", 10048),)
    telemetry_path: str = "/metrics"
    config_file: str = ""
    enable_reload: bool = False


@dataclass(frozen=True, slots=True)
class Config:
    """ports: the default ports, of the domains that have none of their own.

    policy.domains holds them already; they are kept for the domains named on the command line.
    """

    policy: Policy = field(default_factory=Policy)
    dns: DnsSettings = field(default_factory=DnsSettings)
    web: WebSettings = field(default_factory=WebSettings)
    journal_enabled: bool = True
    ports: tuple[Port, ...] = DEFAULT_PORTS
