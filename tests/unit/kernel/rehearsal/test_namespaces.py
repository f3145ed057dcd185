"""A child process in network namespaces of its own."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from lowatch.kernel.rehearsal.namespaces import Namespaces, NoNamespaceError, Say, lines_of_child
from tests.support.netns import Netns, as_ordinary_user


def here() -> str:
    return str(Path("/proc/thread-self/ns/net").readlink())


def moving(say: Say) -> None:
    namespaces = Namespaces()
    for _ in range(2):
        namespaces.enter_fresh()
        say(here())


def test_each_is_another_one(netns: Netns) -> None:
    before = here()
    first, second = lines_of_child(moving, 10)
    assert len({before, first, second}) == 3
    assert here() == before


def test_an_ordinary_user_has_them_too(netns: Netns) -> None:
    module = "tests.unit.kernel.rehearsal.test_namespaces"
    code = f"from {module} import *; print(len(set([here(), *lines_of_child(moving, 10)])))"
    assert netns.run(*as_ordinary_user(sys.executable, "-c", code)) == "3\n"


def test_what_it_said_before_it_fails() -> None:
    def work(say: Say) -> None:
        say("one")
        raise ValueError("two")

    assert lines_of_child(work, 10) == ["one"]


def test_one_that_takes_too_long_is_killed() -> None:
    def work(say: Say) -> None:
        say(str(os.getpid()))
        select.select([], [], [])

    [child] = lines_of_child(work, 0.2)
    assert not Path("/proc", child).exists()


def test_a_long_line() -> None:
    assert lines_of_child(lambda say: say("x" * 1_000_000), 10) == ["x" * 1_000_000]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_it_ends_with_its_parent(number: signal.Signals) -> None:
    code = (
        "import os, select; from lowatch.kernel.rehearsal.namespaces import *\n"
        "def work(say): os.write(1, b'%d\\n' % os.getpid()); select.select([], [], [])\n"
        "lines_of_child(work, 60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        handle = os.pidfd_open(child)
        parent.send_signal(number)
        parent.wait()
        ended, _, _ = select.select([handle], [], [], 30)
        os.close(handle)
        with suppress(ChildProcessError):  # the session adopts it, unless its parent waited for it
            os.waitpid(child, 0)
        assert ended


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (1, "this user may make no network namespace"),
        (28, "no more namespaces are allowed (user.max_net_namespaces, user.max_user_namespaces)"),
        (12, "no network namespace can be made: Cannot allocate memory"),
    ],
)
def test_why_there_is_none(code: int, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The calling process stays where it is: nothing is made."""
    monkeypatch.setattr("lowatch.kernel.rehearsal.namespaces._Libc.unshare", lambda *_: code)
    with pytest.raises(NoNamespaceError) as refused:
        Namespaces().enter_fresh()
    assert str(refused.value) == reason
