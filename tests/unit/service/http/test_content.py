"""Long contents: one rendering for all who ask, in little memory, and never in anybody's way."""

from __future__ import annotations

import asyncio
import gzip
import math
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowatch.core.limits.http import WEB_REQUESTS, WEB_UNSENT_BYTES
from lowatch.files.threads import NoThreadError
from lowatch.service.http import content as http_content
from lowatch.service.http import server as http
from lowatch.service.http.connection import ClientLimits
from lowatch.service.http.content import Content, Encoded, Encodings, rendered
from lowatch.service.http.message import Request, Response, Routes, text
from tests.support.aio import run_async
from tests.unit.service.http.test_server_hostile import reset
from tests.unit.service.http_clients import ROUTES, Answer, Served, serving

GZIP = "Accept-Encoding: gzip"
LINE = b'lo_orphan_vip{interface="lo",address="192.0.2.10",domain="%b",port="443",protocol="tcp"} 0\n'


class Shown:
    """Something long that is there to be shown, and changes. made: how often it was rendered."""

    def __init__(self, pieces: int = 20) -> None:
        self.state = object()
        self.made = 0
        self._pieces = pieces
        self._piece = b"".join(LINE % b"%d.example.com" % number for number in range(500))

    def change(self) -> None:
        self.state = object()

    def pieces(self) -> Iterator[bytes]:
        self.made += 1
        for _ in range(self._pieces):
            yield self._piece
            yield b""

    @property
    def content(self) -> Content:
        return Content("shown", "text", lambda: self.state, self.pieces, lambda: b"made %d\n" % self.made)

    def routes(self) -> Routes:
        def show(_request: Request) -> Response:
            return Response(content=self.content)

        return {**ROUTES, "/long": {"GET": show}}


@given(st.lists(st.binary(max_size=300), max_size=5), st.binary(max_size=300))
def test_gzipped_it_is_one_member_whatever_the_tail(pieces: list[bytes], tail: bytes) -> None:
    async def made() -> Encoded:
        encoded = Encoded(None, 0.0, gzip=True)
        await encoded.make(iter(pieces))
        return encoded

    encoded = asyncio.run(made())
    whole = b"".join([*encoded.chunks, encoded.end(tail)])
    assert gzip.decompress(whole) == b"".join(pieces) + tail
    assert encoded.size == sum(map(len, encoded.chunks))
    if pieces:
        assert gzip.decompress(b"".join([*encoded.chunks, encoded.end(b"another")])).endswith(b"another")


def test_gzip_itself_agrees() -> None:
    async def fetched() -> bytes:
        async with serving(Shown().routes()) as served:
            return (await served.get("/long", GZIP)).body

    done = subprocess.run(["gzip", "-dc"], input=run_async(fetched()), capture_output=True, check=True)
    assert done.stdout.count(b"\n") == 10_001


