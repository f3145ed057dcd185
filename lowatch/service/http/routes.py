"""The routes of the daemon's two servers, web and control. Everything they show is in memory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Protocol
from urllib.parse import parse_qs

from lowatch import __version__
from lowatch.config.settings import Config, WebSettings
from lowatch.core.audit import Audit
from lowatch.core.next_questions import NextQuestion
from lowatch.core.served_state import ServedState
from lowatch.files.threads import NoThreadError, in_thread
from lowatch.report import json_report, status
from lowatch.report.metrics.exposition import Format
from lowatch.report.next_questions import render_next
from lowatch.report.status import ReloadOutcome
from lowatch.report.victims import Refusal, render_refused
from lowatch.service.served_file import render_served

from .content import Content, rendered
from .guard import AllowedHosts
from .message import Handler, Methods, Request, Response, text

if TYPE_CHECKING:
    from lowatch.core.recording.recording import Recording

NOT_READY = "Not ready: waiting for the first full audit"
STATUS_PATH = "/-/status"
SNAPSHOT_PATH = "/-/snapshot"
SERVED_PATH = "/-/served"
REFUSED_PATH = "/-/refused"
NEXT_PATH = "/-/next"
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


class Recordings(Protocol):
    def prepare(self) -> None:
        """Import what recording() needs. It may be called in a thread."""

    def recording(self) -> Recording | None:
        """What the last audit saw; None before the first."""


class Statuses(Protocol):
    def status(self) -> status.DaemonStatus:
        """The current one."""


class Served(Protocol):
    def served(self) -> ServedState | None:
        """Who served each endpoint last; None before the first audit."""

    @property
    def refused(self) -> Iterable[Refusal]:
        """The failed connects of local clients."""


class Schedules(Protocol):
    def next_questions(self, domain: str) -> tuple[NextQuestion, ...]:
        """When DNS is asked for the domain next; () if it is not followed."""


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
    recordings: Recordings
    served: Served
    schedules: Schedules


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
        from lowatch.report import page  # noqa: PLC0415  # a daemon that is only scraped does without

        audit = audits.audit
        render = partial(page.render, audit, version=pages.version, telemetry_path=telemetry_path)
        return rendered(render, 0 if audit is None else len(audit.findings))

    page_content = Content("page", "html", lambda: audits.audit, render_page)

    def status_page(_request: Request) -> Response:
        from lowatch.report import page  # noqa: PLC0415

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
    /-/served returns who served last what is not served now, as served.json has it; /-/refused the failed
    connects of local clients (report/victims.py); /-/next?name=www.example.com when DNS is asked for that
    name next (report/next_questions.py).
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
            from lowatch.report.text import status as status_text  # noqa: PLC0415  # as above

            return status_text.render(shown, colour=colour, width=int(width)).encode("ascii")

        return Response(content=current_status(f"text {width} {colour}", render))

    def show_served(_request: Request) -> Response:
        state = pages.served.served()
        if state is None:
            return text(503, NOT_READY)
        gone = state._replace(domains={})

        def pieces() -> Iterator[bytes] | Awaitable[bytes]:
            return rendered(partial(render_served, gone), len(gone.gone))

        content = Content("served", "json", object, pieces, lasting=False)
        return Response(content=content, content_type="application/json")

    return {
        STATUS_PATH: {"GET": show_status},
        REFUSED_PATH: {"GET": _refused(pages.served)},
        NEXT_PATH: {"GET": _next(pages.schedules)},
        SNAPSHOT_PATH: {"GET": _recording(pages.recordings)},
        SERVED_PATH: {"GET": show_served},
        "/-/reload": {"POST": _reloading(pages.reload)},
        **{path: {"GET": show} for path, show in _api(pages.audits).items()},
    }


def _refused(served: Served) -> Handler:
    def show(_request: Request) -> Response:
        body = render_refused((one.endpoint, one.refused) for one in served.refused)
        return Response(body=body, content_type="application/json")

    return show


def _next(schedules: Schedules) -> Handler:
    def show(request: Request) -> Response:
        name = parse_qs(request.query).get("name", [""])[-1]
        return Response(body=render_next(schedules.next_questions(name)), content_type="application/json")

    return show


def _recording(recordings: Recordings) -> Handler:
    """A handler that responds with a recording of the last audit."""

    def pieces() -> Iterator[bytes]:
        from lowatch.report.recording import recording_pieces  # noqa: PLC0415  # as in Recorder

        recording = recordings.recording()
        return iter(()) if recording is None else recording_pieces(recording)

    content = Content("snapshot", "json", object, pieces, lasting=False)

    async def show(_request: Request) -> Response:
        with suppress(NoThreadError):
            await in_thread(recordings.prepare)
        if recordings.recording() is None:
            return text(503, NOT_READY)
        return Response(content=content, content_type="application/json")

    return show


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
