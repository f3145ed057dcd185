from __future__ import annotations

import zlib
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowatch.service.http_message import Request, Response, compressed, http_date, text
from tests.support.aio import run_async


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


@pytest.mark.parametrize("size", [0, 1, 131072, 131073, 1_000_000])
def test_compressed_keeps_everything_but_the_octets(size: int) -> None:
    plain = Response(418, bytes(size), "application/json", (("Allow", "GET"),))
    packed = run_async(compressed(plain))
    assert zlib.decompress(packed.body, wbits=31) == plain.body
    assert (packed.status, packed.content_type) == (418, "application/json")
    assert packed.headers == (
        ("Allow", "GET"),
        ("Content-Encoding", "gzip"),
        ("Vary", "Accept-Encoding"),
    )


def test_text_says_the_phrase_of_the_status_where_nothing_better_is_said() -> None:
    assert text(404).body == b"Not Found\n"
    assert text(500, "web.listen: \udcff").body == b"web.listen: ?\n"
