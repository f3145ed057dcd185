"""The routes of the daemon's two servers, web and control. Everything they show is in memory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import parse_qs

from lowatch.core.audit import Audit
from lowatch.report import json_report, page, status
from lowatch.report.metrics.exposition import Format
from lowatch.report.reload import (
    ReloadOutcome,
)
from lowatch.report.text import status as status_text

from .content import Content, rendered
from .guard import Hosts
from .message import Handler, Request, Response, Routes, text

NOT_READY = "Not ready: the first full audit is not done"
STATUS_PATH = "/-/status"
_WIDTHS = frozenset(map(str, range(20, 1001)))


Reload = Callable[[], Awaitable[ReloadOutcome]]
"""Reloads the configuration."""


@dataclass(frozen=True, slots=True)
class Pages:
    """What the web server's routes show.

    audit: the last one, None before the first. ready: whether a full audit has been made.
    metrics: the exposition in a format. version: lowatch's. hosts: the names of this host.
    reload: None if reloading over HTTP is not enabled.
    """

    audit: Callable[[], Audit | None]
    ready: Callable[[], bool]
    metrics: Callable[[Format], Content]
    version: str
    hosts: Hosts = field(default_factory=Hosts)
    reload: Reload | None = None


@dataclass(frozen=True, slots=True)
class ControlPages:
    """What the control socket's routes show. audit: as in Pages. status: the current one."""

    audit: Callable[[], Audit | None]
    status: Callable[[], status.DaemonStatus]
    reload: Reload


def build_routes(pages: Pages, telemetry_path: str) -> Routes:
    """The routes of the web server.

    Build them again after a change of configuration (HttpServer.routes).
    """

    def render_page() -> Iterator[bytes] | Awaitable[bytes]:
        audit = pages.audit()
        render = partial(page.render, audit, version=pages.version, telemetry_path=telemetry_path)
        return rendered(render, 0 if audit is None else len(audit.findings))

    page_content = Content("page", "html", pages.audit, render_page)

    def status_page(_request: Request) -> Response:
        policy = ("Content-Security-Policy", page.CONTENT_SECURITY_POLICY)
        return Response(content=page_content, content_type="text/html; charset=utf-8", headers=(policy,))

    def metrics(request: Request) -> Response:
        form = Format.OPENMETRICS if request.takes_openmetrics else Format.TEXT
        varies = ("Vary", "Accept")
        return Response(content=pages.metrics(form), content_type=form.content_type, headers=(varies,))

    def healthy(_request: Request) -> Response:
        return text(200, "Healthy")

    def ready(_request: Request) -> Response:
        return text(200, "Ready") if pages.ready() else text(503, NOT_READY)

    def not_enabled(_request: Request) -> Response:
        return text(403, "Reloading over HTTP is not enabled: web.enable_reload")

    hosts = pages.hosts
    reload = not_enabled if pages.reload is None else hosts.guard_changes(_reloading(pages.reload))
    return {
        "/": {"GET": hosts.guard(status_page)},
        "/-/healthy": {"GET": healthy},
        "/-/ready": {"GET": ready},
        "/-/reload": {"POST": reload},
        **{path: {"GET": hosts.guard(show)} for path, show in _api(pages.audit).items()},
        telemetry_path: {"GET": hosts.guard_from_browsers(metrics)},  # last, because it may be "/"
    }


def build_control_routes(pages: ControlPages) -> Routes:
    """The routes of the control socket.

    /-/status returns JSON, or with ?format=text&width=80&colour=yes text for a terminal. So a client of
    another version shows what this daemon reports.
    """

    def current_status(form: str, render: Callable[[status.DaemonStatus], bytes]) -> Content:
        """The status, which is different at every request."""

        def pieces() -> Iterator[bytes] | Awaitable[bytes]:
            shown = pages.status()
            return rendered(partial(render, shown), len(shown.findings))

        return Content("status", form, object, pieces, lasting=False)

    def show_status(request: Request) -> Response:
        query = {name: values[-1] for name, values in parse_qs(request.query).items()}
        if query.get("format", "json") == "json":
            content = current_status("json", status.render_json)
            return Response(content=content, content_type="application/json")
        width, colour = query.get("width", "80"), query.get("colour") == "yes"
        if query["format"] != "text" or width not in _WIDTHS:
            return text(400, "format: json or text; width: 20 to 1000; colour: yes or no")

        def render(shown: status.DaemonStatus) -> bytes:
            return status_text.render(shown, colour=colour, width=int(width)).encode("ascii")

        return Response(content=current_status(f"text {width} {colour}", render))

    return {
        STATUS_PATH: {"GET": show_status},
        "/-/reload": {"POST": _reloading(pages.reload)},
        **{path: {"GET": show} for path, show in _api(pages.audit).items()},
    }


def _reloading(reload: Reload) -> Handler:
    """A handler that responds after the reload, with all errors, or with the keys that need a restart."""

    async def answer(_request: Request) -> Response:
        error, pending = await reload()
        return text(500, error) if error else text(200, "\n".join(("Reloaded", *pending)))

    return answer


def _api(audit: Callable[[], Audit | None]) -> Mapping[str, Handler]:
    """The handlers of the API by path, for GET."""
    return {
        "/api/v1/audit": _json("audit", audit, json_report.audit_pieces),
        "/api/v1/findings": _json("findings", audit, json_report.findings_pieces),
    }


def _json(
    name: str, audit: Callable[[], Audit | None], render: Callable[[Audit], Iterator[bytes]]
) -> Handler:
    def pieces() -> Iterator[bytes]:
        last = audit()
        return iter(()) if last is None else render(last)

    content = Content(name, "json", audit, pieces)

    def show(_request: Request) -> Response:
        if audit() is None:
            return text(503, NOT_READY)
        return Response(content=content, content_type="application/json")

    return show
