"""Claiming the control socket: its mode, and who else has it or had it."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lowatch.service.directories import runtime_directory
from lowatch.service.http.control_socket import LOCK_NAME, ControlError, control_listening

ANOTHER = """
import sys
from pathlib import Path
from lowatch.service.http.control_socket import control_listening
with control_listening(Path(sys.argv[1])):
    print("listening", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_daemon(directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that has the control socket."""
    command = [sys.executable, "-c", ANOTHER, str(directory)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"listening\n"
            yield process
        finally:
            process.kill()


def connected(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as peer:
        try:
            peer.connect(str(path))
        except ConnectionRefusedError:
            return False
    return True


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lowatch.sock"


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777])
def test_the_mode_whatever_the_umask(tmp_path: Path, path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        with control_listening(tmp_path) as [listener]:
            status = path.stat()
            assert stat.S_IMODE(status.st_mode) == 0o660
            assert (status.st_uid, status.st_gid) == (os.geteuid(), os.getegid())
            assert not listener.getblocking()
            assert not listener.get_inheritable()
            assert connected(path)
    finally:
        os.umask(before)


def test_it_is_gone_afterwards_and_can_be_had_again(tmp_path: Path, path: Path) -> None:
    for _ in range(2):
        with control_listening(tmp_path):
            assert path.is_socket()
        assert list(tmp_path.iterdir()) == [tmp_path / LOCK_NAME]


def test_the_directory_went_first(tmp_path: Path) -> None:
    directory = tmp_path / "lowatch"
    directory.mkdir()
    with control_listening(directory):
        shutil.rmtree(directory)


def test_no_directory_no_socket() -> None:
    with control_listening(None) as listeners:
        assert listeners == []


def test_one_that_a_killed_daemon_left_is_replaced(tmp_path: Path, path: Path) -> None:
    with another_daemon(tmp_path) as other:
        other.send_signal(signal.SIGKILL)
        other.wait()
        assert path.is_socket()
        assert not connected(path)
        with control_listening(tmp_path):
            assert connected(path)
    assert not path.exists()


def test_one_of_a_running_daemon_is_refused_and_left_alone(tmp_path: Path, path: Path) -> None:
    with another_daemon(tmp_path) as other:
        with pytest.raises(ControlError) as refused, control_listening(tmp_path):
            pass
        assert str(refused.value) == f"control socket {path}: another lowatch (pid {other.pid}) is using it"
        assert connected(path)


def test_refused_even_where_the_other_one_is_stopped_and_its_socket_gone(
    tmp_path: Path, path: Path
) -> None:
    with another_daemon(tmp_path) as other:
        other.send_signal(signal.SIGSTOP)
        path.unlink()
        with pytest.raises(ControlError) as refused, control_listening(tmp_path):
            pass
        assert str(refused.value) == f"control socket {path}: another lowatch is using it"


@pytest.mark.parametrize("kind", ["file", "directory", "link"])
def test_what_is_no_socket_is_not_removed(tmp_path: Path, path: Path, kind: str) -> None:
    if kind == "file":
        path.write_text("precious")
    elif kind == "directory":
        path.mkdir()
    else:
        path.symlink_to("/dev/null")
    with pytest.raises(ControlError) as refused, control_listening(tmp_path):
        pass
    assert str(refused.value) == f"control socket {path}: something other than a socket is there"
    assert path.lstat()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("absent", "No such file or directory"),
        ("file", "Not a directory"),
        ("x" * 100, "AF_UNIX path too long"),
    ],
)
def test_a_directory_that_will_not_do_is_reported_in_one_line(
    tmp_path: Path, name: str, reason: str
) -> None:
    directory = tmp_path / name
    if name == "file":
        directory.touch()
    elif name != "absent":
        directory.mkdir()
    with pytest.raises(ControlError) as refused, control_listening(directory):
        pass
    assert str(refused.value) == f"control socket {directory}/lowatch.sock: {reason}"


@pytest.mark.parametrize(
    ("value", "directory"),
    [(None, None), ("", None), ("/run/lowatch", "/run/lowatch"), ("/run/a:/run/b", "/run/a")],
)
def test_the_directory_is_the_first_that_systemd_names(value: str | None, directory: str | None) -> None:
    environ = {} if value is None else {"RUNTIME_DIRECTORY": value}
    assert runtime_directory(environ) == (directory and Path(directory))


def test_it_is_never_laxer_not_even_for_a_moment(
    tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As found where the mode is about to be set; and where that fails, nothing stays."""
    found: list[int] = []

    def refuse(itself: Path, _mode: int) -> None:
        found.append(stat.S_IMODE(itself.stat().st_mode))
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "chmod", refuse)
    before = os.umask(0)
    try:
        with pytest.raises(ControlError) as refused, control_listening(tmp_path):
            pass
    finally:
        os.umask(before)
    assert str(refused.value) == f"control socket {path}: Operation not permitted"
    assert found == [0o660]
    assert not path.exists()


def test_whoever_may_read_the_directory_does_not_keep_it_from_starting(tmp_path: Path, path: Path) -> None:
    """flock(2) takes any open descriptor; a directory of mode 0755 gives everybody one."""
    tmp_path.chmod(0o755)
    theirs = os.open(tmp_path, os.O_RDONLY)
    try:
        fcntl.flock(theirs, fcntl.LOCK_EX)
        with control_listening(tmp_path):
            assert connected(path)
    finally:
        os.close(theirs)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_nobody_else_can_open_what_is_locked(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        for _ in range(2):
            with control_listening(tmp_path):
                assert stat.S_IMODE((tmp_path / LOCK_NAME).stat().st_mode) == 0o600
    finally:
        os.umask(before)


def refusal(directory: Path) -> str:
    with pytest.raises(ControlError) as refused, control_listening(directory):
        pass
    assert not (directory / "lowatch.sock").exists()
    return str(refused.value).removeprefix(f"control socket {directory}/lowatch.sock: ")


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o702])
def test_a_directory_that_everybody_may_write_to_is_refused(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)
    assert refusal(tmp_path) == f"its directory is open to other users (mode {mode:04o})"


