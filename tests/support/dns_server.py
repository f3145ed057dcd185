"""DNS servers for tests: Knot, a real authoritative one, and ScriptedServer, as broken as needed.

with Knot({"example.com": "www 60 A 192.0.2.10"}) as knot:
    ... DnsSettings(nameservers=(knot.nameserver,)) ...
    knot.replace("example.com", "www 60 A 192.0.2.11")   # served when this returns
    knot.kill(); knot.start()                            # an outage, same port and zones

async with ScriptedServer(lambda query: [respond(query, "www.example.com. 60 IN A 192.0.2.10")])
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Self

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from lowatch.config.settings import Nameserver
from tests.support.waiting import eventually

_KNOTD, _KNOTC = "/usr/sbin/knotd", "/usr/sbin/knotc"
_SOON = 0.02  # seconds between two looks, while a server starts
_LONG = 10.0  # seconds after which it is not going to happen


class Query(NamedTuple):
    """A query that reached the server. rrtype: "A". protocol: "udp" or "tcp"."""

    message: bytes
    name: str
    rrtype: str
    protocol: str
    source: tuple[str, int]


def respond(
    query: Query,
    *answers: str,
    authority: Iterable[str] = (),
    rcode: str = "NOERROR",
    truncated: bool = False,
    extended_error: tuple[int, str] | None = None,
) -> bytes:
    """A response to the query; records as in a zone file, each name with its final dot."""
    response = dns.message.make_response(dns.message.from_wire(query.message))
    response.set_rcode(dns.rcode.from_text(rcode))
    response.answer = [_rrset(line) for line in answers]
    response.authority = [_rrset(line) for line in authority]
    if truncated:
        response.flags |= dns.flags.TC
    if extended_error:
        code, text = extended_error
        option = dns.edns.EDEOption(dns.edns.EDECode.make(code), text)
        response.use_edns(0, options=[option])
    return response.to_wire(max_size=65535)


def soa(zone: str, ttl: int = 60, minimum: int = 60) -> str:
    """An SOA record, for the authority section of a negative answer. zone: with its final dot."""
    return f"{zone} {ttl} IN SOA ns.{zone} hostmaster.{zone} 1 3600 600 86400 {minimum}"


def _rrset(line: str) -> dns.rrset.RRset:
    owner, ttl, rdclass, rdtype, rdata = line.split(maxsplit=4)
    return dns.rrset.from_text(owner, int(ttl), rdclass, rdtype, rdata)


class ScriptedServer:
    """Answers as `script(query)` says: the datagrams to send back, none at all for silence.

    over_tcp(query): octets to send, then the connection is closed; `framed` makes them of a
    message. A list is sent piece by piece, one a second. None: it stays open and silent. Without
    over_tcp, TCP is refused. queries: all that came, in order.
    """

    def __init__(
        self,
        script: Callable[[Query], Iterable[bytes]],
        over_tcp: Callable[[Query], bytes | list[bytes] | None] | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        self.script = script
        self.over_tcp = over_tcp
        self.queries: list[Query] = []
        self.nameserver = Nameserver(host, 0)
        self._transports: list[asyncio.BaseTransport] = []
        self._listener: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        host = self.nameserver.host
        port = free_port(host)
        self.nameserver = Nameserver(host, port)
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(self), local_addr=(host, port)
        )
        self._transports.append(transport)
        if self.over_tcp is not None:
            self._listener = await loop.create_server(lambda: _Stream(self), host, port)
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._listener is not None:
            self._listener.close()
        for transport in self._transports:
            (transport.abort if isinstance(transport, asyncio.WriteTransport) else transport.close)()
        await asyncio.sleep(0)  # transports close their sockets in the next round of the loop

    def _note(self, message: bytes, protocol: str, source: tuple[str, int]) -> Query:
        question = dns.message.from_wire(message).question[0]
        name = question.name.to_text(omit_final_dot=True)
        query = Query(message, name, dns.rdatatype.to_text(question.rdtype), protocol, source)
        self.queries.append(query)
        return query


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: ScriptedServer) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, source: tuple[str, int]) -> None:
        query = self._server._note(data, "udp", source)
        for response in self._server.script(query):
            self._transport.sendto(response, source)


class _Stream(asyncio.Protocol):
    def __init__(self, server: ScriptedServer) -> None:
        self._server = server
        self._received = b""

    def connection_made(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._server._transports.append(transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        length = int.from_bytes(self._received[:2], "big")
        if len(self._received) < 2 + length:
            return
        source = self._transport.get_extra_info("peername")
        query = self._server._note(self._received[2 : 2 + length], "tcp", source)
        assert self._server.over_tcp is not None
        octets = self._server.over_tcp(query)
        if octets is not None:
            self._send(octets if isinstance(octets, list) else [octets])

    def _send(self, pieces: list[bytes]) -> None:
        if self._transport.is_closing():
            return
        self._transport.write(pieces[0])
        if len(pieces) > 1:
            asyncio.get_running_loop().call_later(1.0, self._send, pieces[1:])
        else:
            self._transport.close()


def framed(message: bytes) -> bytes:
    """A message as TCP carries it."""
    return len(message).to_bytes(2, "big") + message


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether nobody has it, for UDP and TCP alike; and whether it may be had at all."""
    with socket.socket(type=socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
        try:
            udp.bind((host, port))
            tcp.bind((host, port))
        except OSError:
            return False
    return True


def free_port(host: str = "127.0.0.1") -> int:
    """A port free for UDP and TCP alike, a moment ago; none that the kernel would give to a client."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    while True:
        port = random.randrange(20_000, 32_768)
        with socket.socket(family, socket.SOCK_DGRAM) as udp, socket.socket(family) as tcp:
            try:
                udp.bind((host, port))
                tcp.bind((host, port))
            except OSError:
                continue
            return port


class Knot:
    """knotd as a child process, on one address, in the calling thread's network namespace.

    zones: name without final dot -> records in zone file syntax, relative to it, $TTL 60. SOA (its
    serial counted up by `replace`, its negative TTL `negative_ttl`) and NS are added to them.
    Inside the `with`, every zone has answered. Outside any zone it says REFUSED.
    secondaries: notified of each change. They, and everybody on 127.0.0.0/8, may transfer the zones.
    """

    def __init__(
        self,
        zones: Mapping[str, str],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        negative_ttl: int = 5,
        secondaries: Sequence[Nameserver] = (),
    ) -> None:
        """port: 0 for a free one, and 53 of 127.0.0.1 as well, if that is free: there applications ask."""
        self._is_asked_by_all = port in (0, 53)
        self.nameserver = Nameserver(host, port or free_port(host))
        self._negative_ttl = negative_ttl
        self._secondaries = secondaries
        self._zones = dict(zones)
        self._serials = dict.fromkeys(zones, 1)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._directory = tempfile.TemporaryDirectory(prefix="knot-")
        self._path = Path(self._directory.name)
        try:
            self._also = "    listen: 127.0.0.1@53" if self._is_asked_by_all and is_free(53) else ""
            (self._path / "knot.conf").write_text(self._configuration())
            for zone in self._zones:
                self._write_zone(zone)
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self._end(signal.SIGTERM)
        self._directory.cleanup()

    def start(self) -> None:
        """Start it (again, after `kill`), on the same port; returns when every zone is served."""
        with (self._path / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [_KNOTD, "-c", str(self._path / "knot.conf")], stdout=log, stderr=log
            )
        for zone in self._zones:
            self._await_serial(zone)

    def kill(self) -> None:
        """An outage: SIGKILL. From now on its port refuses."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Silence: it is stopped, and its port takes queries without a reply."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        os.waitpid(self._process.pid, os.WUNTRACED)  # all of its threads have stopped by then

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def replace(self, zone: str, records: str) -> None:
        """Serve other records; returns when they are being served."""
        self._zones[zone] = records
        self._serials[zone] += 1
        self._write_zone(zone)
        # It may answer queries, and not yet take commands.
        eventually(lambda: self._controlled("zone-reload", zone), _LONG, self.log)
        self._await_serial(zone)

    def _controlled(self, *command: str) -> bool:
        """Whether it took the command."""
        control = [_KNOTC, "-s", str(self._path / "knot.sock"), "-b", *command]
        done = subprocess.run(control, capture_output=True, text=True, check=False, timeout=_LONG)
        assert done.returncode == 0, done.stdout + done.stderr
        return True

    def log(self) -> str:
        return (self._path / "log").read_text()

    def _configuration(self) -> str:
        server = self.nameserver
        zones = "".join(f'  - domain: {zone}\n    file: "{zone}.zone"\n' for zone in self._zones)
        return f"""
server:
    rundir: "{self._path}"
    listen: {server.host}@{server.port}
{self._also}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: "{self._path}/db"
    journal-db-max-size: 16M
    timer-db-max-size: 16M
{self._transfers()}
template:
  - id: default
{self._notifies()}
    storage: "{self._path}"
    zonefile-load: whole
    zonefile-sync: -1
    journal-content: none
zone:
{zones}
log:
  - target: stderr
    any: info
"""

    def _transfers(self) -> str:
        if not self._secondaries:
            return ""
        remotes = "".join(
            f"  - id: secondary{number}\n    address: {one.host}@{one.port}\n"
            for number, one in enumerate(self._secondaries)
        )
        return f"acl:\n  - id: anybody\n    address: 127.0.0.0/8\n    action: transfer\nremote:\n{remotes}"

    def _notifies(self) -> str:
        if not self._secondaries:
            return ""
        ids = ", ".join(f"secondary{number}" for number in range(len(self._secondaries)))
        return f"    acl: anybody\n    notify: [{ids}]"

    def _write_zone(self, zone: str) -> None:
        (self._path / f"{zone}.zone").write_text(
            f"$ORIGIN {zone}.\n$TTL 60\n"
            f"@ SOA ns hostmaster {self._serials[zone]} 3600 600 86400 {self._negative_ttl}\n"
            f"@ NS ns\nns A 127.0.0.1\n{self._zones[zone]}\n"
        )

    def _await_serial(self, zone: str) -> None:
        """Return when it answers for the zone with the serial that was written last."""
        family = socket.AF_INET6 if ":" in self.nameserver.host else socket.AF_INET
        query = dns.message.make_query(zone, "SOA")
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect((self.nameserver.host, self.nameserver.port))
            for _ in range(int(_LONG / _SOON)):
                if self._ask_serial(sock, query) == self._serials[zone]:
                    return
        raise AssertionError(f"{zone} is not being served:\n{self.log()}")

    def _ask_serial(self, sock: socket.socket, query: dns.message.Message) -> int | None:
        """One try; where it fails, the time to the next one was spent watching the process."""
        assert self._process is not None
        sock.settimeout(_LONG)
        try:
            sock.send(query.to_wire())
            answer = dns.message.from_wire(sock.recv(4096)).answer
        except ConnectionRefusedError:
            answer = []
        if answer:
            return int(answer[0][0].serial)
        try:
            self._process.wait(_SOON)
        except subprocess.TimeoutExpired:
            return None
        raise AssertionError(f"knotd ended with {self._process.returncode}:\n{self.log()}")

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(signal.SIGCONT)
        self._process.send_signal(number)
        try:
            self._process.wait(_LONG)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
