"""What the control socket answers, over the socket itself, and with clients of every kind."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from lowatch.report import json_report, status
from lowatch.report.status import ReloadOutcome
from lowatch.report.text import status as status_text
from lowatch.service.http.control_socket import CONTROL_LIMITS
from tests.support.aio import run_async
from tests.unit.report.audit_worlds import bad_night
from tests.unit.service.control_clients import Controlled
from tests.unit.service.given_pages import GivenAudits, GivenReload
from tests.unit.service.http_clients import PATIENCE, ROUTES, Answer, serving


@pytest.fixture
def controlled(tmp_path: Path) -> Controlled:
    return Controlled(tmp_path)


def ask(controlled: Controlled, path: str, method: str = "GET") -> Answer:
    async def scenario() -> Answer:
        async with controlled.served():
            return await controlled.get(path, method=method)

    return run_async(scenario())


@pytest.mark.parametrize("path", ["/-/status", "/-/status?format=json", "/-/status?format=json&width=9"])
def test_the_status_as_json(controlled: Controlled, path: str) -> None:
    answer = ask(controlled, path)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.body == status.render_json(controlled.shown)
    assert json.loads(answer.body)["schema"] == 1


@pytest.mark.parametrize(
    ("query", "colour", "width"), [("", False, 80), ("&width=60&colour=yes", True, 60)]
)
def test_the_status_as_text(controlled: Controlled, query: str, colour: bool, width: int) -> None:
    answer = ask(controlled, f"/-/status?format=text{query}")
    assert answer.status == 200
    assert answer.body.decode() == status_text.render(controlled.shown, colour=colour, width=width)


@pytest.mark.parametrize(
    "query", ["format=xml", "format=text&width=x", "format=text&width=0", "format=text&width=" + "9" * 9000]
)
def test_a_query_that_makes_no_sense(controlled: Controlled, query: str) -> None:
    assert ask(controlled, f"/-/status?{query}").status == 400


def test_the_audit_and_the_findings_as_on_the_web(controlled: Controlled) -> None:
    assert ask(controlled, "/api/v1/audit").body == json_report.render_audit(bad_night())
    assert ask(controlled, "/api/v1/findings").body == json_report.render_findings(bad_night())
    controlled.pages = replace(controlled.pages, audits=GivenAudits(None))
    assert ask(controlled, "/api/v1/audit").status == 503


def test_reload_fails_with_every_error(controlled: Controlled) -> None:
    async def refused() -> ReloadOutcome:
        return ReloadOutcome("lowatch.toml:3: ports: 70000\nlowatch.toml:9: hold: 'soon'")

    assert ask(controlled, "/-/reload", "POST")[::2] == (200, b"Reloaded\n")
    controlled.pages = replace(controlled.pages, reload=GivenReload(refused))
    answer = ask(controlled, "/-/reload", "POST")
    assert (answer.status, answer.body.count(b"\n")) == (500, 2)


@pytest.mark.parametrize(
    ("path", "method", "code"),
    [
        ("/-/reload", "GET", 405),
        ("/-/status", "POST", 405),
        ("/metrics", "GET", 404),
        ("/", "GET", 404),
    ],
)
def test_anything_else_is_refused(controlled: Controlled, path: str, method: str, code: int) -> None:
    assert ask(controlled, path, method).status == code


def test_silent_peers_keep_nobody_out(controlled: Controlled) -> None:
    async def scenario() -> None:
        async with controlled.served():
            silent = [await controlled.client() for _ in range(3 * CONTROL_LIMITS.connections)]
            async with asyncio.timeout(PATIENCE):
                assert (await controlled.get("/-/status")).status == 200
            await silent[0].closed_gently()  # the longest idle gave its place away

    run_async(scenario())


def test_the_status_is_reported_while_reloads_hang(controlled: Controlled) -> None:
    """No more reloads wait than have places, and none of them keeps the status away."""
    ended = asyncio.Event()

    async def hang() -> ReloadOutcome:
        await ended.wait()
        return ReloadOutcome()

    controlled.pages = replace(controlled.pages, reload=GivenReload(hang))

    async def scenario() -> None:
        async with controlled.served(), asyncio.TaskGroup() as reloads:
            waiting = [
                reloads.create_task(controlled.get("/-/reload", method="POST"))
                for _ in range(CONTROL_LIMITS.requests + 1)
            ]
            [refused], _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            assert refused.result().status == 503
            assert (await controlled.get("/-/status")).status == 200
            ended.set()
            assert [task.result().status for task in waiting if await task].count(
                200
            ) == CONTROL_LIMITS.requests

    run_async(scenario())


def test_a_huge_request_is_refused(controlled: Controlled) -> None:
    async def scenario() -> None:
        async with controlled.served():
            client = await controlled.client()
            await client.send("GET /", "x" * (CONTROL_LIMITS.head_bytes * 2))
            assert (await client.answer()).status == 431
            await client.closed()

    run_async(scenario())


def test_clients_of_the_web_take_no_place_from_it_and_the_reverse(controlled: Controlled) -> None:
    async def scenario() -> None:
        async with controlled.served(), serving(ROUTES) as web:
            of_the_web = [await web.client() for _ in range(150)]
            before = await controlled.client()
            for _ in range(CONTROL_LIMITS.connections - 1):
                await controlled.client()
            assert (await before.get("/-/status")).status == 200
            assert (await of_the_web[-1].get("/hello")).status == 200
            kept = of_the_web[-100:]
            assert [(await client.get("/hello")).status for client in kept] == [200] * len(kept)

    run_async(scenario())
