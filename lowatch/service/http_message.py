"""Requests and responses, as handlers see them: whole, in memory, with nothing of the wire."""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus

WORTH_COMPRESSING = 1024
"""Octets. Below, a response fits one segment anyway."""
_SLICE = 128 * 1024
_GZIP_FORMAT = 16 + zlib.MAX_WBITS  # zlib.h, deflateInit2


@dataclass(frozen=True, slots=True)
class Request:
    """method: as sent. path: as sent, without the query. headers: by name in lower case."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def takes_gzip(self) -> bool:
        """RFC 9110, 12.5.3: named, and not with a weight of zero."""
        for coding in self.headers.get("accept-encoding", "").lower().split(","):
            name, _, weight = coding.partition(";")
            if name.strip() in ("gzip", "x-gzip"):
                return weight.replace(" ", "").rstrip("0") not in ("q=", "q=0.")
        return False


@dataclass(frozen=True, slots=True)
class Response:
    """headers: beside Content-Type, Content-Length, Date and what the connection itself needs."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()


Handler = Callable[[Request], Response | Awaitable[Response]]
Routes = Mapping[str, Mapping[str, Handler]]
"""Path -> method -> handler. What answers GET answers HEAD."""


def text(status: int, line: str = "") -> Response:
    """One line for a person: the status's own phrase where nothing better is said."""
    return Response(status, f"{line or HTTPStatus(status).phrase}\n".encode("utf-8", "replace"))


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
    return replace(text(405), headers=(("Allow", ", ".join(allowed)),))


async def compressed(response: Response) -> Response:
    """The same, gzipped at level 1: a scrape shrinks to a tenth. The loop runs between slices."""
    gzip = zlib.compressobj(level=1, wbits=_GZIP_FORMAT)
    parts = []
    for start in range(0, len(response.body), _SLICE):
        parts.append(gzip.compress(response.body[start : start + _SLICE]))
        await asyncio.sleep(0)
    parts.append(gzip.flush())
    headers = (*response.headers, ("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding"))
    return replace(response, body=b"".join(parts), headers=headers)


_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def http_date(wall: float) -> str:
    """RFC 9110's IMF-fixdate, in English whatever the locale."""
    t = time.gmtime(wall)
    clock = f"{t.tm_hour:02}:{t.tm_min:02}:{t.tm_sec:02}"
    day = f"{t.tm_mday:02} {_MONTHS[t.tm_mon - 1]} {t.tm_year:04}"
    return f"{_DAYS[t.tm_wday]}, {day} {clock} GMT"