@pytest.mark.parametrize("kind", ["link", "fifo", "directory", "lax"])
def test_a_lock_that_was_planted_is_refused(tmp_path: Path, kind: str) -> None:
    lock = tmp_path / LOCK_NAME
    if kind == "link":
        (tmp_path / "theirs").touch()
        lock.symlink_to(tmp_path / "theirs")
        reason = os.strerror(errno.ELOOP)
    elif kind == "fifo":
        os.mkfifo(lock, 0o600)
        reason = "lowatch.lock beside it is not a regular file"
    elif kind == "directory":
        lock.mkdir()
        reason = os.strerror(errno.EISDIR)
    else:
        lock.touch()
        lock.chmod(0o640)
        reason = "lowatch.lock beside it is open to other users (mode 0640)"
    assert refusal(tmp_path) == reason


@pytest.mark.parametrize(("owned", "what"), [(".", "its directory"), (LOCK_NAME, f"{LOCK_NAME} beside it")])
def test_what_somebody_else_owns_is_refused(
    tmp_path: Path, owned: str, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The owner is made up: the tests may have one uid alone."""
    (tmp_path / LOCK_NAME).touch(0o600)
    theirs = (tmp_path / owned).stat().st_ino
    fstat = os.fstat

    def of_another(descriptor: int) -> os.stat_result:
        found = fstat(descriptor)
        return found if found.st_ino != theirs else os.stat_result((*found[:4], 65534, *found[5:10]))

    monkeypatch.setattr(os, "fstat", of_another)
    assert refusal(tmp_path) == f"{what} belongs to uid 65534, not to {os.geteuid()}"
