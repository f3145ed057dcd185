"""What `lowatch ack` writes is read back as it was, whatever the reason is."""

from __future__ import annotations

import tomllib
from datetime import date, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lowatch.config import values
from lowatch.config.acknowledged_file import Entry, acknowledged_path, document_of, read_entries
from lowatch.config.errors import ConfigErrors
from lowatch.config.load import load
from lowatch.core.addresses import parse_prefix
from lowatch.core.policy import Acknowledgement

ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
dates = st.dates(date(1972, 1, 1), date(9990, 1, 1)) | st.datetimes(timezones=ZONES).map(
    lambda moment: moment.replace(year=2000 + moment.year % 1000, day=1)
)
reasons = st.text(min_size=1).filter(lambda text: text.isprintable() and text.strip() == text)


def entry(until: date, reason: str, **matchers: str) -> Entry:
    address = matchers.pop("address", None)
    prefix = None if address is None else parse_prefix(address)
    found = Acknowledgement(values.until(until), values.reason(reason), address=prefix, **matchers)  # type: ignore[arg-type]
    return Entry(found, until)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(dates, reasons), min_size=1, max_size=4))
@example([(date(2027, 1, 31), r"""it's "quoted", \n'''\u0041""" + '"""\\')])
@example([(date(2027, 1, 31), "# [[acknowledge]] = {} möve ✓ 🚚")])
def test_any_reason_round_trips(rows: list[tuple[date, str]]) -> None:
    entries = [entry(*row, kind="orphan-vip", address="192.0.2.10", domain="*.example.com") for row in rows]
    with TemporaryDirectory() as directory:
        main = Path(directory) / "lowatch.toml"
        main.touch()
        path = acknowledged_path(main)
        path.parent.mkdir()
        document = document_of(path, entries)
        path.write_bytes(document.text.encode())
        written = tomllib.loads(path.read_bytes().decode())["acknowledge"]
        assert [(one["until"], one["reason"]) for one in written] == rows
        assert read_entries(path) == entries
        assert load(main).policy.acknowledgements == tuple(one.acknowledgement for one in entries)
        assert load(main, instead=document) == load(main)


def test_a_date_stays_a_date_and_an_offset_stays(tmp_path: Path) -> None:
    text = document_of(
        tmp_path / "x.toml",
        [
            entry(date(2027, 1, 31), "one", kind="idle-vip", address="2001:db8::/64"),
            entry(tomllib.loads("x = 2027-01-31T12:00:00+01:00")["x"], "two", domain="*"),
        ],
    ).text
    assert text.split("\n\n", 1)[1] == (
        '[[acknowledge]]\nkind = "idle-vip"\naddress = "2001:db8::/64"\n'
        'until = 2027-01-31\nreason = "one"\n\n'
        '[[acknowledge]]\ndomain = "*"\nuntil = 2027-01-31T12:00:00+01:00\nreason = "two"\n'
    )


def test_no_file_has_no_entries(tmp_path: Path) -> None:
    assert read_entries(tmp_path / "none.toml") == []


def test_a_file_of_somebody_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "acknowledged.toml"
    path.write_text('[[acknowledge]]\nkind = "idle-vip"\nuntil = 2027-01-31\nreason = "by hand"\n')
    with pytest.raises(ConfigErrors) as raised:
        read_entries(path)
    assert str(raised.value) == (
        f"{path}:1: was not written by `lowatch ack` (give it another name, which ends in .toml too)"
    )


def test_what_this_command_does_not_write_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "acknowledged.toml"
    text = document_of(path, []).text
    path.write_text(f'{text}hold = "5s"\n[[acknowledge]]\nkind = "idle-vip"\nuntil = 2027-01-31\n')
    with pytest.raises(ConfigErrors) as raised:
        read_entries(path)
    assert [(error.line, error.key) for error in raised.value.errors] == [
        (2, "hold"),
        (3, "acknowledge[0]"),
    ]


class TestInstead:
    """A document in place of a file of lowatch.d."""

    def test_it_is_read_in_its_place_in_the_order(self, tmp_path: Path) -> None:
        main = tmp_path / "lowatch.toml"
        main.touch()
        path = acknowledged_path(main)
        path.parent.mkdir()
        (path.parent / "z.toml").touch()
        document = document_of(path, [entry(date(2027, 1, 31), "one", domain="*")])
        config = load(main, 0.0, document)
        assert config.files == (main, path, path.parent / "z.toml")
        assert config.acknowledged_at == (f"{path}:3",)
        path.write_text("not TOML")
        assert load(main, instead=document) == config

    def test_its_errors_are_reported_with_those_of_the_others(self, tmp_path: Path) -> None:
        main = tmp_path / "lowatch.toml"
        main.write_text("hold = 30\n")
        document = document_of(acknowledged_path(main), [entry(date(2027, 1, 31), "everything")])
        with pytest.raises(ConfigErrors) as raised:
            load(main, instead=document)
        assert [error.key for error in raised.value.errors] == ["hold", "acknowledge[0]"]

    def test_it_counts_as_a_file(self, tmp_path: Path) -> None:
        main = tmp_path / "lowatch.toml"
        main.touch()
        path = acknowledged_path(main)
        path.parent.mkdir()
        for number in range(1000):
            (path.parent / f"{number}").touch()
        load(main)
        with pytest.raises(ConfigErrors, match="more than 1,000 files"):
            load(main, instead=document_of(path, []))
