from __future__ import annotations

import json
from collections.abc import Awaitable
from dataclasses import replace

import pytest

from lowatch.report import json_report
from lowatch.report.metrics.exposition import Format
from lowatch.report.status import ReloadOutcome
from lowatch.service.http.content import Content
from lowatch.service.http.message import Request, Response, find_handler
from lowatch.service.http.routes import (
    Pages,
    build_routes,
)
from lowatch.service.http.server import PROBES
from tests.support.aio import run_async
from tests.unit.report.audit_worlds import bad_night
from tests.unit.service.given_pages import GivenAudits, GivenMetrics, GivenReload

WORLD = bad_night()


def metrics(form: Format) -> Content:
    return Content("metrics", form.name, bad_night, lambda: iter([b"a 1\n"]), form.end.encode)


PAGES = Pages(audits=GivenAudits(WORLD), metrics=GivenMetrics(metrics), version="1.2.3")
STARTING = replace(PAGES, audits=GivenAudits(None, ready=False))


def ask(
    pages: Pages, path: str, method: str = "GET", *, telemetry_path: str = "/metrics", **headers: str
) -> Response:
    """The response as a handler gives it, its content being its body."""

    async def answer() -> Response:
        request = Request(method, path, headers=headers)
        found = find_handler(build_routes(pages, telemetry_path), request)
        if isinstance(found, Response):
            return found
        response = found(request)
        return await response if isinstance(response, Awaitable) else response

    response = run_async(answer())
    if response.content is None:
        return response
    whole = b"".join([*response.content.pieces(), response.content.tail()])
    return replace(response, content=None, body=whole)


def test_metrics_are_declared_as_the_text_format() -> None:
    response = ask(PAGES, "/metrics")
    assert response.body == b"a 1\n"
    assert response.content_type == "text/plain; version=0.0.4; charset=utf-8"


def test_metrics_are_openmetrics_for_who_asks_for_it() -> None:
    response = ask(PAGES, "/metrics", accept="application/openmetrics-text;version=1.0.0")
    assert response.body == b"a 1\n# EOF\n"
    assert response.content_type == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert response.headers == ask(PAGES, "/metrics").headers == (("Vary", "Accept"),)


def test_the_telemetry_path_is_configured() -> None:
    assert ask(PAGES, "/lowatch/metrics", telemetry_path="/lowatch/metrics").body == b"a 1\n"
    assert ask(PAGES, "/metrics", telemetry_path="/lowatch/metrics").status == 404


def test_metrics_at_the_root_take_the_status_pages_place() -> None:
    assert ask(PAGES, "/", telemetry_path="/").body == b"a 1\n"


def test_metrics_and_the_status_page_are_there_before_the_first_audit() -> None:
    assert ask(STARTING, "/metrics").status == 200
    page = ask(STARTING, "/")
    assert page.status == 200
    assert b"not done yet" in page.body


def test_the_status_page_is_html_that_may_load_nothing() -> None:
    response = ask(PAGES, "/")
    assert response.content_type == "text/html; charset=utf-8"
    policy = dict(response.headers)["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy


def test_healthy_as_soon_as_it_answers() -> None:
    assert ask(STARTING, "/-/healthy").status == 200


def test_ready_after_the_first_full_audit() -> None:
    assert ask(STARTING, "/-/ready").status == 503
    assert ask(PAGES, "/-/ready").status == 200


def test_the_probes_have_their_places() -> None:
    assert set(build_routes(PAGES, "/metrics")) >= PROBES


def test_the_api_is_the_json_of_check() -> None:
    for path, render in (
        ("/api/v1/audit", json_report.render_audit),
        ("/api/v1/findings", json_report.render_findings),
    ):
        response = ask(PAGES, path)
        assert response.body == render(bad_night())
        assert response.content_type == "application/json"
        assert json.loads(response.body)["schema"] == 1


@pytest.mark.parametrize("path", ["/api/v1/audit", "/api/v1/findings"])
def test_the_api_has_nothing_before_the_first_audit(path: str) -> None:
    assert ask(STARTING, path).status == 503


class TestReload:
    def test_forbidden_unless_enabled(self) -> None:
        assert ask(PAGES, "/-/reload", "POST").status == 403

    def test_by_post_only(self) -> None:
        for method in ("GET", "HEAD", "PUT"):
            response = ask(PAGES, "/-/reload", method)
            assert (response.status, response.headers) == (405, (("Allow", "POST"),))

    def test_waits_for_the_outcome(self) -> None:
        reloads = 0

        async def reload() -> ReloadOutcome:
            nonlocal reloads
            reloads += 1
            return ReloadOutcome()

        response = ask(replace(PAGES, reload=GivenReload(reload)), "/-/reload", "POST")
        assert (response.status, response.body) == (200, b"Reloaded\n")
        assert reloads == 1

    def test_tells_what_takes_a_restart(self) -> None:
        async def reload() -> ReloadOutcome:
            return ReloadOutcome(pending=("web.listen takes a restart", "journal.enabled takes a restart"))

        response = ask(replace(PAGES, reload=GivenReload(reload)), "/-/reload", "POST")
        said = b"Reloaded\nweb.listen takes a restart\njournal.enabled takes a restart\n"
        assert (response.status, response.body) == (200, said)

    def test_fails_with_every_error(self) -> None:
        async def reload() -> ReloadOutcome:
            return ReloadOutcome("lowatch.toml:3: ports: 70000\nlowatch.toml:9: hold: 'soon'")

        response = ask(replace(PAGES, reload=GivenReload(reload)), "/-/reload", "POST")
        assert response.status == 500
        assert response.body.decode().splitlines() == [
            "lowatch.toml:3: ports: 70000",
            "lowatch.toml:9: hold: 'soon'",
        ]


@pytest.mark.parametrize("path", ["/favicon.ico", "/api", "/api/v1/", "/-/", "/-/quit"])
def test_anything_else_is_not_found(path: str) -> None:
    assert ask(PAGES, path).status == 404


@pytest.mark.parametrize("path", ["/", "/metrics", "/-/healthy", "/-/ready", "/api/v1/audit"])
def test_what_is_read_cannot_be_written(path: str) -> None:
    response = ask(PAGES, path, "POST")
    assert (response.status, response.headers) == (405, (("Allow", "GET, HEAD"),))
