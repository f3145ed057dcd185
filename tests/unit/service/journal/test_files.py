"""Which files of the journal are found, and which of them cannot be opened."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from lowatch.service.journal.files import Unopened, journal_files, unopened

OURS, OTHERS = "0" * 31 + "1", "0" * 31 + "2"


def test_those_of_the_directory_and_of_the_machines_below_it(tmp_path: Path) -> None:
    for name in (
        "a.journal",
        "b.journal~",
        "c.txt",
        f"{OURS}/d.journal",
        f"{OTHERS}/e.journal",
        "x/f.journal",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / OURS / OTHERS).mkdir()
    (tmp_path / OURS / OTHERS / "g.journal").touch()
    place, missing = str(tmp_path), str(tmp_path / "none")
    found = [
        Path(str(each)).name for each in journal_files([missing, place], lambda path: path.endswith("1"))
    ]
    assert found == ["a.journal", "b.journal~", "d.journal"]
    every = [Path(str(each)).name for each in journal_files([place], lambda _: True)]
    assert every == ["a.journal", "b.journal~", "d.journal", "e.journal"]


def test_a_directory_that_cannot_be_listed_is_told(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    assert list(journal_files([str(file)], lambda _: True)) == [Unopened(str(file), errno.ENOTDIR)]


def test_each_is_opened_and_what_is_gone_meanwhile_is_no_failure() -> None:
    errors = {"good": 0, "closed": errno.EACCES, "gone": errno.ENOENT, "short": errno.ENODATA}

    def open_one(path: str) -> None:
        if errors[path]:
            raise OSError(errors[path], os.strerror(errors[path]))

    outside = Unopened("directory", errno.EACCES)
    closed, short = Unopened("closed", errno.EACCES), Unopened("short", errno.ENODATA)
    assert list(unopened([outside, *errors], open_one)) == [outside, closed, short]
    assert [each.is_denied for each in (outside, closed, short)] == [True, True, False]


def test_reasons() -> None:
    reasons = [
        Unopened("", code).reason
        for code in (errno.ENODATA, errno.EBADMSG, errno.EPROTONOSUPPORT, errno.EIO)
    ]
    assert reasons == [
        "it is truncated",
        "it is corrupted",
        "it has features that this version of libsystemd does not know",
        "Input/output error",
    ]
