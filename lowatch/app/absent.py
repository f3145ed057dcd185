"""Watched interfaces that do not exist: a name may be mistyped, or its interface may yet come."""

from __future__ import annotations

import logging

from lowatch.core.held import Link
from lowatch.core.known import Known, Unknown
from lowatch.core.policy import Policy

_log = logging.getLogger(__name__)

_GLOB = frozenset("*?[")


class AbsentInterfaces:
    """Says of each, once for as long as it is absent, that it is. A glob may match nothing."""

    def __init__(self) -> None:
        self._logged: frozenset[str] = frozenset()

    def log_new(self, policy: Policy, links: Known[tuple[Link, ...]] | Unknown) -> None:
        if isinstance(links, Unknown):
            return
        present = {link.name for link in links.value}
        absent = frozenset(name for name in policy.interfaces if not _GLOB & set(name)) - present
        for name in sorted(absent - self._logged):
            _log.warning("interface %s does not exist, continuing: it may appear later", name)
        self._logged = absent
