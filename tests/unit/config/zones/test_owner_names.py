"""Names in zone files, in one form."""

from __future__ import annotations

import dns.name
import pytest

from lowatch.config.zones.owner_names import ZoneFileError, absolute, is_within, parents

ORIGIN = b"corp.example."


@pytest.mark.parametrize(
    ("written", "name"),
    [
        (b"www", b"www.corp.example."),
        (b"WWW.Corp.Example.", b"www.corp.example."),
        (b"@", ORIGIN),
        (b"*", b"*.corp.example."),
        (rb"a\.b", rb"a\.b.corp.example."),
        (rb"a\.", rb"a\..corp.example."),
        (rb"\119\087w", b"www.corp.example."),
        (rb"a\032b", rb"a\032b.corp.example."),
        (rb"a\@b", b"a@b.corp.example."),
        (b"\xc3\xbc", rb"\195\188.corp.example."),
        (b".", b"."),
    ],
)
def test_a_name_is_absolute_and_lower_case(written: bytes, name: bytes) -> None:
    assert absolute(written, ORIGIN) == name


def test_relative_to_the_root() -> None:
    assert absolute(b"example", b".") == b"example."
    assert absolute(b"@", b".") == b"."


@pytest.mark.parametrize(
    "written", [b"a..b", b".a", b"a" * 64, b".".join([b"a" * 63] * 4), rb"a\256b", b'"a"', b"a..example."]
)
def test_a_malformed_name_is_refused(written: bytes) -> None:
    with pytest.raises(ZoneFileError):
        absolute(written, ORIGIN)


def test_a_name_of_255_octets_is_the_longest() -> None:
    longest = b".".join([b"a" * 63] * 3 + [b"a" * 61]) + b"."
    assert len(dns.name.from_text(longest.decode()).to_wire()) == 255
    assert absolute(longest, None) == longest
    with pytest.raises(ZoneFileError, match="255"):
        absolute(b"b." + longest, None)


def test_a_relative_name_needs_an_origin() -> None:
    with pytest.raises(ZoneFileError, match=r"before any \$ORIGIN"):
        absolute(b"www", None)


def test_within_a_zone() -> None:
    assert is_within(b"corp.example.", ORIGIN)
    assert is_within(b"a.corp.example.", ORIGIN)
    assert not is_within(b"xcorp.example.", ORIGIN)
    assert not is_within(b"example.", ORIGIN)
    assert is_within(b"anything.", b".")


def test_the_names_above() -> None:
    assert parents(b"a.b.example.") == [b"b.example.", b"example."]
    assert parents(b"example.") == []
