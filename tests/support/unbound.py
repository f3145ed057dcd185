"""Unbound, a real caching resolver, in front of another server, over UDP, TCP and (with a certificate) TLS.

with Knot({"example.com": "www 60 A 192.0.2.10"}) as knot, Unbound(knot.nameserver) as unbound:
    ... DnsSettings(nameservers=(unbound.nameserver,)) ...
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Self

import dns.message

from lowatch.config.settings import Nameserver, Transport
from tests.support.certificates import Certificate
from tests.support.dns_server import free_port
from tests.support.server_process import await_reply, end

_UNBOUND = "/usr/sbin/unbound"
_READY = "ready.test"


class Unbound:
    """unbound as a child process, on 127.0.0.1, in the calling thread's network namespace.

    It forwards everything to `upstream` (to nobody where that is None: SERVFAIL) and caches it.
    `ready.test` has the A record 192.0.2.1 of its own. options: further lines for its `server:`
    section. nameserver: by TLS where there is a certificate, whose name it bears; else by UDP.
    plain: the same server by UDP; Transport.TCP has the same port.
    """

    def __init__(
        self, upstream: Nameserver | None, tls: Certificate | None = None, options: str = ""
    ) -> None:
        self.plain = Nameserver("127.0.0.1", free_port())
        self.nameserver = self.plain
        if tls is not None:
            self.nameserver = Nameserver("127.0.0.1", free_port(), Transport.TLS, tls.name)
        self._upstream = upstream
        self._tls = tls
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._directory = tempfile.TemporaryDirectory(prefix="unbound-")
        self._path = Path(self._directory.name)
        try:
            (self._path / "unbound.conf").write_text(self._configuration())
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.kill()
        self._directory.cleanup()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it (again, after `kill`), on the same ports, with an empty cache."""
        with (self._path / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [_UNBOUND, "-d", "-c", str(self._path / "unbound.conf")], stdout=log, stderr=log
            )
        await_reply(self._process, self.plain, dns.message.make_query(_READY, "A"), self.log)

    def kill(self) -> None:
        """An outage. From now on its ports refuse."""
        process, self._process = self._process, None
        if process is not None:
            end(process)

    def log(self) -> str:
        return (self._path / "log").read_text()

    def _configuration(self) -> str:
        interfaces, forward = [self.plain], ""
        lines = []
        if self._tls is not None:
            interfaces.append(self.nameserver)
            lines = [
                f"tls-port: {self.nameserver.port}",
                f'tls-service-key: "{self._tls.key}"',
                f'tls-service-pem: "{self._tls.chain}"',
            ]
        lines += [f"interface: {each.host}@{each.port}" for each in interfaces]
        if self._upstream is not None:
            address = f"{self._upstream.host}@{self._upstream.port}"
            forward = f'forward-zone:\n    name: "."\n    forward-addr: {address}\n'
        server = "\n".join(f"    {line}" for line in (*lines, *self._options.splitlines()))
        return f"""
server:
    do-daemonize: no
    directory: "{self._path}"
    chroot: ""
    username: ""
    pidfile: ""
    use-syslog: no
    num-threads: 1
    access-control: 127.0.0.0/8 allow
    do-not-query-localhost: no
    module-config: "iterator"
    local-zone: "{_READY}." static
    local-data: "{_READY}. 60 IN A 192.0.2.1"
    # Zones that it would answer by itself.
    local-zone: "test." nodefault
    local-zone: "2.0.192.in-addr.arpa." nodefault
{server}
remote-control:
    control-enable: no
{forward}"""
