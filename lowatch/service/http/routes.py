"""The routes of the daemon's two servers, web and control. Everything they show is in memory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol
from urllib.parse import parse_qs

from lowatch import __version__
from lowatch.config.settings import Config, WebSettings
from lowatch.core.audit import Audit
from lowatch.report import json_report, page, status
from lowatch.report.metrics.exposition import Format
from lowatch.report.status import ReloadOutcome
from lowatch.report.text import status as status_text

from .content import Content, rendered
from .guard import AllowedHosts
from .message import Handler, Methods, Request, Response, text

NOT_READY = "Not ready: waiting for the first full audit"
STATUS_PATH = "/-/status"
_WIDTHS = frozenset(map(str, range(20, 1001)))


class Audits(Protocol):
    """What was found. audit: the same object until there is another; None before the first."""

    @property
    def audit(self) -> Audit | None: ...

    @property
    def ready(self) -> bool:
        """Whether a full audit has been made."""


class Metrics(Protocol):
    def content(self, form: Format) -> Content:
        """The exposition in a format."""


class Reload(Protocol):
    async def now(self) -> ReloadOutcome:
        """Reload the configuration."""


class Statuses(Protocol):
    def status(self) -> status.DaemonStatus:
        """The current one."""


@dataclass(frozen=True, slots=True)
class Pages:
    """What the web server's routes show.

    version: lowatch's. hosts: the names of this host. reload: None if reloading over HTTP is not enabled.
    """

    audits: Audits
    metrics: Metrics
    version: str
    hosts: AllowedHosts = field(default_factory=AllowedHosts)
    reload: Reload | None = None


@dataclass(frozen=True, slots=True)
class ControlPages:
    """What the control socket's routes show."""

    audits: Audits
    statuses: Statuses
    reload: Reload


class CurrentConfig(Protocol):
    @property
    def current(self) -> Config: ...


class ConfiguredRoutes:
    """The web server's routes, as the configuration in force has them at each request."""

    def __init__(
        self, audits: Audits, metrics: Metrics, reload: Reload, config: CurrentConfig, hostname: str
    ) -> None:
        self._audits = audits
        self._metrics = metrics
        self._reload = reload
        self._config = config
        self._hostname = hostname
        self._built_for: Config | None = None
        self._routes: Mapping[str, Methods] = {}

    def get(self, path: str) -> Methods | None:
        config = self._config.current
        if config is not self._built_for:
            self._built_for, self._routes = config, self._build(config.web)
        return self._routes.get(path)

    def _build(self, web: WebSettings) -> Mapping[str, Methods]:
        hosts = AllowedHosts((self._hostname, *(place.host for place in web.listen)), web.hosts)
        reload = self._reload if web.enable_reload else None
        pages = Pages(self._audits, self._metrics, __version__, hosts, reload)
        return build_routes(pages, web.telemetry_path)


def build_routes(pages: Pages, telemetry_path: str) -> Mapping[str, Methods]:
    """The routes of the web server."""
    audits = pages.audits

    def render_page() -> Iterator[bytes] | Awaitable[bytes]:
        audit = audits.audit
        render = partial(page.render, audit, version=pages.version, telemetry_path=telemetry_path)
        return rendered(render, 0 if audit is None else len(audit.findings))

    page_content = Content("page", "html", lambda: audits.audit, render_page)

    def status_page(_request: Request) -> Response:
        policy = ("Content-Security-Policy", page.CONTENT_SECURITY_POLICY)
        return Response(content=page_content, content_type="text/html; charset=utf-8", headers=(policy,))

    def metrics(request: Request) -> Response:
        form = Format.OPENMETRICS if request.takes_openmetrics else Format.TEXT
        varies = ("Vary", "Accept")
        return Response(
            content=pages.metrics.content(form), content_type=form.content_type, headers=(varies,)
        )

    def healthy(_request: Request) -> Response:
        return text(200, "Healthy")

    def ready(_request: Request) -> Response:
        return text(200, "Ready") if audits.ready else text(503, NOT_READY)

    def not_enabled(_request: Request) -> Response:
        return text(403, "Reloading over HTTP is disabled: see web.enable_reload")

    hosts = pages.hosts
    reload = not_enabled if pages.reload is None else hosts.guard_changes(_reloading(pages.reload))
    return {
        "/": {"GET": hosts.guard(status_page)},
        "/-/healthy": {"GET": healthy},
        "/-/ready": {"GET": ready},
        "/-/reload": {"POST": reload},
        **{path: {"GET": hosts.guard(show)} for path, show in _api(pages.audits).items()},
        telemetry_path: {"GET": hosts.guard_from_browsers(metrics)},  # last, because it may be "/"
    }


def build_control_routes(pages: ControlPages) -> Mapping[str, Methods]:
    """The routes of the control socket.

    /-/status returns JSON, or with ?format=text&width=80&colour=yes text for a terminal. So a client of
    another version shows what this daemon reports.
    """

    def current_status(form: str, render: Callable[[status.DaemonStatus], bytes]) -> Content:
        """The status, which is different at every request."""

        def pieces() -> Iterator[bytes] | Awaitable[bytes]:
            shown = pages.statuses.status()
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
        **{path: {"GET": show} for path, show in _api(pages.audits).items()},
    }


def _reloading(reload: Reload) -> Handler:
    """A handler that responds after the reload, with all errors, or with the keys that need a restart."""

    async def answer(_request: Request) -> Response:
        error, pending = await reload.now()
        return text(500, error) if error else text(200, "\n".join(("Reloaded", *pending)))

    return answer


def _api(audits: Audits) -> Mapping[str, Handler]:
    """The handlers of the API by path, for GET."""
    return {
        "/api/v1/audit": _json("audit", audits, json_report.audit_pieces),
        "/api/v1/findings": _json("findings", audits, json_report.findings_pieces),
    }


def _json(name: str, audits: Audits, render: Callable[[Audit], Iterator[bytes]]) -> Handler:
    def pieces() -> Iterator[bytes]:
        last = audits.audit
        return iter(()) if last is None else render(last)

    content = Content(name, "json", lambda: audits.audit, pieces)

    def show(_request: Request) -> Response:
        if audits.audit is None:
            return text(503, NOT_READY)
        return Response(content=content, content_type="application/json")

    return show
