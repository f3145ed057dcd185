"""Those who mean harm where lowatch learns names: `python -m tests.support.hostile_lookups ROLE PATH`.

dnstap: peers of the socket. monitor: a false monitor of systemd-resolved. trace: writes into a FIFO.
zones: replaces a file in a directory. refused: PATH is an address, to which connects are refused.
Each goes on until it is killed, and prints a line after each round of all that it can do.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from itertools import count, cycle
from pathlib import Path

from lowatch.wire.frame_streams import Control, control_frame
from tests.support.dns_messages import A, pointer, record, response
from tests.support.dnstap import READY, START, data, dnstap

VIP = bytes((203, 0, 113, 79))
"""Of this flood alone: a trace shows it to all tests on this kernel."""
CLIENT = bytes((127, 0, 0, 1))
RED = b"\x1b[31m\x07\n\r\x9b\xe2\x80\xae"
"""Control characters: colour, bell, new lines, CSI, and Unicode's right-to-left override."""
SOA = b"evil. 60 IN SOA ns.evil. root.evil. 1 3600 900 604800 60\n"
HERE = b"zone.evil. 60 IN A 203.0.113.79\n"
RESTLESS = "restless.zone"
_NAMES_AT_ONCE = 5_000
_A_IN = b"\0\1\0\1"
_CONNECTS_PER_SECOND = 10_000


def main() -> None:
    role, path = sys.argv[1:]
    for _ in _ROLES[role](path):
        print("round", flush=True)


def _dnstap(path: str) -> Iterator[None]:
    for first in count(0, _NAMES_AT_ONCE):
        waiting = [_peer(path), _peer(path), _peer(path, START + b"\0\0\xff\xff" + bytes(1000))]
        for octets in _broken_streams():
            _peer(path, octets).close()
        with _peer(path, START) as peer, suppress(OSError):
            peer.sendall(b"".join(data(one) for one in _strange_messages()))
            peer.sendall(b"".join(_names(range(first, first + _NAMES_AT_ONCE))))
        for one in waiting:
            one.close()
        yield


def _peer(path: str, octets: bytes = b"") -> socket.socket:
    peer = socket.socket(socket.AF_UNIX)
    peer.settimeout(5)
    with suppress(OSError):
        peer.connect(path)
        peer.sendall(octets)
    return peer


def _broken_streams() -> Iterator[bytes]:
    for kind in (*Control, 0, 77, 2**32 - 1):
        yield bytes(4) + data(kind.to_bytes(4, "big"))
    yield READY * 10_000
    yield control_frame(Control.STOP) * 10_000
    yield control_frame(Control.READY, RED * 10)
    yield bytes(100_000)
    yield b"\xff" * 100_000
    yield START[:-1]
    yield START + b"\0\3\xff\xff" + bytes(0x3FFFE)


def _strange_messages() -> Iterator[bytes]:
    mentioned = b"\0" + _A_IN + b"\0\0\0\0\0\4" + VIP
    yield b"\x72\x10" + mentioned + b"\x08\0" * 100_000
    yield mentioned + b"\xff" * 200_000
    yield b"\x88\x80\x80\x80\x80\x80\x80\x80\x80\1" * 20_000 + mentioned
    yield dnstap(_answer(b"".join(_label(RED[:20] + b"a" * 43) for _ in range(4))[:253]), CLIENT)
    yield dnstap(_answer(_label(b"a" * 63) * 3 + _label(b"b" * 61)), CLIENT)
    yield dnstap(_answer(_label(RED) + _label(b"evil")), CLIENT)
    yield dnstap(_answer(_label(b"many") + _label(b"evil"), 4_000), CLIENT)
    yield dnstap(_answer(_label(b"more") + _label(b"evil"), 16_000), CLIENT)
    yield dnstap(_answer(_label(b"shop") + _label(b"evil"))[:-3], CLIENT)
    yield dnstap(_answer(_label(b"client") + _label(b"evil")), b"\0" * 5)


def _names(numbers: Iterable[int]) -> Iterator[bytes]:
    return (data(dnstap(_answer(_label(b"n%d" % one) + _label(b"evil")), CLIENT)) for one in numbers)


def _answer(labels: bytes, times: int = 1) -> bytes:
    return response([record(pointer(12), A, VIP)] * times, question=labels + b"\0" + _A_IN)


def _label(octets: bytes) -> bytes:
    return bytes([len(octets)]) + octets


