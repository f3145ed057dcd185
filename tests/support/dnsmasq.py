"""dnsmasq, a real forwarder, in front of another server.

It takes TCP as many home routers do: a process per connection (at most 20), which answers one query
after the other, asks upstream by TCP too, and closes after 100 queries (config.h: MAX_PROCS,
TCP_MAX_QUERIES).
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Self

import dns.message

from lowatch.config.settings import Nameserver
from tests.support.dns_server import free_port
from tests.support.server_process import await_reply, end

_DNSMASQ = "/usr/sbin/dnsmasq"


class Dnsmasq:
    """dnsmasq as a child process, on 127.0.0.1, in the calling thread's network namespace.

    Nothing is cached unless `cache` says how many names. nameserver: by UDP; TCP has the same port.
    """

    def __init__(self, upstream: Nameserver, cache: int = 0) -> None:
        self.nameserver = Nameserver("127.0.0.1", free_port())
        self._upstream = upstream
        self._cache = cache
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._log = tempfile.NamedTemporaryFile(prefix="dnsmasq-")
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        process, self._process = self._process, None
        if process is not None:
            connections = _children(process)
            end(process)
            for pid in connections:  # ours now (PR_SET_CHILD_SUBREAPER); it has told them to end
                with suppress(ChildProcessError):  # had ended before
                    os.waitpid(pid, 0)
        self._log.close()

    def log(self) -> str:
        return Path(self._log.name).read_text()

    def _start(self) -> None:
        command = [
            _DNSMASQ, "--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=",
            "--user=root", "--group=", "--log-facility=-",  # none: a user namespace may forbid setgroups
            "--no-resolv", "--no-hosts", f"--cache-size={self._cache}",
            f"--server={self._upstream.host}#{self._upstream.port}",
            f"--port={self.nameserver.port}", "--listen-address=127.0.0.1", "--bind-interfaces",
            "--host-record=ready.test,192.0.2.1",
        ]  # fmt: skip
        self._process = subprocess.Popen(command, stdout=self._log, stderr=self._log)
        query = dns.message.make_query("ready.test", "A")
        await_reply(self._process, self.nameserver, query, self.log)


def _children(process: subprocess.Popen[bytes]) -> list[int]:
    if process.poll() is not None:
        return []
    pid = process.pid
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
