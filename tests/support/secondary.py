"""Real secondaries of a zone, each of which writes it to a file: unbound (auth-zone) and Knot.

unbound = unbound_secondary("example.com", file, primary)
with Knot(ZONES, port=primary.port, secondaries=[unbound.plain]), unbound: ...
"""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import Self

import dns.message

from lowatch.config.settings import Nameserver
from tests.support.certificates import Certificate
from tests.support.dns_server import free_port
from tests.support.server_process import await_reply, end
from tests.support.unbound import Unbound

_KNOTD = "/usr/sbin/knotd"


def unbound_secondary(
    zone: str, file: Path, primary: Nameserver, tls: tuple[int, str, Path] | None = None
) -> Unbound:
    """As docs/fleet.md configures it. tls: port, name in the certificate, authority of the primary.

    With TLS, unbound asks for the SOA at `port:` by UDP, and transfers at the TLS port.
    """
    address, more = f"{primary.host}@{primary.port}", ""
    if tls is not None:
        port, name, bundle = tls
        address = f"{primary.host}@{port}#{name}"
        more = f'port: {primary.port}\ntls-port: {port}\ntls-cert-bundle: "{bundle}"'
    return Unbound(
        None,
        options=f"""{more}
auth-zone:
    name: "{zone}"
    primary: "{address}"
    zonefile: "{file}"
    for-downstream: yes
    for-upstream: yes
    fallback-enabled: no""",
    )


class KnotSecondary:
    """knotd as a child process, which writes the zone to `file` at once. plain: where it answers."""

    def __init__(self, zone: str, file: Path, primary: Nameserver) -> None:
        self.plain = Nameserver("127.0.0.1", free_port())
        self._zone, self._file, self._primary = zone, file, primary

    def __enter__(self) -> Self:
        self._directory = tempfile.TemporaryDirectory(prefix="knot-secondary-")
        path = Path(self._directory.name)
        try:
            (path / "knot.conf").write_text(self._configuration(path))
            with (path / "log").open("ab") as log:
                self._process = subprocess.Popen(
                    [_KNOTD, "-c", str(path / "knot.conf")], stdout=log, stderr=log
                )
            query = dns.message.make_query(self._zone, "SOA")
            await_reply(self._process, self.plain, query, (path / "log").read_text)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        end(self._process)
        self._directory.cleanup()

    def _configuration(self, path: Path) -> str:
        return f"""
server:
    rundir: "{path}"
    listen: {self.plain.host}@{self.plain.port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: "{path}/db"
    journal-db-max-size: 16M
    timer-db-max-size: 16M
remote:
  - id: primary
    address: {self._primary.host}@{self._primary.port}
acl:
  - id: notified
    address: 127.0.0.0/8
    action: notify
zone:
  - domain: {self._zone}
    master: primary
    acl: notified
    file: "{self._file}"
    zonefile-sync: 0
log:
  - target: stderr
    any: info
"""


class TlsFront:
    """Takes TLS connections on a port of 127.0.0.1, and passes them on to a server by TCP.

    As nginx or haproxy does it in front of a primary that has no transfer over TLS of its own.
    """

    def __init__(self, behind: Nameserver, certificate: Certificate) -> None:
        self.port = free_port(behind.host)
        self._behind, self._certificate = behind, certificate
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self.connections = 0

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert self._started.wait(10)
        return self

    def __exit__(self, *exc: object) -> None:
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join()

    def _run(self) -> None:
        self._task = self._loop.create_task(self._serve())
        try:
            self._loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            pass
        finally:
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    async def _serve(self) -> None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self._certificate.chain, self._certificate.key)
        async with asyncio.TaskGroup() as group:

            def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                self.connections += 1
                group.create_task(self._pass_on(reader, writer))

            server = await asyncio.start_server(accepted, self._behind.host, self.port, ssl=context)
            self._started.set()
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                server.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_reader, to_writer = await asyncio.open_connection(self._behind.host, self._behind.port)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_copy(reader, to_writer))
                group.create_task(_copy(to_reader, writer))
        finally:
            for one in (writer, to_writer):
                one.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while piece := await reader.read(1 << 16):
            writer.write(piece)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except OSError:
        return
