"""Subscribing to a monitor: over a real socket, with an obliging and with a hostile peer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from lowatch.core.name_sources import NameSource
from lowatch.service.lookups import resolved_subscriber
from lowatch.service.lookups.resolved_subscriber import ResolvedSubscriber
from lowatch.wire.lookup import Lookup
from lowatch.wire.resolved_monitor import SUBSCRIBE
from tests.support.aio import run_async
from tests.unit.service.lookups.collected import VIP, Collected

READY = b'{"parameters":{"ready":true},"continues":true}\0'
REPORT = (
    b'{"parameters":{"state":"success","question":[{"class":1,"type":1,"name":"www.example.com"}],"answer":'
    b'[{"rr":{"key":{"class":1,"type":1,"name":"www.example.com"},"address":[192,0,2,10]}}]},'
    b'"continues":true}\0'
)
WWW = (Lookup("www.example.com", (VIP,)), NameSource.RESOLVED)
Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolved_subscriber, "_RETRY_FIRST", 0.01)
    monkeypatch.setattr(resolved_subscriber, "_RETRY_LAST", 0.01)


class Scene:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.sink = Collected()
        self.subscriber = ResolvedSubscriber(self.sink, [path.with_name("proxy"), path])

    @asynccontextmanager
    async def subscribed(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(self.subscriber.run())
            yield
            running.cancel()

    @asynccontextmanager
    async def resolved(self, behaviour: Behaviour, path: Path | None = None) -> AsyncIterator[None]:
        conversations: set[asyncio.Task[Any]] = set()

        async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            conversations.add(task)
            try:
                assert await reader.readexactly(len(SUBSCRIBE)) == SUBSCRIBE
                await behaviour(reader, writer)
            except (ConnectionError, asyncio.IncompleteReadError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_unix_server(converse, path or self.path)
        try:
            yield
        finally:
            server.close()
            for task in conversations:
                task.cancel()
            await asyncio.gather(*conversations, return_exceptions=True)
            await server.wait_closed()

    async def problem(self, text: str) -> None:
        async with asyncio.timeout(30):
            while text not in self.subscriber.problem:
                await asyncio.sleep(0.005)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path / "monitor")


async def oblige(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    for one in (READY, REPORT[:40], REPORT[40:] + REPORT):
        writer.write(one)
        await writer.drain()
    await reader.read()


def sends(octets: bytes) -> Behaviour:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(octets)
        await writer.drain()
        await reader.read()

    return behave


def test_lookups_are_passed_on(scene: Scene) -> None:
    async def scenario() -> None:
        async with scene.resolved(oblige), scene.subscribed():
            await scene.sink.until(2)
            assert scene.subscriber.problem == ""

    run_async(scenario())
    assert scene.sink.found == [WWW, WWW]


def test_the_proxy_comes_first(scene: Scene) -> None:
    async def scenario() -> None:
        async with (
            scene.resolved(sends(b'{"error":"no"}\0')),
            scene.resolved(oblige, scene.path.with_name("proxy")),
            scene.subscribed(),
        ):
            await scene.sink.until(2)

    run_async(scenario())


def test_it_subscribes_again_after_a_restart_and_says_what_may_be_missing(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    async def once(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(READY + REPORT)

    async def scenario() -> None:
        async with scene.resolved(once), scene.subscribed():
            await scene.sink.until(3)
            await scene.problem("")

    with caplog.at_level("INFO"):
        run_async(scenario())
    lines = [record.getMessage() for record in caplog.records]
    assert lines[:2] == [
        "resolved: the connection ended: lookups may be missed, connecting again, continuing",
        "resolved: lookups are reported again",
    ]


@pytest.mark.parametrize(
    ("octets", "problem"),
    [
        (
            b'{"error":"io.systemd.InteractiveAuthenticationRequired","parameters":{}}\0',
            "resolved: permission denied (see `lowatch setup resolved`)",
        ),
        (b'{"error":"' + b"x" * 200_000 + b'"}\0', f"resolved: {'x' * 200}"),
        (b'{"error":"no\\n\\u001b[31m"}\0', "resolved: no\\x0a\\x1b[31m"),
        (READY + b'{"ready":\0', "resolved: it sent a message that is not JSON"),
        (READY + b"[" * 300_000, "resolved: it sent a message of more than 262,144 octets"),
    ],
)
def test_what_goes_wrong_is_a_problem(scene: Scene, octets: bytes, problem: str) -> None:
    async def scenario() -> None:
        async with scene.resolved(sends(octets)), scene.subscribed():
            await scene.problem(problem)
            assert scene.subscriber.problem == problem

    run_async(scenario())


def test_one_that_ends_as_soon_as_it_is_ready_is_asked_more_and_more_rarely(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(resolved_subscriber, "_RETRY_LAST", 60.0)

    async def once(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(READY)

    async def scenario() -> None:
        async with scene.resolved(once), scene.subscribed():
            await asyncio.sleep(1.0)

    run_async(scenario())
    assert 1 <= len(caplog.records) <= 7, "0.01 s + 0.02 s + ... + 0.64 s"


def test_where_it_does_not_run(scene: Scene) -> None:
    async def scenario() -> None:
        async with scene.subscribed():
            await scene.problem("resolved: it does not run, or reports no lookups")
            async with scene.resolved(oblige):
                await scene.sink.until(1)

    run_async(scenario())


def test_one_that_never_says_it_is_ready(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolved_subscriber, "_READY_WITHIN", 0.05)

    async def scenario() -> None:
        async with scene.resolved(sends(b"{}\0")), scene.subscribed():
            await scene.problem("resolved: no answer")

    run_async(scenario())


def test_a_subscription_may_be_silent_for_long(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolved_subscriber, "_READY_WITHIN", 0.3)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(READY)
        await asyncio.sleep(0.6)
        writer.write(REPORT)
        await reader.read()

    async def scenario() -> None:
        async with scene.resolved(silent), scene.subscribed():
            await scene.sink.until(1)

    run_async(scenario())
    assert scene.subscriber.problem == ""
