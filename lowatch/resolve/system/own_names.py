"""The names that this host has by itself: in /etc/hosts beside its addresses, and its own name."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from lowatch.config.domain_names import may_be_followed
from lowatch.core.addresses import Address
from lowatch.core.limits.files import HOSTS_FILE_BYTES, RESOLVER_FILE_BYTES
from lowatch.core.limits.names import CANDIDATE_NAMES, OWN_NAMES

from .file_system import HOST_FILE_SYSTEM, FileSystem
from .hosts_file import HOSTS, names_beside
from .resolv_conf import RESOLV_CONF, search_domains


class FoundNames(NamedTuple):
    """names: None if the file could not be read. problem: why names may be missing; "" if none are."""

    names: frozenset[str] | None = frozenset()
    problem: str = ""


class OwnNames:
    """Reads the files. It keeps no state, so it may be used in a thread. Blocks as read(2) does."""

    def __init__(
        self, hosts: Path = HOSTS, resolv_conf: Path = RESOLV_CONF, files: FileSystem = HOST_FILE_SYSTEM
    ) -> None:
        self._hosts, self._resolv_conf = hosts, resolv_conf
        self._files = files

    def seen(self) -> object:
        """Differs once a file may have changed."""
        return self._files.fingerprint(self._hosts), self._files.fingerprint(self._resolv_conf)

    def in_hosts(self, held: Collection[Address]) -> FoundNames:
        """The names beside these addresses in /etc/hosts."""
        most = CANDIDATE_NAMES.value
        if not held:
            return FoundNames()
        try:
            with self._files.open_lines(self._hosts, HOSTS_FILE_BYTES) as (lines, _):
                found, are_more = names_beside(lines, frozenset(held), may_be_followed, most)
        except FileNotFoundError:
            return FoundNames()
        except OSError as error:
            return FoundNames(None, f"{self._hosts}: {error.strerror}")
        if are_more:
            CANDIDATE_NAMES.reached()
            return FoundNames(
                frozenset(found), f"{self._hosts}: more than {most:,} names of held addresses"
            )
        return FoundNames(frozenset(found))

    def of_host(self, hostname: str) -> FoundNames:
        """The host's name: as it is with a dot in it, otherwise with each search domain."""
        hostname = hostname.lower().rstrip(".")
        if "." in hostname:
            return FoundNames(frozenset(filter(may_be_followed, [hostname])))
        try:
            text, _ = self._files.read_small(self._resolv_conf, RESOLVER_FILE_BYTES)
        except FileNotFoundError:
            return FoundNames()
        except OSError as error:
            return FoundNames(None, f"{self._resolv_conf}: {error.strerror}")
        domains = search_domains(text)
        if len(domains) > OWN_NAMES.value:
            OWN_NAMES.reached()
        names = (f"{hostname}.{domain}" for domain in domains[: OWN_NAMES.value])
        return FoundNames(frozenset(filter(may_be_followed, names)))
