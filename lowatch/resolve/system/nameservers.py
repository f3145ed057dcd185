"""Which nameservers to ask: the configured ones, or those of resolv.conf, followed as it changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lowatch.config.settings import DnsSettings
from lowatch.core.limits.files import RESOLVER_FILE_BYTES
from lowatch.files.fingerprint import UNREAD

from .file_system import HOST_FILE_SYSTEM, FileSystem
from .resolv_conf import RESOLV_CONF, Nameservers, parse_resolv_conf


class NameserverSource:
    """The configured nameservers, or the system's, read again when resolv.conf has changed."""

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
        """Look again (one stat where nothing changed); whether `current` is another now."""
        before = self.current
        if self.settings.nameservers is not None:
            servers = tuple(dict.fromkeys(self.settings.nameservers))
            problems = () if servers else ("dns.nameservers: has no nameserver",)
            self.current = Nameservers(servers, problems=problems)
        elif self._files.fingerprint(self._path) != self._seen:
            found = self._read()
            if not found.servers and before.servers:
                # Perhaps it is being replaced just now: ask the nameservers of before.
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
