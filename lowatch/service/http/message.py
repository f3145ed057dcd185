"""Requests and responses, as handlers see them: whole, in memory, with nothing of the wire."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from .content import Content, Encoded

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Request:
    """method: as sent. path: as sent, without the query. headers: by name in lower case.

    host: whom it is for, HOST or HOST:PORT; "" where it does not say.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    host: str = ""

    @property
    def takes_gzip(self) -> bool:
        """RFC 9110, 12.5.3: named, and not with a weight of zero."""
        for coding in self.headers.get("accept-encoding", "").lower().split(","):
            name, _, weight = coding.partition(";")
            if name.strip() in ("gzip", "x-gzip"):
                return weight.replace(" ", "").rstrip("0") not in ("q=", "q=0.")
        return False

    @property
    def takes_openmetrics(self) -> bool:
        """Whether OpenMetrics 1.0 is named, and wanted at least as much as the text format."""
        return 0 < _weight(self, _OPENMETRICS, "1.0.0") >= _weight(self, _TEXT, "0.0.4")


_OPENMETRICS = "application/openmetrics-text"
_TEXT = "text/plain"


def _weight(request: Request, media_type: str, version: str) -> float:
    """RFC 9110, 12.5.1: of a media type that is named, in that version or in any; else 0.

    Ranges such as */* are of no interest here: where nothing better is named, text it is.
    """
    weight = 0.0
    for media_range in request.headers.get("accept", "").lower().split(","):
        name, *pairs = (part.strip() for part in media_range.split(";"))
        parameters = dict(pair.replace(" ", "").partition("=")[::2] for pair in pairs)
        if name == media_type and parameters.get("version", version) == version:
            weight = max(weight, _number(parameters.get("q", "1")))
    return weight


def _number(text: str) -> float:
    """A weight that is none counts as zero."""
    try:
        return float(text)
    except ValueError:
        return 0.0


@dataclass(frozen=True, slots=True)
class Response:
    """headers: beside Content-Type, Content-Length, Date and what the connection itself needs.

    content: stands before the body, and may be long. front: the same, as the server has encoded it.
    """

    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: Headers = ()
    content: Content | None = None
    front: Encoded | None = None

    @property
    def length(self) -> int:
        return (0 if self.front is None else self.front.size) + len(self.body)


Handler = Callable[[Request], Response | Awaitable[Response]]
Routes = Mapping[str, Mapping[str, Handler]]
"""Path -> method -> handler. What answers GET answers HEAD."""


def text(status: int, line: str = "", *headers: tuple[str, str]) -> Response:
    """One line for a person: the status's own phrase where nothing better is said."""
    body = f"{line or HTTPStatus(status).phrase}\n".encode("utf-8", "replace")
    return Response(status, body, headers=headers)


def find_handler(routes: Routes, request: Request) -> Handler | Response:
    """Who answers, or the 404 or 405 that says why nobody does."""
    methods = routes.get(request.path)
    if methods is None:
        return text(404)
    method = "GET" if request.method == "HEAD" else request.method
    handler = methods.get(method)
    if handler is not None:
        return handler
    allowed = sorted({*methods, *(["HEAD"] if "GET" in methods else [])})
    return text(405, "", ("Allow", ", ".join(allowed)))


_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def http_date(wall: float) -> str:
    """RFC 9110's IMF-fixdate, in English whatever the locale."""
    t = time.gmtime(wall)
    clock = f"{t.tm_hour:02}:{t.tm_min:02}:{t.tm_sec:02}"
    day = f"{t.tm_mday:02} {_MONTHS[t.tm_mon - 1]} {t.tm_year:04}"
    return f"{_DAYS[t.tm_wday]}, {day} {clock} GMT"
