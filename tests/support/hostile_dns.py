"""A nameserver of a zone whose owner means harm: `python -m tests.support.hostile_dns PORT [restless]`.

n0.evil, n1.evil and so on have 4,000 addresses of 127.0.0.0/8 each, _sN._tcp.evil 2,400 SRV targets of 64
addresses each. Any other name has the address 192.0.2.10. TTL 1 h. "restless": other addresses with each
answer, of TTL 0. Large answers go by TCP. "ready" on stdout once it serves.
"""

from __future__ import annotations

import socket
import struct
import sys
import threading
from contextlib import suppress
from itertools import count
from zlib import crc32

ADDRESSES, TARGETS, ADDRESSES_OF_TARGET = 4000, 2400, 64
_TURNS = count()
_RESTLESS = sys.argv[2:] == ["restless"]
_POINTER = b"\xc0\x0c"


def serve(port: int) -> None:
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", port))
    tcp = socket.create_server(("127.0.0.1", port), backlog=128)
    threading.Thread(target=_accept, args=[tcp], daemon=True).start()
    print("ready", flush=True)
    while True:
        query, client = udp.recvfrom(4096)
        message = answer(query)
        if len(message) > 1232:
            message = _header(query, 0x8780) + _question(query)
        udp.sendto(message, client)


def _accept(tcp: socket.socket) -> None:
    while True:
        connection, _ = tcp.accept()
        threading.Thread(target=_talk, args=[connection], daemon=True).start()


def _talk(connection: socket.socket) -> None:
    with suppress(ConnectionError), connection, connection.makefile("rb") as stream:
        while len(length := stream.read(2)) == 2:
            message = answer(stream.read(int.from_bytes(length, "big")))
            connection.sendall(len(message).to_bytes(2, "big") + message)


def answer(query: bytes) -> bytes:
    question = _question(query)
    name, rrtype = question[:-4].lower(), question[-3]
    if name.endswith(b"\4evil\0"):
        count = ADDRESSES if name[1:2] == b"n" else ADDRESSES_OF_TARGET
        records = _services(name) if rrtype == 33 else _addresses(name, count) if rrtype == 1 else []
    else:
        records = [_POINTER + struct.pack("!HHIH", 1, 1, 3600, 4) + b"\xc0\0\2\x0a"] if rrtype == 1 else []
    return _header(query, 0x8580, len(records)) + question + b"".join(records)


def _addresses(name: bytes, count: int) -> list[bytes]:
    turn = next(_TURNS) if _RESTLESS else crc32(name)
    first = 0x7F010000 + turn * 7 % 1000 * ADDRESSES
    head = _POINTER + struct.pack("!HHIH", 1, 1, 0 if _RESTLESS else 3600, 4)
    return [head + struct.pack("!I", number) for number in range(first, first + count)]


def _services(name: bytes) -> list[bytes]:
    service = name[1 : name[0] + 1]
    targets = [b"%s%x" % (service[1:], number) for number in range(TARGETS)]
    zone = struct.pack("!H", 0xC000 + 12 + name.index(b"\4evil"))
    return [
        _POINTER
        + struct.pack("!HHIHHHH", 33, 1, 0, 9 + len(target), 1, 1, 80)
        + bytes((len(target),))
        + target
        + zone
        for target in targets
    ]


def _question(query: bytes) -> bytes:
    return query[12 : query.index(b"\0", 12) + 5]


def _header(query: bytes, flags: int, answers: int = 0) -> bytes:
    return query[:2] + struct.pack("!HHHHH", flags, 1, answers, 0, 0)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
