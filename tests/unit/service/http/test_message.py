from __future__ import annotations

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowatch.service.http.message import Request, http_date, text


@pytest.mark.parametrize(
    ("accept_encoding", "takes_gzip"),
    [
        ("gzip", True),
        ("GZip", True),
        ("x-gzip", True),
        ("br, gzip;q=0.001, deflate", True),
        ("gzip ; q = 1.0", True),
        ("gzip;q=0", False),
        ("gzip;q=0.000", False),
        ("gzip; q=0.", False),
        ("identity", False),
        ("*", False),  # allowed, but not asked for
        ("", False),
    ],
)
def test_accept_encoding(accept_encoding: str, takes_gzip: bool) -> None:
    request = Request("GET", "/", headers={"accept-encoding": accept_encoding})
    assert request.takes_gzip is takes_gzip


def test_without_accept_encoding_nothing_is_compressed() -> None:
    assert not Request("GET", "/").takes_gzip


@given(st.text())
def test_any_accept_encoding_is_understood_somehow(accept_encoding: str) -> None:
    assert Request("GET", "/", headers={"accept-encoding": accept_encoding}).takes_gzip in (0, 1)


@given(st.integers(0, 253402300799))
def test_dates_are_those_of_the_standard_library(wall: int) -> None:
    assert http_date(wall) == formatdate(wall, usegmt=True)


# As Prometheus 2.42 and 3.5 send it.
PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
PROMETHEUS_3_TEXT = (
    "text/plain;version=0.0.4;q=0.6,application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.2"
)


@pytest.mark.parametrize(
    ("accept", "takes_openmetrics"),
    [
        (PROMETHEUS_2, True),
        (PROMETHEUS_3, True),
        (PROMETHEUS_3_TEXT, False),
        ("application/openmetrics-text", True),
        ("Application/OpenMetrics-Text; Version=1.0.0; charset=utf-8", True),
        ("application/openmetrics-text;version=0.0.1", False),
        ("application/openmetrics-text;version=2.0.0", False),
        ("application/openmetrics-text;q=0", False),
        ("application/openmetrics-text;q=x", False),
        ("application/openmetrics-text;q=0.5, text/plain", False),
        ("application/openmetrics-text;q=0.5, text/plain;version=1.0.0", True),
        ("text/plain", False),
        ("text/html,application/xhtml+xml,*/*;q=0.8", False),
        ("*/*", False),  # allowed, but not asked for
        ("", False),
    ],
)
def test_accept(accept: str, takes_openmetrics: bool) -> None:
    request = Request("GET", "/metrics", headers={"accept": accept})
    assert request.takes_openmetrics is takes_openmetrics


@given(st.text())
def test_any_accept_is_understood_somehow(accept: str) -> None:
    assert Request("GET", "/", headers={"accept": accept}).takes_openmetrics in (0, 1)


def test_text_says_the_phrase_of_the_status_where_nothing_better_is_said() -> None:
    assert text(404).body == b"Not Found\n"
    assert text(500, "web.listen: \udcff").body == b"web.listen: ?\n"