def _monitor(path: str) -> Iterator[None]:
    """A round for each thing it can do wrong: the subscriber comes ever more rarely."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen(128)
        for octets in cycle(_reports()):
            peer, _ = server.accept()
            with suppress(OSError), peer:
                peer.settimeout(30)
                peer.recv(1000)
                peer.sendall(octets)
                peer.recv(1000)  # until it has seen enough
            yield


def _reports() -> Iterator[bytes]:
    ready = b'{"parameters":{"ready":true}}\0'
    address = b'{"rr":{"key":{"class":1,"type":1},"address":[203,0,113,79]}}'
    report = b'{"parameters":{"state":"success","question":[%b],"answer":[' + address + b"]}}\0"
    asked = b'{"class":1,"type":1,"name":"%b"}'
    names = (report % (asked % b"r%d.evil" % one) for one in range(20_000))
    strange = (b"\\ud800.evil", b"\\u001b[31m\\n.evil", b"a" * 255 + b".evil", b"\\u202e.evil", b"..", b"")
    yield (
        ready
        + b"".join(report % (asked % one) for one in strange)
        + report % b",".join(asked % b"q%d.evil" % one for one in range(4_000))
        + bytes(100_000)
        + b"".join(names)
        + b" " * 300_000
    )
    yield ready + b'{"ready":' + b"[" * 100_000 + b"]" * 100_000 + b"}\0"
    yield ready + b'{"ready":' + b"9" * 200_000 + b"}\0"
    yield b'{"error":"\\u001b[31m\\ud800' + b"x" * 200_000 + b'"}\0'
    yield ready
    yield b""


def _trace(path: str) -> Iterator[None]:
    with Path(path).open("wb") as pipe:
        while True:
            for line in _lines():
                pipe.write(line)
                pipe.flush()
            yield


def _lines() -> Iterator[bytes]:
    event = (
        b"%b-1 [000] ..... 1.5: inet_sock_set_state: family=AF_INET protocol=IPPROTO_TCP sport=%b dport=80 "
        b"saddr=203.0.113.79 daddr=203.0.113.79 saddrv6=::ffff:203.0.113.79 daddrv6=::ffff:203.0.113.79 "
        b"oldstate=TCP_SYN_SENT newstate=%b\n"
    )
    closed = b"TCP_CLOSE"
    for name in (RED, b" ", b"a-1 [000] .....", b"CPU:1 [LOST 5", b"x" * 10_000, b"\xff\xfe", b"comm=sh"):
        yield event % (name, b"40000", closed)
    yield event % (b"sh", b"99999", closed)
    yield event % (b"sh", b"9" * 5000, closed)
    yield event % (b"sh", b"1", b"TCP_LISTEN")
    yield event[:100] + b"\n" + event[:-20]
    yield b"CPU:1 [LOST 999999999999999999 EVENTS]\n" * 100
    yield b"-1 " * 20_000 + b"\n" + b"-1" + b" " * 60_000 + b"\n"
    yield b"\n" * 60_000
    for _ in range(160):
        yield b"y" * (64 << 10)  # 10 MiB in one line
    yield b"\n"
    for number in range(2_000):
        yield (event % (b"flood", b"%d" % (20_000 + number), closed)) * 20


def _zones(path: str) -> Iterator[None]:
    """A zone that is replaced a hundred times a second."""
    file, new = Path(path, RESTLESS), Path(path, "new")
    while True:
        new.write_bytes(SOA + HERE)
        new.replace(file)
        time.sleep(0.01)
        yield


def write_odd_zones(directory: Path) -> list[Path]:
    """Files that are no zones, or not whole ones, and two that are."""
    files = []
    for number, make in enumerate(_odd_files()):
        files.append(directory / f"{number}.zone")
        make(files[-1])
    return files


def _odd_files() -> Iterator[Callable[[Path], object]]:
    for target in ("/dev/zero", "/proc/self/mem", "/", "3.zone"):
        yield partial(Path.symlink_to, target=target)
    yield os.mkfifo
    yield Path.mkdir
    yield _hole
    for text in (
        SOA + HERE[:-5],
        SOA + b"$INCLUDE /etc/shadow\n",
        SOA + b"$GENERATE 1-1000000 n$ A 203.0.113.79\n",
        SOA + b"$ORIGIN " + b"a." * 300 + b"\n" + HERE,
        SOA + b"$ORIGIN \x1b[31m.\n@ A 203.0.113.79\nx A 203.0.113.79\n",
        SOA + RED.replace(b"\n", b"").replace(b"\r", b"") + b".evil. A 203.0.113.79\n",
        SOA + b"\\027[31m.evil. A 203.0.113.79\n" + b"a" * 64 + b".evil. A 203.0.113.79\n",
        SOA + b"( " * 200_000 + b"\n",
        SOA + b"".join(b"z%d.evil. 60 IN A 203.0.113.79\n" % one for one in range(200)),
        SOA + b"".join(b"c%d.evil. 60 IN CNAME c%d.evil.\n" % (one, one + 1) for one in range(2_000)),
    ):
        yield partial(Path.write_bytes, data=text)


def _hole(file: Path) -> None:
    """1 GiB in one line."""
    with file.open("wb") as stream:
        stream.truncate(1 << 30)


def _refused(address: str) -> Iterator[None]:
    while True:
        end = time.monotonic() + 0.05
        for _ in range(_CONNECTS_PER_SECOND // 20):
            with socket.socket() as client:
                client.setblocking(False)
                client.connect_ex((address, 9))
        time.sleep(max(0.0, end - time.monotonic()))
        yield


_ROLES: dict[str, Callable[[str], Iterator[None]]] = {
    "dnstap": _dnstap,
    "monitor": _monitor,
    "trace": _trace,
    "zones": _zones,
    "refused": _refused,
}

if __name__ == "__main__":
    main()
