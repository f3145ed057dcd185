"""Programs as local clients of an address, and servers for them, inside the test's network namespace."""

from __future__ import annotations

import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from tests.support.daemon import Daemon
from tests.support.server_process import end
from tests.support.waiting import eventually

VIP, VIP6 = "192.0.2.10", "2001:db8::10"
PORT = 80
_END = 9

Run = Callable[[str, int, int], None]
"""Has a program connect to an address and port several times."""

_LONG = 120.0
_PROXY = 8080
_RESET = struct.pack("@ii", 1, 0)
_GREETING = b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"
_POSTGRESQL = b"R\0\0\0\x08\0\0\0\0" + b"Z\0\0\0\x05I"
"""AuthenticationOk and ReadyForQuery (https://www.postgresql.org/docs/current/protocol-message-formats.html)."""

_PYTHON = """
import socket, sys
address, port, times, way = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
family = socket.AF_INET6 if ":" in address else socket.AF_INET
for number in range(times):
    with socket.socket(family) as client:
        if "timeout" in way:
            client.settimeout(10)
        if "reset" in way:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes([1, 0, 0, 0, 0, 0, 0, 0]))
        try:
            client.connect((address, port))
            if "abrupt" not in way:
                client.recv(1)
        except OSError:
            pass
"""
_BASH = "for ((i = 0; i < $3; i++)); do (exec 3<>/dev/tcp/$1/$2) 2>/dev/null; done"
_PERL = "use IO::Socket::INET; IO::Socket::INET->new(qq($ARGV[0]:$ARGV[1])) for 1 .. $ARGV[2]"
_NODE = """
const [address, port, times] = process.argv.slice(1);
const next = (left) => {
  if (left === 0) return;
  const client = require("net").connect(+port, address);
  client.on("error", () => {});
  client.on("close", () => next(left - 1));
  client.on("connect", () => client.end());
  client.resume();
};
next(+times);
"""
_JAVA = """
import java.io.IOException;
import java.net.*;
import java.nio.channels.SocketChannel;

class Clients {
    public static void main(String[] arguments) {
        var to = new InetSocketAddress(arguments[0], Integer.parseInt(arguments[1]));
        for (int left = Integer.parseInt(arguments[2]); left > 0; left--) {
            try {
                switch (arguments[3]) {
                    case "socket" -> new Socket(to.getAddress(), to.getPort()).close();
                    case "timeout" -> { try (var client = new Socket()) { client.connect(to, 10_000); } }
                    case "channel" -> SocketChannel.open(to).close();
                }
            } catch (IOException refused) {
            }
        }
    }
}
"""
_NGINX = """
user root;
daemon off;
master_process off;
pid nginx.pid;
error_log stderr emerg;
events {}
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    server {
        listen 127.0.0.1:{proxy};
        location / { proxy_pass http://{address}:{port}; }
    }
}
"""
_HAPROXY = """
defaults
    mode http
    retries 0
    timeout connect 10s
    timeout client 10s
    timeout server 10s
listen proxy
    bind 127.0.0.1:{proxy}
    server only {address}:{port}
"""


class Client(NamedTuple):
    """run: it is refused, or closes after it was served.

    knows_port: whether the kernel still knows the port of its socket when the connect has failed.
    served: how it is served, where that takes another command. answer: what makes it content.
    """

    run: Run
    knows_port: bool
    served: Run | None = None
    answer: Callable[[socket.socket, int], None] | None = None


def command(*parts: str) -> Run:
    """A command, with address, port and number of times instead of {0}, {1} and {2}."""

    def run(address: str, port: int, times: int) -> None:
        filled = parts
        for number, value in enumerate((address, str(port), str(times))):
            filled = tuple(part.replace(f"{{{number}}}", value) for part in filled)
        subprocess.run(filled, check=False, capture_output=True, timeout=_LONG)

    return run


def python(way: str) -> Run:
    return command(sys.executable, "-S", "-c", _PYTHON, "{0}", "{1}", "{2}", way)


def shell(text: str) -> Run:
    """A command of bash, of address $1, port $2 and number of times $3."""
    return command("bash", "-c", text, "bash", "{0}", "{1}", "{2}")


def repeated(text: str) -> Run:
    """A command that connects once, several times, some of them at once."""
    return shell(f"for ((i = 1; i <= $3; i++)); do {text} & ((i % 8)) || wait; done; wait")


