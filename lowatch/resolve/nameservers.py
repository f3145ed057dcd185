"""The nameservers to ask, and how: what resolv.conf or the configuration says, and `upstream/` does."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from lowatch.config.settings import Nameserver
from lowatch.core.addresses import Address, parse_address

_DNS_PORT = 53
# systemd-resolved listens on both, whichever of them resolv.conf names.
_RESOLVED_STUBS = frozenset({parse_address("127.0.0.53"), parse_address("127.0.0.54")})


@dataclass(frozen=True)
class Nameservers:
    """timeout: seconds to wait for one reply, or None if nothing is said.

    attempts: how often each is asked before a lookup fails. rotate: take turns in being first.
    problems: one line each, with file and line number.
    """

    servers: tuple[Nameserver, ...] = ()
    timeout: float | None = None
    attempts: int = 2
    rotate: bool = False
    problems: tuple[str, ...] = ()

    @cached_property
    def stub_addresses(self) -> frozenset[Address]:
        """Where port 53 is one of these nameservers. Each audit reads it."""
        addresses = {
            parse_address(server.host.partition("%")[0])
            for server in self.servers
            if server.port == _DNS_PORT
        }
        return frozenset(addresses | (_RESOLVED_STUBS if addresses & _RESOLVED_STUBS else set()))
