"""The web server with clients that are slow, many, broken or mean: none of them hurts another."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import random
import resource
import select
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import h11
import pytest

from lowatch.config.settings import Listen
from lowatch.service.http import server as http
from lowatch.service.http.connection import ClientLimits
from lowatch.service.http.listen import listening
from lowatch.service.http.message import Request, Response, Routes
from tests.support.aio import run_async
from tests.unit.service.http_clients import PATIENCE, QUICK, ROUTES, Client, Served, serving

BIG = bytes(8 * 1024 * 1024)


def big(_request: Request) -> Response:
    return Response(200, BIG)


WITH_BIG: Routes = {**ROUTES, "/big": {"GET": big}}
GET_BIG = "GET /big HTTP/1.1\r\nHost: x\r\n\r\n"
GET_HELLO = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(autouse=True)
def nothing_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """What clients do is no news for the operator, and is never an error of ours."""
    yield
    assert [each.getMessage() for each in caplog.records if each.levelno > logging.INFO] == []


async def stuck_clients(served: Served, count: int) -> list[Client]:
    """Clients that ask for more than the kernel buffers, and never read."""
    clients = [await served.client(receive_buffer=4096) for _ in range(count)]
    for client in clients:
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await client.send(GET_BIG)
    return clients


class TestDeadlines:
    def test_silence_from_the_start(self) -> None:
        async def scenario() -> None:
            async with serving(ROUTES, QUICK) as served:
                assert await (await served.client()).closed() == b""

        run_async(scenario())

    def test_half_a_request(self) -> None:
        async def scenario() -> None:
            async with serving(ROUTES, QUICK) as served:
                client = await served.client()
                await client.send("GET /hello HTTP/1.1\r\nHost:")
                answer = await client.answer()
                assert (answer.status, answer.headers["connection"]) == (408, "close")
                assert await client.closed() == b""

        run_async(scenario())

    def test_a_slow_drip_gains_no_time(self) -> None:
        async def scenario() -> None:
            async with serving(ROUTES, QUICK) as served:
                client = await served.client()
                started = asyncio.get_running_loop().time()
                await client.send("GET /hello HTTP/1.1\r\n")
                reply = b""
                while not reply:
                    await client.send("X-Drip: 1\r\n")
                    try:
                        async with asyncio.timeout(0.02):
                            reply = await client.reader.read(2**16)
                    except TimeoutError:
                        continue
                assert reply.startswith(b"HTTP/1.1 408 ")
                assert asyncio.get_running_loop().time() - started < 10 * QUICK.head_seconds

        run_async(scenario())

    def test_a_body_that_does_not_come(self) -> None:
        async def scenario() -> None:
            async with serving({"/post": {"POST": big}}, QUICK) as served:
                client = await served.client()
                await client.send("POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n12")
                assert (await client.answer()).status == 408
                assert await client.closed() == b""

        run_async(scenario())

    def test_idle_after_a_request(self) -> None:
        async def scenario() -> None:
            async with serving(ROUTES, replace(QUICK, head_seconds=30)) as served:
                client = await served.client()
                await client.get("/hello")
                assert await client.closed() == b""

        run_async(scenario())

    def test_an_idle_connection_outlives_the_deadline_of_a_head(self) -> None:
        async def scenario() -> None:
            async with serving(ROUTES, replace(QUICK, idle_seconds=30)) as served:
                client = await served.client()
                for _ in range(3):
                    await client.get("/hello")
                    with pytest.raises(TimeoutError):
                        async with asyncio.timeout(1.5 * QUICK.head_seconds):
                            await client.reader.read(1)

        run_async(scenario())

    def test_a_client_that_never_reads(self) -> None:
        async def scenario() -> None:
            async with serving(WITH_BIG, QUICK) as served:
                [client] = await stuck_clients(served, 1)
                await reset(client)

        run_async(scenario())

    def test_a_small_response_that_nobody_reads(self) -> None:
        """It must be with the kernel to count as sent, and not only out of our sight."""

        def small(_request: Request) -> Response:
            return Response(200, bytes(50_000))

        async def scenario() -> None:
            limits = replace(QUICK, idle_seconds=60)
            async with serving({"/big": {"GET": small}}, limits, send_buffer=4096) as served:
                [client] = await stuck_clients(served, 1)
                await reset(client)

        run_async(scenario())

    def test_a_client_that_reads_a_little_gains_no_time(self) -> None:
        async def scenario() -> None:
            async with serving(WITH_BIG, QUICK) as served:
                client = await served.client(receive_buffer=4096)
                await client.send(GET_BIG)
                got = 0
                try:
                    while got < len(BIG):
                        got += len(await client.reader.readexactly(1000))
                        await asyncio.sleep(0.005)
                except (ConnectionResetError, asyncio.IncompleteReadError):
                    assert got < len(BIG)
                else:
                    pytest.fail("the server waited for all of it")

        run_async(scenario())


async def reset(client: Client) -> None:
    """Wait until the server has given the connection up, without reading from it."""
    with select.epoll() as errors_only:
        errors_only.register(client.writer.get_extra_info("socket").fileno(), 0)
        is_reset = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(errors_only, is_reset.set)
        try:
            async with asyncio.timeout(PATIENCE):
                await is_reset.wait()
        finally:
            loop.remove_reader(errors_only)


class TestPlaces:
    def test_500_idle_connections_keep_nobody_out(self) -> None:
        async def scenario() -> None:
            async with serving(ROUTES) as served:
                crowd = [await served.client() for _ in range(500)]
                # The longest idle gave way; those that came last have their places.
                assert [await client.closed() for client in crowd[:-144]] == [b""] * (500 - 144)
                assert (await crowd[-144].get("/hello")).status == 200
                assert (await served.get("/hello")).status == 200
                assert (await served.get("/-/healthy")).status == 200

        run_async(scenario())

    def test_a_burst_gets_no_place_more(self) -> None:
        """All at once in the backlog: each accepted before the one it displaces has ended."""

        async def scenario() -> None:
            async with serving(ROUTES, ClientLimits(connections=10, requests=9)) as served:
                burst = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(100)]
                for each in burst:
                    client = Client(*await asyncio.open_connection(sock=each))
                    served.clients.append(client)
                assert [await client.closed() for client in served.clients[:90]] == [b""] * 90
                assert (await served.clients[90].get("/hello")).status == 200

        run_async(scenario())

    def test_a_connection_in_use_is_not_the_longest_idle(self) -> None:
        async def scenario() -> None:
            async with serving(ROUTES, replace(QUICK, connections=4, requests=3)) as served:
                scraper = await served.client()
                for _ in range(10):
                    assert (await scraper.get("/hello")).status == 200
                    await (await served.client()).get("/hello")

        run_async(scenario())

    def test_half_requests_give_way_too(self) -> None:
        async def scenario() -> None:
            async with serving(ROUTES) as served:
                for _ in range(200):
                    await (await served.client()).send("GET /hello HTTP/1.1\r\nHost:")
                assert (await served.get("/hello")).status == 200

        run_async(scenario())

    def test_when_every_request_is_stuck_probes_are_still_answered(self) -> None:
        limits = ClientLimits(connections=6, requests=4)

        async def scenario() -> None:
            async with serving(WITH_BIG, limits) as served:
                await stuck_clients(served, 4)
                idle = [await served.client() for _ in range(10)]
                for _ in range(3):
                    assert (await served.get("/-/healthy")).status == 200
                    refused = await served.get("/hello")
                    assert (refused.status, refused.body) == (503, b"Too many requests\n")
                assert await idle[0].closed() == b""

        run_async(scenario())

    def test_a_place_is_free_again_when_its_client_is_given_up(self) -> None:
        limits = replace(QUICK, connections=4, requests=2)

        async def scenario() -> None:
            async with serving(WITH_BIG, limits) as served:
                for client in await stuck_clients(served, 2):
                    await reset(client)
                assert (await served.get("/hello")).status == 200

        run_async(scenario())

    def test_a_place_is_free_again_when_its_client_has_gone(self) -> None:
        async def scenario() -> None:
            async with serving(WITH_BIG, ClientLimits(connections=4, requests=2)) as served:
                for _ in range(5):
                    for client in await stuck_clients(served, 2):
                        await client.close()
                    status = 503
                    while status == 503:
                        status = (await served.get("/hello")).status
                    assert status == 200

        run_async(scenario())

    def test_responses_not_taken_are_bounded_in_memory(self) -> None:
        limits = ClientLimits(unsent_bytes=len(BIG) + 1)

        async def scenario() -> None:
            async with serving(WITH_BIG, limits) as served:
                await stuck_clients(served, 2)
                assert (await served.get("/big")).status == 503
                assert (await served.get("/-/healthy")).status == 200

        run_async(scenario())

    def test_pipelined_probes_that_nobody_reads_keep_nobody_out(self) -> None:
        async def scenario() -> None:
            async with serving(ROUTES, ClientLimits(connections=4, requests=3)) as served:
                for _ in range(4):
                    client = await served.client(receive_buffer=4096)
                    client.writer.transport.pause_reading()  # type: ignore[attr-defined]
                    probe = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"
                    client.writer.write(probe * 50_000)
                for _ in range(5):
                    assert (await served.get("/-/healthy")).status == 200
                    assert (await served.get("/hello")).status == 200

        run_async(scenario())


class TestDescriptors:
    """accept() fails with EMFILE. The limit is lowered for this process: nothing else makes it so."""

    def test_an_idle_connection_makes_room(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(http, "_ACCEPT_PAUSE", 0.05)

        async def scenario() -> None:
            async with serving(ROUTES) as served:
                idle = await served.client()
                await idle.get("/hello")
                client = socket.socket()
                client.setblocking(False)
                with no_more_descriptors():
                    loop = asyncio.get_running_loop()
                    await loop.sock_connect(client, ("127.0.0.1", served.port))
                    await loop.sock_sendall(client, GET_HELLO.encode())
                    async with asyncio.timeout(PATIENCE):
                        assert (await loop.sock_recv(client, 100)).startswith(b"HTTP/1.1 200 ")
                    assert await idle.closed() == b""
                client.close()

        run_async(scenario())
        messages = [each.getMessage() for each in caplog.records if each.levelno > logging.INFO]
        assert messages == [f"web: cannot accept connections: {os.strerror(errno.EMFILE)}, trying again"]
        caplog.clear()

    def test_without_room_it_waits_and_says_so_once(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Once in an episode: until there has been no such failure for a while."""
        monkeypatch.setattr(http, "_ACCEPT_PAUSE", 0.02)

        async def shortage(served: Served) -> None:
            client = socket.socket()
            client.setblocking(False)
            loop = asyncio.get_running_loop()
            with no_more_descriptors():
                await loop.sock_connect(client, ("127.0.0.1", served.port))
                await loop.sock_sendall(client, b"GET /hello HTTP/1.0\r\n\r\n")
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.2):
                        await loop.sock_recv(client, 1000)
            async with asyncio.timeout(PATIENCE):
                assert (await loop.sock_recv(client, 1000)).startswith(b"HTTP/1.1 200 ")
                assert await loop.sock_recv(client, 1000) == b""
            client.close()

        async def scenario() -> None:
            async with serving(ROUTES) as served:
                for _ in range(2):
                    await shortage(served)
                    assert len(caplog.records) == 1
                monkeypatch.setattr(http, "_LOG_AGAIN_AFTER", 0.0)
                await shortage(served)
                assert len(caplog.records) > 1

        run_async(scenario())
        caplog.clear()

    def test_ending_while_it_waits(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(http, "_ACCEPT_PAUSE", 0.02)

        async def scenario() -> None:
            with listening([Listen("127.0.0.1", 0)]) as [listener], socket.socket() as client:
                async with asyncio.TaskGroup() as tasks:
                    serve = tasks.create_task(http.HttpServer(ROUTES).serve([listener]))
                    client.setblocking(False)
                    with no_more_descriptors():
                        loop = asyncio.get_running_loop()
                        await loop.sock_connect(client, listener.getsockname())
                        while not caplog.records:
                            await asyncio.sleep(0)
                    serve.cancel()
                # If it had not given up for good, it would now accept, and have nobody to serve.
                await asyncio.sleep(0.1)

        run_async(scenario())
        caplog.clear()


@contextmanager
def no_more_descriptors() -> Iterator[None]:
    """Lowers RLIMIT_NOFILE to what is in use, so that the next open or accept fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.open("/dev/null", os.O_RDONLY)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class TestProtocol:
    @pytest.mark.parametrize(
        ("octets", "status"),
        [
            (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),  # a TLS client
            (b"GET /hello\r\n\r\n", 400),
            (b"GET /hello HTTP/1.1\r\n\r\n", 400),  # HTTP/1.1 without Host
            (b"GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
            (b"GET /hello HTTP/1.1\r\nHost: x\r\nX: \x00\r\n\r\n", 400),
            (b"GET /h\xc3\xa4 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
            (b"GET /hello HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
            (b"GET /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
            (b"GET /hello HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
            (b"POST /hello HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n", 400),
            (b"GET /" + b"a" * 20_000, 431),
            (b"GET /hello HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 5_000, 431),
            (b"GET /hello HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 1_000_000, 431),
            (b"POST /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 70000\r\n\r\n" + b"a" * 70_000, 413),
        ],
    )  # fmt: skip
    def test_what_is_no_request_gets_its_status_and_the_end(self, octets: bytes, status: int) -> None:
        async def scenario() -> None:
            async with serving(ROUTES) as served:
                client = await served.client()
                client.writer.write(octets)
                answer = await client.answer()
                assert (answer.status, answer.headers["connection"]) == (status, "close")
                await client.closed_gently()
                assert (await served.get("/hello")).status == 200

        run_async(scenario())

    def test_requests_before_the_broken_one_are_answered(self) -> None:
        async def scenario() -> None:
            async with serving(ROUTES) as served:
                client = await served.client()
                await client.send(GET_HELLO, GET_HELLO, "\x00\x01\r\n\r\n")
                assert [(await client.answer()).status for _ in range(3)] == [200, 200, 400]
                assert await client.closed() == b""

        run_async(scenario())

    def test_a_client_that_resets_at_once(self) -> None:
        async def scenario() -> None:
            async with serving(ROUTES) as served:
                for sent in (b"", b"GET /he", GET_HELLO.encode(), GET_HELLO.encode() * 100):
                    with socket.create_connection(("127.0.0.1", served.port)) as client:
                        client.sendall(sent)
                        no_lingering = struct.pack("ii", 1, 0)
                        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_lingering)
                assert (await served.get("/hello")).status == 200

        run_async(scenario())


class TestFuzz:
    """300 clients that send anything; the server says something that h11 understands, or hangs up."""

    def test_anything_may_come(self) -> None:
        async def scenario() -> None:
            async with serving(WITH_BIG, replace(QUICK, head_seconds=0.05)) as served:
                for _ in range(30):
                    async with asyncio.TaskGroup() as tasks:
                        for _ in range(10):
                            tasks.create_task(converse(served.port, octets()))
                assert (await served.get("/hello")).status == 200

        run_async(scenario(), timeout=30)


async def converse(port: int, sent: bytes) -> None:
    """Send in pieces, read to the end, and see whether it is HTTP."""
    client = await Client.to(port)
    try:
        cut = random.randrange(len(sent) + 1)
        for piece in (sent[:cut], sent[cut:]):
            client.writer.write(piece)
            await asyncio.sleep(0)
        if random.random() < 0.5:
            client.writer.write_eof()
        understand(await client.closed())
    finally:
        await client.close()


def understand(received: bytes) -> None:
    while received:
        theirs = h11.Connection(h11.CLIENT)
        theirs.send(h11.Request(method="GET", target="/", headers=[("Host", "x")]))
        theirs.send(h11.EndOfMessage())
        theirs.receive_data(received)
        while (event := theirs.next_event()) is not h11.NEED_DATA:
            if isinstance(event, h11.Response):
                assert event.status_code < 500 or event.status_code == 501
            if isinstance(event, h11.EndOfMessage):
                break
        else:
            return  # the server hung up within a response: a reset took the rest
        received = theirs.trailing_data[0]


def octets() -> bytes:
    kind = random.randrange(4)
    if kind == 0:
        return random.randbytes(random.randrange(1, 3000))
    requests = [
        b"%b %b HTTP/1.%d\r\nHost: x\r\n%b\r\n"
        % (
            random.choice([b"GET", b"GET", b"POST", b"PUT", b"OPTIONS"]),
            random.choice([b"/hello", b"/-/healthy", b"/none", b"*"]),
            random.randrange(2),
            random.choice(
                [
                    b"",
                    b"Connection: close\r\n",
                    b"Content-Length: 3\r\n",
                    b"Transfer-Encoding: chunked\r\n",
                    b"Expect: 100-continue\r\nContent-Length: 9\r\n",
                    b"Accept-Encoding: gzip;q=x,,;\r\n",
                ]
            ),
        )
        for _ in range(random.randrange(1, 6))
    ]
    mutant = bytearray(b"".join(requests))
    if kind == 1:
        return bytes(mutant)
    if kind == 2:
        return bytes(mutant[: random.randrange(len(mutant))])
    for _ in range(random.randrange(1, 8)):
        at = random.randrange(len(mutant))
        match random.randrange(3):
            case 0:
                mutant[at] = random.randrange(256)
            case 1:
                del mutant[at : at + random.randrange(4)]
            case _:
                mutant[at:at] = random.randbytes(random.randrange(4))
        mutant = mutant or bytearray(b"\n")
    return bytes(mutant)
