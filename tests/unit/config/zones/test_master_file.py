"""The master-file format, line by line."""

from __future__ import annotations

import pytest

from lowatch.config.zones.master_file import MasterFile, Record, line_of, rows, seconds
from lowatch.config.zones.owner_names import ZoneFileError
from lowatch.core.limits.zones import ZONE_RECORD_BYTES

ORIGIN = b"corp.example."


def fed(*lines: bytes, file: MasterFile | None = None) -> list[Record]:
    file = file or MasterFile(ORIGIN)
    return [record for line in lines if (record := file.feed(line)) is not None]


def test_a_plain_line_is_taken_apart() -> None:
    unbound = b"www.corp.example.\t3600\tIN\tA\t192.0.2.10\n"
    knot = b"www.corp.example.   \t3600\tA\t192.0.2.10\n"
    assert rows(unbound) == [(b"www.corp.example.", b"3600\tIN\t", b"A", b"192.0.2.10", b"")]
    assert rows(knot) == [(b"www.corp.example.", b"3600\t", b"A", b"192.0.2.10", b"")]
    assert rows(b"\tA 192.0.2.10\n") == [(b"", b"", b"A", b"192.0.2.10", b"")]


@pytest.mark.parametrize(
    "line",
    [
        b"; a comment",
        b"$TTL 60",
        b"@ SOA ns root (",
        b'www TXT "a b"',
        rb"a\032b A 192.0.2.10",
        b"www in a 192.0.2.10",
        b"www 1h A 192.0.2.10",
        b"www A",
        b"",
    ],
)
def test_any_other_line_is_kept_whole(line: bytes) -> None:
    assert rows(line + b"\n") == [(b"", b"", b"", b"", line)]


def test_every_line_is_a_row() -> None:
    block = b"a A 192.0.2.1\n\n; b\n  60 IN AAAA ::1\nc CH A x\nd\n"
    assert len(rows(block)) == block.count(b"\n")
    assert b"".join(map(line_of, rows(block))).replace(b" ", b"") == block.translate(None, b"\n ")


@pytest.mark.parametrize(
    "middle", [b"", b"60", b"IN", b"60 IN", b"IN 60", b"1h30M", b"in 1W"], ids=lambda one: one.decode()
)
def test_ttl_and_class_in_any_order(middle: bytes) -> None:
    line = b"www " + middle + b" a 192.0.2.10 ; here"
    assert fed(line) == [Record(b"www.corp.example.", b"A", [b"192.0.2.10"])]


def test_a_record_over_several_lines() -> None:
    lines = [b"@ IN SOA ns root ( 1 ; serial (", b"3600 900", b" 604800 60 ) ; end"]
    [record] = fed(*lines)
    assert record.data == [b"ns", b"root", b"1", b"3600", b"900", b"604800", b"60"]


def test_a_line_without_an_owner_means_the_last_one_also_under_another_origin() -> None:
    file = MasterFile(ORIGIN)
    found = fed(b"www A 192.0.2.1", b"$ORIGIN sub", b" A 192.0.2.2", b"www A 192.0.2.3", file=file)
    assert [one.owner for one in found] == [
        b"www.corp.example.",
        b"www.corp.example.",
        b"www.sub.corp.example.",
    ]


def test_what_is_quoted_is_one_token() -> None:
    [record] = fed(rb'www TXT "a ; ( \" b" c')
    assert record.data == [rb'"a ; ( \" b"', b"c"]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"www", "it has no type"),
        (b"www 60 IN", "it has no type"),
        (b"www CH TXT a", "another class"),
        (b"www CLASS3 TXT a", "another class"),
        (b'www TXT "a', "a quote that is not closed"),
        (b"www TXT a\\", "an unfinished escape"),
        (b"www A 192.0.2.1 )", "without an opening one"),
        (b"$INCLUDE other.zone", r"\$INCLUDE is not read"),
        (b"$GENERATE 1-9 h$ A 192.0.2.$", r"\$GENERATE is not read"),
        (b"$TTL", r"\$TTL is not read"),
        (b"www TYPE1 \\# 4 c000020a", "generic form"),
        (b"www A \\# 4 c000020a", "generic form"),
    ],
)
def test_what_is_no_record_is_refused(line: bytes, why: str) -> None:
    with pytest.raises(ZoneFileError, match=why):
        fed(line)


def test_a_record_must_have_an_owner() -> None:
    with pytest.raises(ZoneFileError, match="without an owner"):
        fed(b" A 192.0.2.1")


def test_a_record_that_never_ends_is_refused() -> None:
    lines = [b"(" + b"a " * 1000] * (ZONE_RECORD_BYTES.value // 2000 + 1)
    with pytest.raises(ZoneFileError, match="a record of more than"):
        fed(*lines)


def test_times() -> None:
    assert [seconds(text) for text in (b"60", b"1h", b"1H30m", b"2w")] == [60, 3600, 5400, 1209600]
    for text in (b"", b"h", b"1y", b"-1", b"1" * 30):
        with pytest.raises(ZoneFileError, match="bad time"):
            seconds(text)
