"""Requests and responses as handlers see them: complete, in memory, without protocol details."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Protocol

from .content import Content, Encoded

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Request:
    """A request.

    method, path: as sent; the path is without the query. headers: by lower-case name. host: HOST or
    HOST:PORT, "" if there is none.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    host: str = ""

    @property
    def takes_gzip(self) -> bool:
        """Whether Accept-Encoding names gzip with a weight above zero (RFC 9110, 12.5.3)."""
        for coding in self.headers.get("accept-encoding", "").lower().split(","):
            name, _, weight = coding.partition(";")
            if name.strip() in ("gzip", "x-gzip"):
                return weight.replace(" ", "").rstrip("0") not in ("q=", "q=0.")
        return False

    @property
    def takes_openmetrics(self) -> bool:
        """Whether Accept names OpenMetrics 1.0 with at least the weight of the text format."""
        return 0 < _weight(self, _OPENMETRICS, "1.0.0") >= _weight(self, _TEXT, "0.0.4")


_OPENMETRICS = "application/openmetrics-text"
_TEXT = "text/plain"


def _weight(request: Request, media_type: str, version: str) -> float:
    """The weight of a media type in Accept (RFC 9110, 12.5.1), with this version or without one; else 0.

    Ranges such as */* do not count, because the text format is the default.
    """
    weight = 0.0
    for media_range in request.headers.get("accept", "").lower().split(","):
        name, *pairs = (part.strip() for part in media_range.split(";"))
        parameters = dict(pair.replace(" ", "").partition("=")[::2] for pair in pairs)
        if name == media_type and parameters.get("version", version) == version:
            weight = max(weight, _number(parameters.get("q", "1")))
    return weight


def _number(text: str) -> float:
    """The number in a text; an invalid weight counts as zero."""
    try:
        return float(text)
    except ValueError:
        return 0.0


@dataclass(frozen=True, slots=True)
class Response:
    """A response.

    headers: in addition to Content-Type, Content-Length, Date and those of the connection.
    content: comes before the body, and may be long. front: the content after the server has encoded it.
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
Methods = Mapping[str, Handler]
"""The handlers of one path, by method. The handler for GET also answers HEAD."""


class Routes(Protocol):
    """The handlers of each path; a mapping will do."""

    def get(self, path: str, /) -> Methods | None: ...


def text(status: int, line: str = "", *headers: tuple[str, str]) -> Response:
    """A response of one line, by default the phrase of its status."""
    body = f"{line or HTTPStatus(status).phrase}\n".encode("utf-8", "replace")
    return Response(status, body, headers=headers)


def find_handler(routes: Routes, request: Request) -> Handler | Response:
    """The handler of a request, or a 404 or 405 response."""
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
    """The IMF-fixdate of RFC 9110, 5.6.7, which is in English whatever the locale."""
    t = time.gmtime(wall)
    clock = f"{t.tm_hour:02}:{t.tm_min:02}:{t.tm_sec:02}"
    day = f"{t.tm_mday:02} {_MONTHS[t.tm_mon - 1]} {t.tm_year:04}"
    return f"{_DAYS[t.tm_wday]}, {day} {clock} GMT"