def test_a_hundred_who_ask_at_once_share_one_and_a_probe_waits_for_none() -> None:
    """90,000 series. Bounds are wide, for the clients share this loop, and the machine."""
    shown = Shown(pieces=180)
    sizes = []
    probes = []

    async def scenario() -> None:
        async with serving(shown.routes()) as served:
            clients = [await served.client() for _ in range(128)]
            prober = await served.client()

            async def probe() -> None:
                while True:
                    began = time.monotonic()
                    assert (await prober.get("/-/healthy")).status == 200
                    probes.append(time.monotonic() - began)
                    sizes.append(served.server._encodings.size)
                    await asyncio.sleep(0.005)

            async with asyncio.TaskGroup() as group:
                probing = group.create_task(probe())
                answers = await asyncio.gather(*(client.get("/long", GZIP) for client in clients))
                probing.cancel()
            assert {answer.status for answer in answers} == {200}
            assert len({answer.body for answer in answers}) == 1

    run_async(scenario(), 30)
    assert shown.made == 1
    assert max(sizes) < 4 << 20
    assert sorted(probes)[len(probes) // 2] < 2


def test_who_comes_while_it_is_made_of_what_was_before_gets_the_next_and_all_share_that() -> None:
    """Never older than the request: a scrape after an event shows it."""
    shown = Shown()

    async def scenario() -> None:
        encodings = Encodings()
        async with asyncio.TaskGroup() as group:
            first = [group.create_task(encodings.encode(shown.content, gzip=True)) for _ in range(5)]
            while not encodings.size:
                await asyncio.sleep(0)
            shown.change()
            later = [group.create_task(encodings.encode(shown.content, gzip=True)) for _ in range(5)]
        assert len({id(task.result()[0]) for task in first}) == 1
        assert len({id(task.result()[0]) for task in later}) == 1
        assert shown.made == 2

    run_async(scenario())


def test_it_is_kept_until_there_is_a_newer_one() -> None:
    shown = Shown()

    async def scenario() -> list[Answer]:
        async with serving(shown.routes()) as served:
            answers = [await served.get("/long", GZIP) for _ in range(2)]
            shown.change()
            return [*answers, await served.get("/long", GZIP)]

    answers = run_async(scenario())
    assert [gzip.decompress(answer.body)[-7:] for answer in answers] == [
        b"made 1\n",
        b"made 1\n",
        b"made 2\n",
    ]


def test_a_large_one_is_not_kept() -> None:
    shown = Shown()

    async def scenario() -> None:
        encodings = Encodings(kept_bytes=1000)
        encoded, _ = await encodings.encode(shown.content, gzip=False)
        assert encodings.size == encoded.size > 1000
        again, _ = await encodings.encode(shown.content, gzip=False)
        assert again is encoded
        del encoded, again
        assert encodings.size == 0
        await encodings.encode(shown.content, gzip=False)

    run_async(scenario())
    assert shown.made == 2


def test_what_never_lasts_is_not_kept() -> None:
    shown = Shown()

    async def scenario() -> None:
        encodings = Encodings()
        content = replace(shown.content, state=object, lasting=False)
        await encodings.encode(content, gzip=True)
        assert encodings.size == 0

    run_async(scenario())


@pytest.mark.parametrize("refused", [False, True])
def test_many_rows_are_rendered_by_a_thread_where_there_is_one(
    refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = []

    def render() -> bytes:
        threads.append(threading.current_thread() is threading.main_thread())
        return b"a row\n" * 20_000

    async def no_thread(_render: Callable[[], bytes]) -> bytes:
        raise NoThreadError("no thread")

    async def scenario() -> None:
        encodings = Encodings()
        for rows in (500, 501):
            content = Content(f"page {rows}", "", object, lambda rows=rows: rendered(render, rows))  # type: ignore[misc]
            encoded, end = await encodings.encode(content, gzip=True)
            assert gzip.decompress(b"".join([*encoded.chunks, end])) == render()

    if refused:
        monkeypatch.setattr(http_content, "in_thread", no_thread)
    run_async(scenario())
    assert threads[::2] == [True, refused]


def test_where_the_one_who_makes_it_goes_another_does() -> None:
    shown = Shown()

    async def scenario() -> None:
        encodings = Encodings()
        async with asyncio.TaskGroup() as group:
            first = group.create_task(encodings.encode(shown.content, gzip=False))
            second = group.create_task(encodings.encode(shown.content, gzip=False))
            while not encodings.size:
                await asyncio.sleep(0)
            first.cancel()
        assert second.result()[0].size == sum(map(len, shown.pieces()))

    run_async(scenario())


def test_plain_and_gzipped_and_head_tell_the_same_length() -> None:
    shown = Shown()

    async def scenario() -> None:
        async with serving(shown.routes()) as served:
            plain = await served.get("/long")
            packed = await served.get("/long", GZIP)
            assert gzip.decompress(packed.body).split(b"made")[0] == plain.body.split(b"made")[0]
            for answer, headers in ((plain, ()), (packed, (GZIP,))):
                head = await served.get("/long", *headers, method="HEAD")
                assert head.headers["content-length"] == str(len(answer.body))
                assert head.headers["vary"] == "Accept-Encoding"

    run_async(scenario())


def test_many_requests_at_once_are_begun_one_in_a_turn_of_the_loop() -> None:
    begun = 0

    def slow(_request: Request) -> Response:
        nonlocal begun
        begun += 1
        time.sleep(0.005)
        return text(200)

    async def scenario() -> int:
        async with serving({**ROUTES, "/slow": {"GET": slow}}) as served:
            clients = [await served.client() for _ in range(100)]
            prober = await served.client()
            for client in (*clients, prober):
                await client.get("/hello")
            for client in clients:
                client.writer.write(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
            await prober.get("/-/healthy")
            meanwhile = begun
            for client in clients:
                assert (await client.answer()).status == 200
            return meanwhile

    assert run_async(scenario()) < 30


async def until_stuck(served: Served, count: int) -> None:
    """Until so many are being sent what they do not take."""
    while [one.waits_since < math.inf for one in served.server._busy.values()] != [True] * count:
        await asyncio.sleep(0)


class TestClientsThatStopReading:
    """They lose their places to those who come, the longest stalled first."""

    ASK = "GET /long HTTP/1.1\r\nHost: x\r\n\r\n"

    @pytest.fixture(autouse=True)
    def soon(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(http, "_STALLED_AFTER", 0.2)

    def answered(self, limits: ClientLimits, stuck: int) -> Answer:
        """What a newcomer gets, where so many have long stopped reading."""
        shown = Shown(pieces=200)  # 9 MB, more than the kernel buffers

        async def scenario() -> Answer:
            async with serving(shown.routes(), limits, send_buffer=4096) as served:
                clients = [await served.client(receive_buffer=4096) for _ in range(stuck)]
                for client in clients:
                    client.writer.transport.pause_reading()  # type: ignore[attr-defined]
                    await client.send(self.ASK)
                    await until_stuck(served, clients.index(client) + 1)
                    shown.change()
                async with asyncio.timeout(10):
                    while (answer := await served.get("/hello")).status == 503:
                        await asyncio.sleep(0.02)
                    await reset(clients[0])
                    return answer

        return run_async(scenario(), 20)

    def test_where_all_places_are_taken(self) -> None:
        before = WEB_REQUESTS.times
        assert self.answered(ClientLimits(connections=10, requests=4), 4).status == 200
        assert WEB_REQUESTS.times > before

    def test_where_there_is_too_much_that_nobody_takes(self) -> None:
        before = WEB_UNSENT_BYTES.times
        assert self.answered(ClientLimits(unsent_bytes=20 << 20), 3).status == 200
        assert WEB_UNSENT_BYTES.times > before

    def test_before_that_a_client_is_asked_to_retry(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(http, "_STALLED_AFTER", 60.0)
        shown = Shown(pieces=200)

        async def scenario() -> Answer:
            async with serving(shown.routes(), ClientLimits(connections=10, requests=2)) as served:
                for _ in range(2):
                    client = await served.client(receive_buffer=4096)
                    client.writer.transport.pause_reading()  # type: ignore[attr-defined]
                    await client.send(self.ASK)
                await until_stuck(served, 2)
                assert (await served.get("/-/healthy")).status == 200
                return await served.get("/hello")

        answer = run_async(scenario())
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
