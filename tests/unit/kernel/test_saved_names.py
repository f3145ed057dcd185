"""How the names of threads are read. tests/tracing reads the kernel's own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lowatch.kernel.saved_names import files_beside, saved_names


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "saved_cmdlines"


@pytest.mark.parametrize(
    ("content", "names"),
    [
        (b"", {}),
        (b"12 curl\n", {12: "curl"}),
        (b"11 sh\n12 tmux: server\n13 ssh\n", {12: "tmux: server"}),
        (b"12 caf\xc3\xa9\n", {12: "caf\u00e9"}),
        (b"12 \xff\n", {12: "\\xff"}),
        (b"12 \n", {12: ""}),
        (b"12\n", {}),
        (b"7 sh\n12 forged\n12 curl\n", {}),
        (b"7 \n\n x\n-12 y\n12 z", {12: "z"}),
        (b"9" * 5_000 + b" curl\n\xb2 curl\n112 sh\n", {}),
        (b"12 " + b"x" * 5_000, {12: "x" * 15}),
        (b"".join(b"%d sh\n" % one for one in range(6_000)), {12: "sh", 77: "sh"}),
    ],
)
def test_names_of_the_threads_that_are_asked_for(file: Path, content: bytes, names: dict[int, str]) -> None:
    file.write_bytes(content)
    assert saved_names({12, 77}, [file]) == names


def test_the_first_file_that_can_be_read(file: Path, tmp_path: Path) -> None:
    file.write_bytes(b"12 curl\n")
    missing = tmp_path / "missing"
    assert saved_names({12}, [missing, file]) == {12: "curl"}
    assert saved_names({12}, [missing, tmp_path]) == {}


BOUND = Path("/run/lowatch-saved-names")


def test_they_are_beside_the_instances(tmp_path: Path) -> None:
    instance = tmp_path / "instances" / "lowatch"
    instance.mkdir(parents=True)
    with (instance / "trace_pipe").open("w") as pipe:
        assert files_beside(pipe.fileno()) == (tmp_path / "saved_cmdlines", BOUND)


def test_what_is_in_no_tracefs_has_none_beside_it() -> None:
    reading, writing = os.pipe()
    assert files_beside(reading) == (BOUND,)
    os.close(reading)
    assert files_beside(reading) == (BOUND,)
    os.close(writing)