def java(way: str) -> Run:
    def run(address: str, port: int, times: int) -> None:
        with tempfile.TemporaryDirectory() as directory:
            source = Path(directory, "Clients.java")
            source.write_text(_JAVA)
            flags = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
            command("java", *flags, str(source), "{0}", "{1}", "{2}", way)(address, port, times)

    return run


def proxy(configuration: str, *start: str) -> Run:
    """A proxy, whose own clients come over loopback. start: its command, in a directory of its own."""

    def run(address: str, port: int, times: int) -> None:
        text = configuration
        for name, value in (("address", address), ("port", port), ("proxy", _PROXY)):
            text = text.replace(f"{{{name}}}", str(value))
        with tempfile.TemporaryDirectory() as directory:
            Path(directory, "conf").write_text(text)
            with subprocess.Popen(start, cwd=directory) as process:
                try:
                    eventually(_proxy_listens)
                    command("curl", "--silent", f"http://127.0.0.1:{_PROXY}/[1-{{2}}]")(
                        address, port, times
                    )
                finally:
                    end(process)

    return run


def _proxy_listens() -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", _PROXY)) == 0


def greet(client: socket.socket, number: int) -> None:
    """A server that does not wait for a request, and resets each third connection."""
    if number % 3 == 0:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    else:
        client.send(_GREETING)


def postgresql(client: socket.socket, _: int) -> None:
    """As much of it as psql needs to be connected."""
    client.recv(1024)
    client.send(_POSTGRESQL)


class Served:
    """times: how many clients were accepted."""

    times = 0


@contextmanager
def serving(answer: Callable[[socket.socket, int], None] = greet, port: int = 80) -> Iterator[Served]:
    """Everything that comes to that port, on all addresses."""
    served = Served()
    with socket.create_server(
        ("::", port), family=socket.AF_INET6, backlog=1000, dualstack_ipv6=True
    ) as server:

        def serve() -> None:
            with suppress(OSError):  # it was shut down
                while True:
                    client, _ = server.accept()
                    served.times += 1
                    with client, suppress(OSError):
                        answer(client, served.times)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield served
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


_PSQL = "user=nobody dbname=nothing sslmode=disable"
_WGET = "yes http://$1:$2/ | head -n $3 | wget -qO- -t1 --no-http-keep-alive -i -"
_SSH = "ssh -F none -o BatchMode=yes {} -p $2 $1"

CLIENTS = {
    "python": Client(python("blocking"), knows_port=False),
    "python, in a hurry": Client(python("timeout"), knows_port=True),
    "python, resets": Client(python("reset"), knows_port=False),
    "python, resets at once": Client(python("reset timeout abrupt"), knows_port=True),
    "python, abrupt": Client(python("abrupt"), knows_port=False),
    "bash": Client(shell(_BASH), knows_port=False),
    "perl": Client(command("perl", "-e", _PERL, "{0}", "{1}", "{2}"), knows_port=False),
    "curl": Client(command("curl", "--silent", "http://{0}:{1}/[1-{2}]"), knows_port=True),
    "wget": Client(shell(_WGET), knows_port=False),
    "node": Client(command("node", "-e", _NODE, "{0}", "{1}", "{2}"), knows_port=True),
    "java": Client(java("socket"), knows_port=False),
    "java, in a hurry": Client(java("timeout"), knows_port=True),
    "java, by channel": Client(java("channel"), knows_port=False),
    "psql": Client(
        shell(f'psql "host=$(yes $1 | head -n $3 | paste -sd,) port=$2 {_PSQL}"'),
        knows_port=True,
        served=shell(f"yes '\\c' | head -n $(($3 - 1)) | psql -qX \"host=$1 port=$2 {_PSQL}\""),
        answer=postgresql,
    ),
    "ssh": Client(repeated(_SSH.format("")), knows_port=False),
    "ssh, in a hurry": Client(repeated(_SSH.format("-o ConnectTimeout=9")), knows_port=True),
    "nginx": Client(proxy(_NGINX, "nginx", "-p", ".", "-e", "stderr", "-c", "conf"), knows_port=True),
    "haproxy": Client(proxy(_HAPROXY, "haproxy", "-db", "-f", "conf"), knows_port=False),
}


def count(daemon: Daemon, port: int, address: str = VIP) -> float:
    series = f'interface="lo",address="{address}",port="{port}"'
    return daemon.metric(f"lowatch_refused_connects_total{{{series}}}") or 0


def until_reported(daemon: Daemon, marks: int = 1) -> None:
    """The events of all clients that closed have been read."""
    CLIENTS["python, in a hurry"].run(VIP, _END, 1)
    daemon.until(lambda: count(daemon, _END) == marks)
