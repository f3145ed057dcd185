"""What a web page of somebody else may have an operator's browser do: nothing.

A page whose name is made to resolve to this host (DNS rebinding) reads what the browser can reach, as if it
were of its own site; only the Host header still tells. And any page may send a POST, though it cannot read
the answer; Origin has its site. Other clients are in nobody else's hands: no check is for them.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from fnmatch import fnmatchcase

from .message import Handler, Request, Response, text

_MARKS = ("origin", "referer", "accept-language")
"""Headers that browsers send and scrapers do not. A page can leave out the first two, not the third."""


class Hosts:
    """names: of this host. globs: of web.hosts."""

    def __init__(self, names: Iterable[str] = (), globs: Iterable[str] = ()) -> None:
        self._names = frozenset(map(_plain, names))
        self._globs = tuple(globs)

    def own(self, request: Request) -> bool:
        """Whether it asks for us by an address, or by a name that no stranger can have resolve to us.

        Those are localhost, names without a dot (a public one has one), and the given ones.
        """
        name = _host(request.host)
        return (
            "." not in name  # "", of a client older than HTTP/1.1, included
            or name.endswith(".localhost")
            or name in self._names
            or any(fnmatchcase(name, glob) for glob in self._globs)
            or _is_address(name)
        )

    def guard(self, handler: Handler) -> Handler:
        """For what an audit has found: whoever asks must do so by a name of ours."""
        return lambda request: handler(request) if self.own(request) else _misdirected(request)

    def guard_from_browsers(self, handler: Handler) -> Handler:
        """For metrics: a scraper may find us by whatever name its service discovery has."""
        return lambda request: (
            _misdirected(request) if is_browser(request) and not self.own(request) else handler(request)
        )

    def guard_changes(self, handler: Handler) -> Handler:
        """For what changes something: no page but ours may ask for it."""

        def refused() -> Response:
            return text(403, "A web page of another site may not do that")

        return self.guard(lambda request: handler(request) if _is_same_site(request) else refused())


def is_browser(request: Request) -> bool:
    """Whether it looks like one. One that hides all of this is no usual one."""
    headers = request.headers
    return (
        headers.get("user-agent", "").startswith("Mozilla/")
        or any(mark in headers for mark in _MARKS)
        or any(name.startswith("sec-fetch-") for name in headers)
    )


def _is_same_site(request: Request) -> bool:
    """By Fetch Metadata, where the browser sends it, Origin and Referer. curl sends none of them."""
    if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return False
    for name in ("origin", "referer"):
        sent = request.headers.get(name)
        if sent is not None and _authority(sent) != request.host.lower():
            return False
    return True


def _misdirected(request: Request) -> Response:
    """RFC 9110, 15.5.20."""
    name = _host(request.host)[:255]
    return text(
        421, f"{name!r} is not known as a name of this host: use its address, or add it to web.hosts"
    )


def _authority(url: str) -> str:
    """HOST:PORT of an absolute URL, or of an origin; "" of "null"."""
    return url.lower().partition("://")[2].partition("/")[0]


def _host(authority: str) -> str:
    """Without its port and brackets."""
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
