"""(j) What lookups of a busy resolver cost: lowatch, of held addresses only and of others; the resolver."""

from __future__ import annotations

import asyncio
import socket
import tempfile
import time
from collections.abc import Collection
from pathlib import Path

from lowatch.core.addresses import Address, parse_address
from lowatch.core.name_sources import NameSource
from lowatch.service.lookups.dnstap_server import SOCKET_NAME, DnstapServer, dnstap_listening
from lowatch.wire.dns import RRType, encode_question
from lowatch.wire.lookup import Lookup
from lowatch.wire.resolved_monitor import listed, parse_report
from tests.support.dns_messages import A, pointer, record, response
from tests.support.dnstap import START, data, dnstap

from . import report, resolver
from .report import Row

RATE = 20_000
"""Lookups a second."""
PASSED_LIMIT, READ_LIMIT = 4.0, 30.0
"""Percent of a core at that rate."""
_SETTLED = 0.5
"""Seconds until what is in the socket has been read."""
_HELD, _ELSEWHERE = parse_address("10.1.0.10"), parse_address("192.0.2.10")
_CLIENT = parse_address("127.0.0.1")
_REPORT = (
    '{"parameters":{"state":"success","question":[{"class":1,"type":1,"name":"www.example.com"}],"answer":[{"rr":'
    '{"key":{"class":1,"type":1,"name":"www.example.com"},"address":[%s]},"raw":"A3d3dwdleGFtcGxlA2NvbQ==",'
    '"ifindex":3}]},"continues":true}'
)


class _Sink:
    """Counts lookups. 10,000 addresses are held."""

    def __init__(self) -> None:
        self.held: Collection[Address] = frozenset(
            Address(bytes((10, 1, number >> 8, number & 255))) for number in range(10_000)
        )
        self.held_as_listed: Collection[bytes] = frozenset(map(listed, self.held))
        self.count = 0

    def looked_up(self, lookup: Lookup, source: NameSource) -> None:
        self.count += 1


def run(*, quick: bool) -> list[Row]:
    count = 20_000 if quick else 200_000
    rows = []
    for source, measure in (("dnstap", _dnstap), ("resolved", _resolved)):
        for what, address, limit in (
            ("of no held address", _ELSEWHERE, PASSED_LIMIT),
            ("of held addresses only", _HELD, READ_LIMIT),
        ):
            share = 100 * RATE * measure(count, address)
            row = f"(j) CPU, {RATE:,} lookups a second by {source}, {what}"
            rows.append(report.at_most(row, share, limit, "{:.1f} % of a core"))
    return [*rows, *resolver.rows(RATE, quick=quick)]


def _dnstap(count: int, address: Address) -> float:
    """CPU seconds for each lookup, with what reading the socket takes."""
    question = encode_question("www.example.com", RRType.A)
    message = response([record(pointer(12), A, address)], question=question)
    frame = data(dnstap(message, _CLIENT))
    sink = _Sink()

    async def read() -> float:
        with tempfile.TemporaryDirectory() as folder, dnstap_listening(Path(folder)) as listener:
            server = DnstapServer(sink, listener)
            async with asyncio.TaskGroup() as tasks:
                running = tasks.create_task(server.run())
                began = time.thread_time()
                await asyncio.to_thread(_write, Path(folder, SOCKET_NAME), frame, count)
                await asyncio.sleep(_SETTLED)
                took = time.thread_time() - began
                running.cancel()
            return took / count

    return asyncio.run(read())


def _write(path: Path, frame: bytes, count: int) -> None:
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(path))
        peer.sendall(START)
        for _ in range(count // 100):
            peer.sendall(frame * 100)


def _resolved(count: int, address: Address) -> float:
    """CPU seconds for each report; reading the socket is as above."""
    message = (_REPORT % ",".join(map(str, address))).encode()
    held = _Sink().held_as_listed
    began = time.thread_time()
    for _ in range(count):
        parse_report(message, held)
    return (time.thread_time() - began) / count
