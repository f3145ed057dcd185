"""The dnstap socket, with resolvers and with liars."""

from __future__ import annotations

import asyncio
import socket
import stat
import threading
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from lowatch.core.limits.lookups import LOOKUP_MESSAGE, LOOKUP_PEERS
from lowatch.core.name_sources import NameSource
from lowatch.service.lookups import dnstap_server
from lowatch.service.lookups.dnstap_server import DnstapServer, dnstap_listening
from lowatch.wire.dns import RRType, encode_question
from lowatch.wire.lookup import Lookup
from tests.support.aio import run_async
from tests.support.dns_messages import A, pointer, record, response
from tests.support.dnstap import ACCEPT, READY, START, data, dnstap
from tests.unit.service.lookups.collected import CLIENT, VIP, Collected

OTHER = b"\xc0\0\2\x0b"


def frame(name: str = "www.example.com", address: bytes = VIP) -> bytes:
    question = encode_question(name, RRType.A)
    return data(dnstap(response([record(pointer(12), A, address)], question=question), CLIENT))


WWW = (Lookup("www.example.com", (VIP,), CLIENT), NameSource.DNSTAP)


class Scene:
    def __init__(self, directory: Path) -> None:
        self.path = directory / "dnstap.sock"
        self.sink = Collected()

    @asynccontextmanager
    async def served(self) -> AsyncIterator[DnstapServer]:
        with dnstap_listening(self.path.parent) as listener:
            server = DnstapServer(self.sink, listener)
            async with asyncio.TaskGroup() as tasks:
                running = tasks.create_task(server.run())
                yield server
                running.cancel()

    async def peer(self, *octets: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_unix_connection(str(self.path))
        for one in octets:
            writer.write(one)
        await writer.drain()
        return reader, writer

    async def is_dropped(self, *octets: bytes) -> bool:
        reader, writer = await self.peer(*octets)
        async with asyncio.timeout(30):
            try:
                dropped = await reader.read() in (b"", ACCEPT)
            except ConnectionError:
                dropped = True
        writer.close()
        return dropped


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_a_resolver_that_asks_first_is_answered_and_heard(scene: Scene) -> None:
    async def scenario() -> None:
        async with scene.served() as server:
            reader, writer = await scene.peer(READY)
            assert await reader.readexactly(len(ACCEPT)) == ACCEPT
            writer.write(START + frame() + frame(address=OTHER) + frame())
            await scene.sink.until(2)
            assert server.problem == ""
            writer.close()
        assert scene.sink.found == [WWW, WWW]

    run_async(scenario())


def test_everybody_may_write_to_the_socket_and_it_goes_with_the_daemon(scene: Scene) -> None:
    scene.path.touch()
    scene.path.unlink()
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(scene.path))
    stale.close()

    async def scenario() -> None:
        async with scene.served():
            assert stat.S_IMODE(scene.path.stat().st_mode) == 0o666

    run_async(scenario())
    assert not scene.path.exists()


