"""learned.json: what it keeps, and what it makes of a damaged one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lowatch.core.addresses import parse_port
from lowatch.core.clock import Now
from lowatch.core.learned_names import LearnedName
from lowatch.core.limits.names import LEARNED_NAMES
from lowatch.core.name_sources import NameSource
from lowatch.service.learned_file import LearnedFile, render_learned

HTTP, ALT = map(parse_port, ("80/tcp", "8080/tcp"))
NOW, LATER = Now(1_000.0, 1_795_403_527.0), Now(50.0, 1_795_403_627.0)
NAMES = [
    ("shop.example", LearnedName(NameSource.DNSTAP, 900.0, {ALT: 950.5}, frozenset({HTTP}))),
    ("api.example", LearnedName(NameSource.RESOLVED, 1_000.0)),
]
ROW = ["shop.example", "dnstap", 1_795_403_427.0, [["8080/tcp", 1_795_403_477.5]], ["80/tcp"]]


def test_times_pass_while_nothing_runs(tmp_path: Path) -> None:
    assert LearnedFile(tmp_path).save(render_learned(NAMES, NOW))
    assert LearnedFile(tmp_path).load(LATER) == [
        ("shop.example", LearnedName(NameSource.DNSTAP, -150.0, {ALT: -99.5}, frozenset({HTTP}))),
        ("api.example", LearnedName(NameSource.RESOLVED, -50.0)),
    ]


def test_a_clock_that_was_set_back_makes_nothing_older(tmp_path: Path) -> None:
    LearnedFile(tmp_path).save(render_learned(NAMES, NOW))
    loaded = LearnedFile(tmp_path).load(Now(5.0, NOW.wall - 86_400.0))
    assert [one.last for _, one in loaded] == [5.0, 5.0]


def test_the_format(tmp_path: Path) -> None:
    LearnedFile(tmp_path).save(render_learned(NAMES[:1], NOW))
    assert (tmp_path / "learned.json").read_text() == (
        '{"schema": 1, "names": [\n'
        '["shop.example", "dnstap", 1795403427.0, [["8080/tcp", 1795403477.5]], ["80/tcp"]]\n'
        "]}\n"
    )


def test_without_a_directory_nothing_is_kept() -> None:
    assert LearnedFile(None).load(NOW) == []
    assert LearnedFile(None).save(b"")


def test_as_many_as_there_may_be_are_read_again(tmp_path: Path) -> None:
    ports = {parse_port(f"{number}/tcp"): 1.0 for number in (8080, 8443, 65535)}
    one = LearnedName(NameSource.DNSTAP, 1.0, ports, frozenset(ports))
    names = [(f"n{number}.example", one) for number in range(LEARNED_NAMES.value)]
    LearnedFile(tmp_path).save(render_learned(names, NOW))
    assert len(LearnedFile(tmp_path).load(NOW)) == LEARNED_NAMES.value


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{}",
        b"[" * 1000,
        b'{"schema": 2, "names": []}',
        *(
            json.dumps({"schema": 1, "names": [row]}).encode()
            for row in (
                3,
                ROW[:4],
                ["-", *ROW[1:]],
                ["Shop.example", *ROW[1:]],
                [ROW[0], "configured", *ROW[2:]],
                [*ROW[:2], True, *ROW[3:]],
                [*ROW[:3], [["8080/tcp"]], ROW[4]],
                [*ROW[:3], [["8080/tcp", -1]], ROW[4]],
                [*ROW[:4], ["80/sctp"]],
                [*ROW[:4], [80]],
            )
        ),
        b'{"schema": 1, "names": [' + b"[]," * 400_000 + b"[]]}",
    ],
)
def test_a_damaged_file_is_set_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: bytes
) -> None:
    (tmp_path / "learned.json").write_bytes(damage)
    file = LearnedFile(tmp_path)
    assert file.load(NOW) == []
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith(f"the state file {tmp_path}/learned.json is damaged: ")
    assert file.save(render_learned(NAMES, NOW))
    assert LearnedFile(tmp_path).load(NOW)
