"""Protects the pages from other web pages in an operator's browser.

With DNS rebinding, a page whose name resolves to this host can read whatever the browser can reach; only
the Host header reveals it. Any page can send a POST, without reading the response; Origin has its site.
Other clients are not under a page's control, so they are not checked.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from fnmatch import fnmatchcase

from .message import Handler, Request, Response, text

_MARKS = ("origin", "referer", "accept-language")
"""Headers that browsers send and scrapers do not. A page can suppress the first two, but not the third."""


class AllowedHosts:
    """The names by which browsers may ask. names: this host's own. globs: those in web.hosts."""

    def __init__(self, names: Iterable[str] = (), globs: Iterable[str] = ()) -> None:
        self._names = frozenset(map(_plain, names))
        self._globs = tuple(globs)

    def own(self, request: Request) -> bool:
        """Whether the Host is an address, or a name that an attacker cannot make resolve to this host.

        Those are localhost, names without a dot (public names have one), and the known names.
        """
        name = _host(request.host)
        return (
            "." not in name  # including "" from a client older than HTTP/1.1
            or name.endswith(".localhost")
            or name in self._names
            or any(fnmatchcase(name, glob) for glob in self._globs)
            or _is_address(name)
        )

    def guard(self, handler: Handler) -> Handler:
        """For the results of audits: every client must use a name of this host."""
        return lambda request: handler(request) if self.own(request) else _misdirected(request)

    def guard_from_browsers(self, handler: Handler) -> Handler:
        """For metrics: only browsers must use a name of this host; scrapers may know another name."""
        return lambda request: (
            _misdirected(request) if is_browser(request) and not self.own(request) else handler(request)
        )

    def guard_changes(self, handler: Handler) -> Handler:
        """For requests that change something: no page of another site may send them."""

        def refused() -> Response:
            return text(403, "Requests from another site's web page are refused")

        return self.guard(lambda request: handler(request) if _is_same_site(request) else refused())


def is_browser(request: Request) -> bool:
    """Whether a request looks like a browser's. A usual browser does not hide all of these signs."""
    headers = request.headers
    return (
        headers.get("user-agent", "").startswith("Mozilla/")
        or any(mark in headers for mark in _MARKS)
        or any(name.startswith("sec-fetch-") for name in headers)
    )


def _is_same_site(request: Request) -> bool:
    """Whether Fetch Metadata, Origin and Referer allow a request. curl sends none of them."""
    if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return False
    for name in ("origin", "referer"):
        sent = request.headers.get(name)
        if sent is not None and _authority(sent) != request.host.lower():
            return False
    return True


def _misdirected(request: Request) -> Response:
    """A 421 response (RFC 9110, 15.5.20)."""
    name = _host(request.host)[:255]
    return text(
        421, f"{name!r} is not a known name of this host; use its address, or add the name to web.hosts"
    )


def _authority(url: str) -> str:
    """HOST:PORT of an absolute URL or an origin; "" for "null"."""
    return url.lower().partition("://")[2].partition("/")[0]


def _host(authority: str) -> str:
    """The host without port and brackets, in lower case."""
    if authority.startswith("["):
        return authority[1:].partition("]")[0].lower()
    return _plain(authority.partition(":")[0])


def _plain(name: str) -> str:
    return name.lower().removesuffix(".")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