def test_without_a_resolver_there_is_a_problem(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with scene.served() as server:
            assert server.problem == "", "it has a minute to come"
            monkeypatch.setattr(dnstap_server, "_EXPECTED_WITHIN", 0.0)
            assert server.problem == ("dnstap: no resolver is connected (see `lowatch setup dnstap`)")
            assert await scene.is_dropped(b"GET / HTTP/1.1\r\n\r\n")
            while "the last one: a frame of 1,195,725,856 octets" not in server.problem:
                await asyncio.sleep(0)

    run_async(scenario())


def test_without_a_directory_there_is_no_socket() -> None:
    with dnstap_listening(None) as listener:
        server = DnstapServer(Collected(), listener)
        run_async(server.run())
        assert server.problem == "dnstap: there is no runtime directory for its socket"


@pytest.mark.parametrize(
    "octets",
    [b"\xff" * 1000, START + START, START + b"\0\x04\0\1", bytes(4) + b"\0\1\0\0", frame(), READY * 1000],
    ids=["noise", "twice", "too long", "long control", "too early", "questions only"],
)
def test_a_liar_is_dropped_and_nobody_else_is_harmed(scene: Scene, octets: bytes) -> None:
    async def scenario() -> None:
        async with scene.served():
            _, writer = await scene.peer(START + frame())
            assert await scene.is_dropped(octets)
            writer.write(frame())
            await scene.sink.until(2)
            writer.close()

    run_async(scenario())


def test_a_message_that_does_not_end_takes_no_more_than_its_limit(scene: Scene) -> None:
    async def scenario() -> int:
        async with scene.served():
            tracemalloc.start()
            silent = [await scene.peer(START + LOOKUP_MESSAGE.value.to_bytes(4, "big")) for _ in range(4)]
            for _, writer in silent:
                writer.write(bytes(LOOKUP_MESSAGE.value - 1))
                await writer.drain()
            _, other = await scene.peer(START + frame())
            await scene.sink.until(1)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            for _, writer in (*silent, (None, other)):
                writer.close()
            return peak

    assert run_async(scenario()) < 16 * LOOKUP_MESSAGE.value


def test_at_the_limit_who_is_silent_for_longest_makes_room(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LOOKUP_PEERS, "value", 3)
    monkeypatch.setattr(LOOKUP_PEERS, "times", 0)

    async def scenario() -> None:
        async with scene.served() as server:
            peers = []
            for number in range(1, 4):
                peers.append(await scene.peer(START + frame()))
                await scene.sink.until(number)
            first, second, third = peers
            first[1].write(frame())
            await scene.sink.until(4)
            assert server.problem == ""
            newcomer = await scene.peer(START + frame())
            await scene.sink.until(5)
            assert await second[0].read() == b"", "the first one has reported since"
            assert server.problem == (
                "dnstap: more than 3 connections: the one that was silent for longest was closed"
            )
            for one in (first, third, newcomer):
                one[1].write(frame())
            await scene.sink.until(8)
            monkeypatch.setattr(dnstap_server, "_CROWDED_FOR", 0.0)
            assert server.problem == ""
            for one in (*peers, newcomer):
                one[1].close()

    run_async(scenario())
    assert LOOKUP_PEERS.times == 1


def test_silent_connections_do_not_keep_resolvers_out(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever opens them, and however many: each displaces another silent one."""
    monkeypatch.setattr(LOOKUP_PEERS, "value", 3)
    monkeypatch.setattr(LOOKUP_PEERS, "times", 0)

    async def scenario() -> None:
        async with scene.served():
            silent = [await scene.peer(START) for _ in range(3)]
            _, resolver = await scene.peer(START + frame())
            await scene.sink.until(1)
            assert await silent[0][0].read() == b"", "the first of them goes"
            silent += [await scene.peer(START) for _ in range(6)]
            for reader, _ in silent[1:-2]:
                assert await reader.read() == b""
            resolver.write(frame())
            await scene.sink.until(2)
            resolver.close()
            for _, writer in silent:
                writer.close()

    run_async(scenario())
    assert LOOKUP_PEERS.times == 7


def test_a_peer_that_does_not_read_its_answers_is_dropped(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dnstap_server, "_ANSWER_WITHIN", 0.05)

    async def scenario() -> None:
        async with scene.served():
            _, writer = await scene.peer()
            with suppress(ConnectionError):
                while True:
                    writer.write(READY)
                    await writer.drain()
                    await asyncio.sleep(0)  # read it, before there are too many
            writer.close()

    run_async(scenario(), timeout=60)


def test_who_begins_no_stream_is_dropped_and_who_is_silent_in_one_is_not(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dnstap_server, "_START_WITHIN", 0.3)

    async def scenario() -> None:
        async with scene.served() as server:
            _, resolver = await scene.peer(START + frame())
            assert await scene.is_dropped()
            assert await scene.is_dropped(READY)
            resolver.write(frame())
            await scene.sink.until(2)
            assert server.problem == ""
            resolver.close()

    run_async(scenario())


def test_a_storm_of_connections_leaves_the_loop_to_others_and_is_one_line(
    scene: Scene, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each lies in its own way."""
    monkeypatch.setattr(LOOKUP_PEERS, "value", 10_000)
    stop = threading.Event()

    def storm() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            with socket.socket(socket.AF_UNIX) as peer, suppress(OSError):
                peer.connect(str(scene.path))
                peer.sendall(START + (1_000_000 + number).to_bytes(4, "big"))

    async def scenario() -> None:
        async with scene.served():
            storms = [asyncio.to_thread(storm) for _ in range(3)]
            waiting = asyncio.gather(*storms)
            for _ in range(50):  # each a turn of the loop
                await asyncio.sleep(0.01)
            stop.set()
            await waiting
            with socket.socket(socket.AF_UNIX) as resolver:  # its connect() waits in the queue
                await asyncio.to_thread(resolver.connect, str(scene.path))
                resolver.sendall(START + frame())
                await scene.sink.until(1)

    run_async(scenario(), timeout=60)
    assert len(caplog.records) == 1


def test_a_flood_leaves_the_loop_to_others(scene: Scene) -> None:
    """Counted in turns of the loop and not in seconds, as others use the machine too."""
    many = START + b"".join(frame(f"n{number}.example.com") for number in range(20_000))

    async def scenario() -> int:
        turns = 0
        async with scene.served():
            _, writer = await scene.peer()
            writer.write(many)
            while scene.sink.count < 20_000:
                await asyncio.sleep(0.001)
                turns += 1
            writer.close()
        return turns

    assert run_async(scenario()) > 20
