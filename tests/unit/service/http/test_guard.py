"""Whom a browser may be made to act for, and who is no browser."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowatch.service.http.guard import AllowedHosts, is_browser
from lowatch.service.http.message import Request, Response, find_handler
from lowatch.service.http.routes import build_routes
from tests.support.aio import run_async
from tests.unit.service.given_pages import GivenReload, reloaded
from tests.unit.service.http.test_routes import PAGES

HOSTS = AllowedHosts(("web1.example.com", "127.0.0.1"), ("lowatch.example.net", "*.corp.example.net"))
DATA = ("/", "/api/v1/audit", "/api/v1/findings")
# As they send it where a page asks for its own site over plain HTTP: then there is no Sec-Fetch-Site.
FIREFOX = {
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "accept": "*/*",
    "accept-language": "en-US,en;q=0.5",
    "accept-encoding": "gzip, deflate",
    "referer": "http://evil.example/",
}
PROMETHEUS = {
    "user-agent": "Prometheus/2.42.0",
    "accept": "application/openmetrics-text;version=1.0.0",
    "accept-encoding": "gzip",
    "x-prometheus-scrape-timeout-seconds": "10",
}


def status(path: str, host: str, headers: dict[str, str] | None = None, method: str = "GET") -> int:
    async def answer() -> Response:
        request = Request(method, path, headers=headers or {}, host=host)
        pages = replace(PAGES, hosts=HOSTS, reload=GivenReload(reloaded))
        found = find_handler(build_routes(pages, "/metrics"), request)
        assert not isinstance(found, Response)
        response = found(request)
        return await response if isinstance(response, Awaitable) else response

    return run_async(answer()).status


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:10048",
        "192.0.2.10",
        "[::1]:10048",
        "[2001:db8::1]",
        "[::ffff:192.0.2.10]:10048",
        "[fe80::1%25eth0]:10048",
        "localhost:10048",
        "LOCALHOST",
        "app.localhost:10048",
        "web1",
        "web1:10048",
        "web1.example.com:10048",
        "Web1.Example.COM.:10048",
        "lowatch.example.net",
        "a.b.corp.example.net:443",
        "",
    ],
)
@pytest.mark.parametrize("path", DATA)
def test_names_of_this_host(path: str, host: str) -> None:
    assert status(path, host) == 200
    assert status(path, host, FIREFOX) == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:10048",
        "127.0.0.1.evil.example",
        "localhost.evil.example:10048",
        "web1.example.com.evil.example",
        "corp.example.net",
        "1.2.3",
        "[::1.evil.example]",
    ],
)
def test_a_stranger_reads_nothing_of_what_was_found(host: str) -> None:
    for path in DATA:
        assert status(path, host) == 421
        assert status(path, host, FIREFOX) == 421
    assert status("/metrics", host, FIREFOX) == 421
    assert status("/-/reload", host, method="POST") == 421


@pytest.mark.parametrize("host", ["web1.prod.example.org:10048", "evil.example", "127.0.0.1", ""])
@pytest.mark.parametrize("headers", [PROMETHEUS, {"user-agent": "curl/7.88.1", "accept": "*/*"}, {}])
def test_metrics_are_scraped_by_whatever_name(host: str, headers: dict[str, str]) -> None:
    assert status("/metrics", host, headers) == 200


@pytest.mark.parametrize("path", ["/-/healthy", "/-/ready"])
def test_probes_are_answered_by_whatever_name(path: str) -> None:
    assert status(path, "evil.example", FIREFOX) == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"user-agent": FIREFOX["user-agent"]},
        {"user-agent": "Prometheus/2.42.0", "accept-language": ""},
        {"origin": "http://evil.example"},
        {"sec-fetch-mode": "cors"},
    ],
)
def test_a_page_cannot_hide_that_it_is_one(headers: dict[str, str]) -> None:
    """It may set User-Agent and Accept-Language, and leave Referer out."""
    assert is_browser(Request("GET", "/metrics", headers=headers))


@pytest.mark.parametrize(
    ("host", "headers", "code"),
    [
        ("localhost:10048", {}, 200),
        ("localhost:10048", {"user-agent": "curl/7.88.1", "content-type": "text/plain"}, 200),
        ("localhost:10048", {"origin": "http://localhost:10048"}, 200),
        ("LOCALHOST:10048", {"origin": "http://localhost:10048", "sec-fetch-site": "same-origin"}, 200),
        ("lowatch.example.net", {"origin": "https://lowatch.example.net"}, 200),  # behind a proxy with TLS
        ("localhost:10048", {"origin": "http://localhost:3000"}, 403),
        ("localhost:10048", {"origin": "http://evil.example"}, 403),
        ("localhost:10048", {"origin": "null"}, 403),
        ("localhost:10048", {"sec-fetch-site": "cross-site"}, 403),
        ("localhost:10048", {"sec-fetch-site": "same-site"}, 403),
        ("localhost:10048", {"referer": "http://evil.example/page"}, 403),
        ("evil.example:10048", {"origin": "http://evil.example:10048"}, 421),
    ],
)
def test_no_page_of_another_site_may_reload(host: str, headers: dict[str, str], code: int) -> None:
    assert status("/-/reload", host, headers, "POST") == code


def test_any_name_may_be_allowed() -> None:
    assert AllowedHosts(globs=["*"]).own(Request("GET", "/", host="evil.example"))


@given(st.text(), st.dictionaries(st.sampled_from(["origin", "referer", "sec-fetch-site"]), st.text()))
def test_whatever_is_sent_is_judged_somehow(host: str, headers: dict[str, str]) -> None:
    assert status("/-/reload", host, headers, "POST") in (200, 403, 421)
