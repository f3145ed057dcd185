"""What the daemon's two servers answer, path by path: web and control. All of it is in memory."""

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
"""Loads the configuration again."""


@dataclass(frozen=True, slots=True)
class Pages:
    """Where the routes get what they show.

    audit: the last one, None before the first. ready: whether a full one has been made.
    hosts: the names of this host. metrics: the exposition in a format. version: lowatch's own.
    reload: None where reloading over HTTP is not enabled.
    """

    audit: Callable[[], Audit | None]
    ready: Callable[[], bool]
    metrics: Callable[[Format], Content]
    version: str
    hosts: Hosts = field(default_factory=Hosts)
    reload: Reload | None = None


@dataclass(frozen=True, slots=True)
class ControlPages:
    """Where the control socket's routes get what they show. audit: as in Pages. status: as of now."""

    audit: Callable[[], Audit | None]
    status: Callable[[], status.DaemonStatus]
    reload: Reload


def build_routes(pages: Pages, telemetry_path: str) -> Routes:
    """Make them anew when the configuration changes, and hand them to HttpServer.routes."""

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
        telemetry_path: {"GET": hosts.guard_from_browsers(metrics)},  # last: "/" is the status page's, too
    }


def build_control_routes(pages: ControlPages) -> Routes:
    """Those of the control socket; made once.

    /-/status gives JSON, and with ?format=text&width=80&colour=yes what a terminal is to show: so
    whatever version the client is of, it shows what this daemon has to tell.
    """

    def now(form: str, render: Callable[[status.DaemonStatus], bytes]) -> Content:
        """It is another one at every moment."""

        def pieces() -> Iterator[bytes] | Awaitable[bytes]:
            shown = pages.status()
            return rendered(partial(render, shown), len(shown.findings))

        return Content("status", form, object, pieces, lasting=False)

    def show_status(request: Request) -> Response:
        query = {name: values[-1] for name, values in parse_qs(request.query).items()}
        if query.get("format", "json") == "json":
            return Response(content=now("json", status.render_json), content_type="application/json")
        width, colour = query.get("width", "80"), query.get("colour") == "yes"
        if query["format"] != "text" or width not in _WIDTHS:
            return text(400, "format: json or text; width: 20 to 1000; colour: yes or no")

        def render(shown: status.DaemonStatus) -> bytes:
            return status_text.render(shown, colour=colour, width=int(width)).encode("ascii")

        return Response(content=now(f"text {width} {colour}", render))

    return {
        STATUS_PATH: {"GET": show_status},
        "/-/reload": {"POST": _reloading(pages.reload)},
        **{path: {"GET": show} for path, show in _api(pages.audit).items()},
    }


def _reloading(reload: Reload) -> Handler:
    """Answers when it is done, with every error where there are any, and with what it left as it was."""

    async def answer(_request: Request) -> Response:
        error, pending = await reload()
        return text(500, error) if error else text(200, "\n".join(("Reloaded", *pending)))

    return answer


def _api(audit: Callable[[], Audit | None]) -> Mapping[str, Handler]:
    """What answers a GET of each path."""
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
