"""Whose a thread is: by its descriptor, or by the lists of all units."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from lowatch.kernel.cgroups import CgroupUnits
from lowatch.kernel.processes import NOBODY, Owner, Processes

GONE = (1 << 22) + 1
"""No kernel gives a thread such an ID."""


@pytest.fixture(autouse=True)
def first(monkeypatch: pytest.MonkeyPatch) -> None:
    """The PID namespace of the tests stands for the first one."""
    own = Path("/proc/self/ns/pid").stat().st_ino
    monkeypatch.setattr("lowatch.kernel.processes._FIRST_PID_NAMESPACE", own)


@pytest.fixture
def hierarchy(tmp_path: Path) -> Path:
    """Units whose cgroup.threads have this thread, or others."""
    (tmp_path / "cgroup.controllers").touch()
    ours = threading.get_native_id()
    for name, threads in (
        (".", [ours]),
        ("system.slice/other.service", [1, int(f"{ours}0")]),
        ("system.slice/backup.service/worker", [2, ours]),
    ):
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
        (tmp_path / name / "cgroup.threads").write_text("".join(f"{one}\n" for one in threads))
    return tmp_path


def refuse(number: int) -> Callable[[int, int], int]:
    def opened(pid: int, flags: int) -> int:
        raise OSError(number, os.strerror(number))

    return opened


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOSYS, errno.EPERM, errno.ENOTTY])
def test_an_older_kernel_has_it_in_the_lists_of_the_units(
    hierarchy: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(os, "pidfd_open", refuse(number))
    processes = Processes(CgroupUnits((hierarchy,)), now=lambda: 0.0)
    assert processes.owner(threading.get_native_id()) == Owner(None, "backup.service")
    assert processes.owner(GONE) == NOBODY


def test_the_lists_are_read_as_often_as_their_time_allows(
    hierarchy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "pidfd_open", refuse(errno.EINVAL))
    moments = iter([0.0, 1.0, 20.9, 21.1, 21.1])
    processes = Processes(CgroupUnits((hierarchy,)), now=lambda: next(moments))
    ours = threading.get_native_id()
    assert processes.owner(ours).unit == "backup.service"
    assert processes.owner(ours) == NOBODY, "a second was spent, twenty are not over"
    assert processes.owner(ours).unit == "backup.service"


@pytest.mark.parametrize("number", [errno.ESRCH, errno.EMFILE, errno.ENOENT])
def test_a_failure_of_the_moment_changes_nothing(
    hierarchy: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(os, "pidfd_open", refuse(number))
    processes = Processes(CgroupUnits((hierarchy,)))
    assert processes.owner(threading.get_native_id()) == NOBODY


def test_in_another_pid_namespace_nothing_is_asked(hierarchy: Path, tmp_path: Path) -> None:
    for elsewhere in (tmp_path, tmp_path / "absent"):
        processes = Processes(CgroupUnits((hierarchy,)), namespace=elsewhere)
        assert processes.owner(threading.get_native_id()) == NOBODY


def test_without_cgroups_there_is_no_unit(tmp_path: Path) -> None:
    assert CgroupUnits((tmp_path,)).unit_of_thread(os.getpid()) is None
