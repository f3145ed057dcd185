"""Starting and ending a DNS server that is a child process."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Callable

import dns.message

from lowatch.config.settings import Nameserver

_SOON = 0.02  # seconds between two looks, while a server starts
_LONG = 10.0  # seconds after which it is not going to happen


def await_reply(
    process: subprocess.Popen[bytes],
    server: Nameserver,
    query: dns.message.Message,
    log: Callable[[], str],
) -> None:
    """Return when the server, just started, has answered a query by UDP."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect((server.host, server.port))
        sock.settimeout(_LONG)
        for _ in range(int(_LONG / _SOON)):
            try:
                sock.send(query.to_wire())
                if dns.message.from_wire(sock.recv(4096)).answer:
                    return
            except ConnectionRefusedError:  # not listening yet
                pass
            try:
                process.wait(_SOON)
            except subprocess.TimeoutExpired:
                continue
            raise AssertionError(f"it ended with {process.returncode}:\n{log()}")
    raise AssertionError(f"it does not answer:\n{log()}")


def end(process: subprocess.Popen[bytes]) -> None:
    """Tell it to end, and wait for it."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_LONG)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
