from __future__ import annotations

import json
import logging
import resource
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from lowatch.core.lifecycle import Tracked
from lowatch.service.directories import state_directory
from lowatch.service.state_file import StateFile

from .remembered import ORPHAN, RECORD, TWO, TWO_LOADED, remembered


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


@pytest.fixture(autouse=True)
def _every_level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "lowatch")


def test_state_directory_is_the_first_that_systemd_gives() -> None:
    assert state_directory({"STATE_DIRECTORY": "/var/lib/lowatch"}) == Path("/var/lib/lowatch")
    assert state_directory({"STATE_DIRECTORY": "/var/lib/a:/var/lib/b"}) == Path("/var/lib/a")
    assert state_directory({"STATE_DIRECTORY": ""}) is None
    assert state_directory({}) is None


def test_without_a_directory_nothing_is_kept(caplog: pytest.LogCaptureFixture) -> None:
    store = StateFile(None)
    store.save(TWO)
    assert store.load() == []
    assert logged(caplog) == []


def test_a_restart_remembers(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert StateFile(tmp_path).load() == []
    StateFile(tmp_path).save(TWO)
    assert StateFile(tmp_path).load() == TWO_LOADED
    StateFile(tmp_path).save({})
    assert StateFile(tmp_path).load() == []
    assert logged(caplog) == []


def test_the_file_is_plain_and_private(tmp_path: Path) -> None:
    StateFile(tmp_path).save(TWO)
    (path,) = tmp_path.iterdir()
    assert path.name == "findings.json"
    assert path.stat().st_mode & 0o777 == 0o600
    document = json.loads(path.read_text())
    assert list(document) == ["schema", "findings"]
    assert document["findings"][0] == RECORD
    assert [record["state"] for record in document["findings"]] == ["firing", "pending"]


def test_what_is_there_already_is_not_written_again(tmp_path: Path) -> None:
    path = tmp_path / "findings.json"
    store = StateFile(tmp_path)

    def written(tracked: Mapping[str, Tracked]) -> bool:
        before = path.stat().st_ino
        store.save(tracked)
        return path.stat().st_ino != before

    store.save(TWO)
    keep = path.open("rb")  # its inode number is not used again meanwhile
    assert not written(dict(reversed(TWO.items())))
    assert written({"orphan-vip": ORPHAN})
    assert written(TWO)
    store = StateFile(tmp_path)
    store.load()
    assert not written(TWO)
    keep.close()


def test_readers_see_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    store = StateFile(tmp_path)
    store.save(TWO)
    with (tmp_path / "findings.json").open() as old:
        store.save({})
        assert len(json.load(old)["findings"]) == 2


def test_what_a_crash_left_half_written_is_cleaned(tmp_path: Path) -> None:
    StateFile(tmp_path).save(TWO)
    (tmp_path / "findings.json.tmp").write_bytes(b'{"schema": 1, "find')
    store = StateFile(tmp_path)
    assert store.load() == TWO_LOADED
    assert [path.name for path in tmp_path.iterdir()] == ["findings.json"]


def test_a_file_that_cannot_be_read_is_no_reason_to_die(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "findings.json").mkdir()
    assert StateFile(tmp_path).load() == []
    (message,) = logged(caplog)
    assert "findings.json is damaged: it is a directory, not a regular file; kept as " in message


def test_what_is_only_brackets_is_damaged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """json would take a gigabyte for it."""
    (tmp_path / "findings.json").write_bytes(b"[" + b"[]," * 3_000_000 + b"[]]")
    assert StateFile(tmp_path).load() == []
    (message,) = logged(caplog)
    assert "is damaged: it has more than 5,000,000 values; kept as " in message


@contextmanager
def no_file_longer_than(octets: int) -> Iterator[None]:
    """A write that stops half-way, for real: EFBIG (Python ignores SIGXFSZ)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (octets, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_failed_write_keeps_the_old_file_and_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = StateFile(tmp_path)
    store.save({"orphan-vip": ORPHAN})
    with no_file_longer_than(100):
        for _ in range(3):
            store.save(TWO)
    (message,) = logged(caplog)
    assert message == (f"cannot write the state file {tmp_path}/findings.json: File too large, ignoring")
    assert [path.name for path in tmp_path.iterdir()] == ["findings.json"]
    assert StateFile(tmp_path).load() == remembered(ORPHAN)

    caplog.clear()
    store.save(TWO)
    assert StateFile(tmp_path).load() == TWO_LOADED
    assert logged(caplog) == [f"the state file {tmp_path}/findings.json can be written again"]


def test_a_directory_that_vanished_is_missed_once_in_each_streak(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    directory = tmp_path / "state"
    store = StateFile(directory)
    for _ in range(2):
        store.save(TWO)
        store.save({})
        directory.mkdir()
        store.save(TWO)
        (directory / "findings.json").unlink()
        directory.rmdir()
        store.save({})
        directory.mkdir()
        store.save({})
        (directory / "findings.json").unlink()
        directory.rmdir()
    complaints = [message for message in logged(caplog) if message.startswith("cannot write")]
    assert len(complaints) == 4


FULL_AND_READ_ONLY = """
    import logging, subprocess, sys
    from pathlib import Path
    from lowatch.core.findings import Finding, FindingKind, Subject
    from lowatch.core.lifecycle import FindingState, Tracked
    from lowatch.service.state_file import StateFile

    logging.basicConfig(format="%(message)s", stream=sys.stdout, level=logging.INFO)
    one = Tracked(Finding(Subject(FindingKind.HOLDER_DOWN), "x"), FindingState.FIRING, 1.0, 0.0)
    directory = Path(sys.argv[1])
    def remount(options: str) -> None:
        subprocess.run(["mount", "-o", f"remount,bind,{options}", directory], check=True)

    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", directory], check=True)
    store = StateFile(directory)
    store.save({"one": one})
    (directory / "ballast").write_bytes(bytes(8192))
    store.save({str(n): one for n in range(1000)})  # does not fit
    store.save({str(n): one for n in range(1001)})
    assert sorted(p.name for p in directory.iterdir()) == ["ballast", "findings.json"]
    assert [one.since for one in StateFile(directory).load()] == [1.0]
    store.save({})
    remount("ro")
    store.save({"one": one})
    (store := StateFile(directory)).load()
    remount("rw")
    (directory / "findings.json").write_bytes(b"damaged")
    remount("ro")
    assert store.load() == []
"""


def test_a_full_and_a_read_only_disk(tmp_path: Path) -> None:
    """In a mount namespace of its own, that of a child process."""
    program = [sys.executable, "-c", textwrap.dedent(FULL_AND_READ_ONLY), str(tmp_path)]
    command = ["unshare", "--user", "--map-root-user", "--mount", *program]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert ran.returncode == 0, ran.stderr
    path = f"{tmp_path}/findings.json"
    damaged = "is damaged (Expecting value: line 1 column 1 (char 0)) and cannot be set aside"
    aside = f"[Errno 30] Read-only file system: '{path}' -> '{path}.damaged'"
    assert ran.stdout.splitlines() == [
        f"cannot write the state file {path}: No space left on device, ignoring",
        f"the state file {path} can be written again",
        f"cannot write the state file {path}: Read-only file system, ignoring",
        f"the state file {path} {damaged}: {aside}",
    ]


def test_threads_that_save_at_once_leave_a_whole_file(tmp_path: Path) -> None:
    store = StateFile(tmp_path)
    subject = ORPHAN.finding.subject
    names = [subject._replace(domain=f"d{n}.example.com") for n in range(300)]
    many = {one.key: replace(ORPHAN, finding=replace(ORPHAN.finding, subject=one)) for one in names}
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(store.save, [many, TWO, {}, many, TWO, {}] * 3))
    assert len(StateFile(tmp_path).load()) in (300, 2, 0)
    assert [path.name for path in tmp_path.iterdir()] == ["findings.json"]
