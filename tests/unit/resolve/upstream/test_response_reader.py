"""lowatch.resolve.upstream.response_reader: lean, checked, and never lean again once it was wrong."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest

from lowatch.core.addresses import parse_address
from lowatch.resolve.upstream import response_reader as reader_module
from lowatch.resolve.upstream.response_reader import CHECKED_ONE_IN, ResponseReader
from lowatch.wire import dns_full
from lowatch.wire.dns import Reply, ReplyKind
from tests.support.dns_messages import ASKED, QUESTION, A, record, response
from tests.unit.resolve.asking import Counts

COMMON = response([record(ASKED, A, b"\xc0\0\2\x0a")])
RIGHT = Reply(ReplyKind.ADDRESSES, "NOERROR", (parse_address("192.0.2.10"),), (), 60)
WRONG = RIGHT._replace(addresses=(parse_address("203.0.113.66"),))
UNUSUAL = response(rcode=2)

CHECKING, UNCHECKED = 0.0, 0.999


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The messages that dnspython was given."""
    seen: list[bytes] = []
    parse_full = dns_full.parse_full

    def noted(message: bytes) -> Reply:
        seen.append(message)
        return parse_full(message)

    monkeypatch.setattr(dns_full, "parse_full", noted)
    return seen


@pytest.fixture
def lean_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "parse_lean", lambda message, question: WRONG)


def test_what_is_common_never_reaches_dnspython(full: list[bytes]) -> None:
    reader = ResponseReader(Counts(), lambda: UNCHECKED)
    assert reader.read(COMMON, QUESTION) == RIGHT
    assert full == []


def test_what_is_unusual_does(full: list[bytes]) -> None:
    reader = ResponseReader(Counts(), lambda: UNCHECKED)
    assert reader.read(UNUSUAL, QUESTION).rcode == "SERVFAIL"
    assert full == [UNUSUAL]


def test_about_one_in_a_thousand_is_checked(full: list[bytes]) -> None:
    """(pytest-randomly seeds `random`.) Of 20, fewer than 3 or more than 50 come once in 10^6 runs."""
    counts = Counts()
    reader = ResponseReader(counts)
    for _ in range(20 * CHECKED_ONE_IN):
        assert reader.read(COMMON, QUESTION) == RIGHT
    assert 3 <= len(full) <= 50
    assert counts.mismatches == 0


@pytest.mark.usefixtures("lean_is_wrong")
def test_at_a_mismatch_dnspython_is_believed_from_then_on(
    full: list[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    counts, draws = Counts(), iter([UNCHECKED, CHECKING])
    reader = ResponseReader(counts, lambda: next(draws))
    assert reader.read(COMMON, QUESTION) == WRONG  # this once, nobody looked
    with caplog.at_level(logging.WARNING):
        assert [reader.read(COMMON, QUESTION) for _ in range(3)] == [RIGHT] * 3
    assert counts.mismatches == 1
    assert len(full) == 3
    assert [(each.levelname, each.getMessage()) for each in caplog.records] == [
        (
            "WARNING",
            "the lean DNS parser differs from dnspython, continuing without it; message: " + COMMON.hex(),
        )
    ]


@pytest.mark.usefixtures("lean_is_wrong")
def test_a_long_message_is_logged_in_part(caplog: pytest.LogCaptureFixture) -> None:
    message = response([record(ASKED, A, b"\xc0\0\2\x0a")] * 500)
    with caplog.at_level(logging.WARNING):
        ResponseReader(Counts(), lambda: CHECKING).read(message, QUESTION)
    assert len(caplog.text) < 3000
    assert caplog.records[0].getMessage().endswith("...")


def test_without_dnspython_what_is_common_is_read_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its files may be being replaced at the very moment when it is first needed."""
    monkeypatch.setitem(sys.modules, "lowatch.wire.dns_full", None)
    counts = Counts()
    reader = ResponseReader(counts, lambda: CHECKING)
    assert reader.read(COMMON, QUESTION) == RIGHT
    unread = reader.read(UNUSUAL, QUESTION)
    assert (unread.kind, unread.rcode) == (ReplyKind.FAILURE, "MALFORMED")
    assert unread.reason.startswith("cannot be read without dnspython: ")
    assert counts.mismatches == 0


def test_dnspython_is_imported_by_the_first_message_that_needs_it() -> None:
    program = f"""
import sys
from lowatch.wiring import service
from lowatch.resolve.upstream.response_reader import ResponseReader
reader = ResponseReader(None, lambda: {UNCHECKED})
assert reader.read({COMMON!r}, {QUESTION!r}).rcode == "NOERROR"
assert "dns" not in sys.modules
assert reader.read({UNUSUAL!r}, {QUESTION!r}).rcode == "SERVFAIL"
assert "dns.message" in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)
