"""Notifying the service manager (sd_notify(3)) without ever waiting for it.

This uses a datagram socket of its own, and not systemd.daemon.notify, which blocks while it holds the
interpreter lock once the manager's queue is full. What could not be sent is kept, the latest of each kind,
and sent with the next notification.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping

_log = logging.getLogger(__name__)

_LIVELINESS = frozenset({"WATCHDOG", "EXTEND_TIMEOUT_USEC"})
"""Assignments that are worth nothing later."""


class Notifier:
    """address: $NOTIFY_SOCKET; "" where no service manager wants to be notified."""

    def __init__(self, address: str) -> None:
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._waiting: dict[str, str] = {}
        self._failing = False

    @property
    def wanted(self) -> bool:
        return bool(self._address)

    def notify(self, **assignments: str) -> None:
        """Send these, and what could not be sent before. STATUS=... is one line."""
        if not self._address:
            return
        self._waiting |= assignments
        message = "\n".join(f"{name}={value}" for name, value in self._waiting.items())
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
                sender.sendto(message.encode("utf-8", "backslashreplace"), self._address)
        except OSError as error:
            self._waiting = {name: v for name, v in self._waiting.items() if name not in _LIVELINESS}
            self._log_failure(error)
        else:
            self._waiting.clear()
            self._failing = False

    def _log_failure(self, error: OSError) -> None:
        """Once, until it works again."""
        if not self._failing and not isinstance(error, BlockingIOError):
            _log.warning("cannot notify the service manager: %s, continuing", error.strerror)
            self._failing = True


def watchdog_interval(environ: Mapping[str, str]) -> float | None:
    """Seconds within which the manager wants a keep-alive ping; None where it wants none."""
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    text = environ.get("WATCHDOG_USEC", "")
    return int(text) / 1e6 if text.isascii() and text.isdigit() and int(text) else None
