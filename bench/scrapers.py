"""Many clients of an exporter at once, in one process: `python -m bench.scrapers PORT MODE COUNT SECONDS`.

MODE scrape: each requests /metrics repeatedly, gzipped, on a persistent connection. MODE hold: each
requests it once, not gzipped, and reads nothing. MODE idle: each connects and sends nothing. Prints the
line "connected" when all are. Ends with a line of JSON: the number of responses, how many were not 200,
and their bytes.
"""

from __future__ import annotations

import json
import re
import selectors
import socket
import sys
import time
from contextlib import ExitStack

_REQUEST = b"GET /metrics HTTP/1.1\r\nHost: bench\r\n%b\r\n"
_GZIP = b"Accept-Encoding: gzip\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)
_HELD = 64 * 1024
"""SO_RCVBUF of a client that reads nothing, in bytes."""


class Client:
    """One connection. got: responses; failed: those that were not 200."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.got = self.failed = self.size = 0
        self._connect()

    def _connect(self) -> None:
        self.socket = socket.create_connection(("127.0.0.1", self._port))
        self._head = b""
        self._left = -1

    def ask(self) -> None:
        self._head, self._left = b"", -1
        self.socket.sendall(_REQUEST % _GZIP)

    def read(self) -> bool:
        """Whether its response is there."""
        data = self.socket.recv(1 << 20)
        if not data:
            self.socket.close()
            self._connect()
            self.failed += 1
            return True
        self.size += len(data)
        if self._left < 0:
            self._head += data
            head, found, body = self._head.partition(b"\r\n\r\n")
            if not found:
                return False
            length = _LENGTH.search(head + b"\r\n")
            assert length is not None, head
            self._left = int(length[1]) - len(body)
            self.got += 1
            self.failed += b" 200 " not in head.partition(b"\r\n")[0]
        else:
            self._left -= len(data)
        return self._left <= 0


def scrape(port: int, count: int, seconds: float) -> None:
    clients = [Client(port) for _ in range(count)]
    print("connected", flush=True)
    deadline = time.monotonic() + seconds
    with selectors.DefaultSelector() as ready:
        for client in clients:
            client.ask()
            ready.register(client.socket, selectors.EVENT_READ, client)
        while time.monotonic() < deadline:
            for key, _ in ready.select(deadline - time.monotonic()):
                client = key.data
                ready.unregister(client.socket)
                if client.read():
                    client.ask()
                ready.register(client.socket, selectors.EVENT_READ, client)
    got, failed = sum(each.got for each in clients), sum(each.failed for each in clients)
    print(json.dumps({"responses": got, "failed": failed, "bytes": sum(each.size for each in clients)}))
    for client in clients:
        client.socket.close()


def hold(port: int, count: int, seconds: float, request: bytes) -> None:
    with ExitStack() as stack:
        for _ in range(count):
            client = stack.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _HELD)
            client.connect(("127.0.0.1", port))
            client.sendall(request)
        print("connected", flush=True)
        time.sleep(seconds)
    print(json.dumps({"responses": 0, "failed": 0, "bytes": 0}))


def main(port: int, mode: str, count: int, seconds: float) -> None:
    if mode == "scrape":
        scrape(port, count, seconds)
    else:
        hold(port, count, seconds, _REQUEST % b"" if mode == "hold" else b"")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
