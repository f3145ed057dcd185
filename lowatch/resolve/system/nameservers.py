"""Which nameservers to ask: the configured ones, or those of resolv.conf, followed as it changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lowatch.config.settings import DnsSettings
from lowatch.core.limits.files import RESOLVER_FILE_BYTES
from lowatch.files.fingerprint import (
    UNREAD,
    fingerprint,
    fingerprint_read,
)
from lowatch.files.regular_file import open_regular, read_whole

from .resolv_conf import RESOLV_CONF, Nameservers, parse_resolv_conf


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
                found = replace(before, problems=(*found.problems, "still using the previous nameservers"))
            self.current = found
        return self.current != before

    def _read(self) -> Nameservers:
        self._seen = fingerprint(self._path)
        try:
            with open_regular(self._path, RESOLVER_FILE_BYTES) as file:
                self._seen = fingerprint_read(file)
                text = read_whole(file, RESOLVER_FILE_BYTES).decode(errors="replace")
        except OSError as error:
            self._seen = UNREAD  # again next time: it is the same file where only a descriptor was wanting
            return Nameservers(problems=(f"{self._path}: {error.strerror}: no nameserver is known",))
        return parse_resolv_conf(text, str(self._path))
