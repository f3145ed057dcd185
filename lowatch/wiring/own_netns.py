"""The network namespace of a daemon that was started with --netns."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from lowatch.core.netns import netns_path
from lowatch.kernel import netns

from .build import StartError

_log = logging.getLogger("lowatch")


def enter(name: str) -> None:
    """Move this process there, unless it is there. Raises StartError."""
    try:
        netns.enter(name)
    except netns.NetnsError as error:
        raise StartError(str(error)) from None


def exit_code(name: str) -> int:
    """Of a daemon that has lost its namespace: 1 if another one has that name now, 3 if none has.

    systemd starts it again after the first one.
    """
    return 1 if Path(netns_path(name)).exists() else 3


class NetnsWatch:
    """Stops the daemon once its namespace has lost its name, or another one has that name.

    A daemon that stayed would keep the namespace alive, with its interfaces, and report about it under a
    name that is not its own. path: to be watched. lost: why it has stopped the daemon, or "".
    """

    def __init__(self, name: str, stop: asyncio.Event) -> None:
        self._name = name
        self._stop = stop
        self.path = Path(netns_path(name))
        self.lost = ""

    def files_changed(self) -> None:
        """Implements FilesListener."""
        if not self.lost and (why := netns.why_lost(self._name)):
            self.lost = why
            _log.error("%s", why)
            self._stop.set()
