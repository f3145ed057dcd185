"""A service in a process of its own, which can be killed as services are."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_PROGRAM = """
import socket, sys
listener = socket.create_server((sys.argv[1], int(sys.argv[2])))
print("serving", flush=True)
while True:
    listener.accept()
"""


@contextmanager
def service(address: str = "192.0.2.10", port: int = 80) -> Iterator[subprocess.Popen[str]]:
    """It serves address:port over TCP from when this is entered until it is killed."""
    command = [sys.executable, "-Sc", _PROGRAM, address, str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "serving\n"
        try:
            yield process
        finally:
            process.kill()
