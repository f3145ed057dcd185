"""The nameservers beyond systemd-resolved's stub, which answers for each own address with the host's name.

Where resolv.conf names the stub alone, systemd-resolved says whom it asks itself (systemd-resolved(8)).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lowatch.config.settings import DnsSettings, Nameserver
from lowatch.resolve.nameservers import Nameservers

from .file_system import HOST_FILE_SYSTEM, FileSystem
from .resolv_conf import RESOLV_CONF, NameserverSource

BEHIND_STUB = Path("/run/systemd/resolve/resolv.conf")
_STUBS = frozenset({("127.0.0.53", 53), ("127.0.0.54", 53)})


class UpstreamSource(NameserverSource):
    """A NameserverSource without stubs. `current` has no server if none but a stub is known."""

    def __init__(
        self,
        settings: DnsSettings,
        resolv_conf: Path = RESOLV_CONF,
        files: FileSystem = HOST_FILE_SYSTEM,
        behind_stub: Path = BEHIND_STUB,
    ) -> None:
        self._named = NameserverSource(settings, resolv_conf, files)
        self._behind_stub = behind_stub
        self._behind: NameserverSource | None = None
        super().__init__(settings, resolv_conf, files)

    def refresh(self) -> bool:
        """Check for changes (two stat() calls if there are none). Returns whether `current` changed."""
        before = self.current
        self._named.refresh()
        self.current = self._beyond_stub(self._named.current)
        return self.current != before

    def _beyond_stub(self, named: Nameservers) -> Nameservers:
        servers = _without_stubs(named.servers)
        if servers or not named.servers:
            return named if servers == named.servers else replace(named, servers=servers)
        if self._behind is None:
            settings = replace(self.settings, nameservers=None)
            self._behind = NameserverSource(settings, self._behind_stub, self._files)
        else:
            self._behind.refresh()
        behind = self._behind.current
        servers = _without_stubs(behind.servers)
        problems = (
            () if servers else (*behind.problems, "no nameserver but systemd-resolved's stub is known")
        )
        return replace(named, servers=servers, problems=(*named.problems, *problems))


def _without_stubs(servers: tuple[Nameserver, ...]) -> tuple[Nameserver, ...]:
    return tuple(server for server in servers if (server.host, server.port) not in _STUBS)
