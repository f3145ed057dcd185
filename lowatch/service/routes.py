"""What the daemon's web server answers, path by path. All of it is in memory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from lowatch.core.audit import Audit
from lowatch.report import json_report, page
from lowatch.report.metrics_text import CONTENT_TYPE as METRICS_CONTENT_TYPE

from .http_message import Handler, Request, Response, Routes, text

NOT_READY = "Not ready: the first full audit is not done"


@dataclass(frozen=True, slots=True)
class Pages:
    """Where the routes get what they show.

    audit: the last one, None before the first. ready: whether a full one has been made.
    metrics: the exposition. version: lowatch's own.
    reload: loads the configuration anew; returns "", or what is wrong with it, one error per line.
        None where reloading over HTTP is not enabled.
    """

    audit: Callable[[], Audit | None]
    ready: Callable[[], bool]
    metrics: Callable[[], bytes]
    version: str
    reload: Callable[[], Awaitable[str]] | None = None


def build_routes(pages: Pages, telemetry_path: str) -> Routes:
    """Make them anew when the configuration changes, and hand them to HttpServer.routes."""

    def status_page(_request: Request) -> Response:
        body = page.render(pages.audit(), version=pages.version, telemetry_path=telemetry_path)
        policy = ("Content-Security-Policy", page.CONTENT_SECURITY_POLICY)
        return Response(200, body, "text/html; charset=utf-8", (policy,))

    def metrics(_request: Request) -> Response:
        return Response(200, pages.metrics(), METRICS_CONTENT_TYPE)

    def healthy(_request: Request) -> Response:
        return text(200, "Healthy")

    def ready(_request: Request) -> Response:
        return text(200, "Ready") if pages.ready() else text(503, NOT_READY)

    async def reload(_request: Request) -> Response:
        if pages.reload is None:
            return text(403, "Reloading over HTTP is not enabled: web.enable_reload")
        error = await pages.reload()
        return text(500, error) if error else text(200, "Reloaded")

    return {
        "/": {"GET": status_page},
        "/-/healthy": {"GET": healthy},
        "/-/ready": {"GET": ready},
        "/-/reload": {"POST": reload},
        "/api/v1/audit": {"GET": _json(pages.audit, json_report.render_audit)},
        "/api/v1/findings": {"GET": _json(pages.audit, json_report.render_findings)},
        telemetry_path: {"GET": metrics},  # last: with "/" it takes the status page's place
    }


def _json(audit: Callable[[], Audit | None], render: Callable[[Audit], bytes]) -> Handler:
    """Rendered once for each audit, however many ask for it."""
    rendered: tuple[Audit, bytes] | None = None

    def show(_request: Request) -> Response:
        nonlocal rendered
        last = audit()
        if last is None:
            return text(503, NOT_READY)
        if rendered is None or rendered[0] is not last:
            rendered = last, render(last)
        return Response(200, rendered[1], "application/json")

    return show
