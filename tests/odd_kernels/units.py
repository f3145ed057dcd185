"""A web server in a unit's cgroup, and who lowatch says that it is."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.checking import check
from tests.support.daemon import configuration
from tests.support.dns_server import Knot
from tests.support.netns import Netns

UNIT = "web.service"
_WWW = "www.example.com"
_SERVER = """
import socket, sys
server = socket.create_server((sys.argv[1], int(sys.argv[2])))
print("listening", flush=True)
sys.stdin.read()
"""


@contextmanager
def listener_in(
    netns: Netns, cgroup: Path | None, address: str = "192.0.2.10", port: int = 80
) -> Iterator[None]:
    """A listener whose process is in that cgroup; None: in whatever cgroup we are. 192.0.2.10 is on lo."""
    netns.ip("addr replace 192.0.2.10/32 dev lo")
    join = 'mkdir -p "$1"; echo $$ >"$1/cgroup.procs"; ' if cgroup else ""
    command = ["sh", "-ec", f'{join}exec "$0" -c "$2" "$3" "$4"', sys.executable, str(cgroup), _SERVER]
    command += [address, str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdin is not None
        assert server.stdout.readline() == "listening\n"
        yield
        server.stdin.close()
    assert server.returncode == 0
    if cgroup:
        cgroup.rmdir()


def served_by(directory: Path) -> dict[str, Any]:
    """The listener of an endpoint there, as `lowatch check` has it."""
    with Knot({"example.com": "www A 192.0.2.10"}) as knot:
        seen = check(directory, configuration(knot, f'domains = ["{_WWW}:80"]'))
    assert (seen.code, seen.verdict(_WWW)) == (0, "served")
    listener: dict[str, Any] = seen.endpoints(_WWW)[80]["listener"]
    return listener
