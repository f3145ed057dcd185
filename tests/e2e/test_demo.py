"""`lowatch demo` tells its whole story by itself, anywhere, and leaves nothing behind."""

import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.netns import as_ordinary_user
from tests.support.repository import ROOT
from tests.support.tracefs import missing as tracefs_missing

DEMO = (sys.executable, "-m", "lowatch", "demo")
DEADLINE = 30
README = ROOT.joinpath("README.md").read_text()

# What a reader must have seen, in this order.
STORY = re.compile(
    r"""
    address\ add\ 192\.0\.2\.10/32\ dev\ lo .*
    shop\.example\.\ 60\ IN\ A\ 192\.0\.2\.10 .*
    lowatch\ run .*
    lo_orphan_vip\{interface="lo",address="192\.0\.2\.10",
        domain="shop\.example",port="80",protocol="tcp"\}\ 0\n .*
    kill\ -9 .*
    lo_orphan_vip\{.*\}\ 1\n .*
    MESSAGE .* LOWATCH_STATE=firing .*
    lowatch\ check .* 192\.0\.2\.10 .* echo\ \$\?\s+1\n .*
    lo_orphan_vip\{.*\}\ 0\n .*
    MESSAGE .* LOWATCH_STATE=resolved .*
    All\ as\ expected
    """,
    re.VERBOSE | re.DOTALL,
)


def shape(text: str) -> list[str]:
    """The words of it, without what differs: numbers, times, the host's name, what its files say."""
    text = re.sub(r"(?m)^ {7}boot   .*\n(?: {14}.*\n)*|^ {14}to persist: .*\n", "", text)
    numbers = re.sub(r"[0-9][0-9.:TZ-]*( ms| s)?\b", "#", text)
    return re.sub(r"\S+, #: # domain", "HOST, #: # domain", numbers).split()


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the demo's temporary directory is made."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(temporary: Path) -> Iterator[Start]:
    """Starts demos, as a shell does: each the leader of a process group."""
    started: list[subprocess.Popen[str]] = []

    def demo(*story: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*DEMO, *story], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0
        )
        started.append(process)
        return process

    yield demo
    for process in started:
        process.kill()
        process.communicate(timeout=DEADLINE)


def read_until(process: subprocess.Popen[str], shown: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if shown in line:
            return
    raise AssertionError(f"ended before it showed {shown!r}")


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


ZERO = re.compile(
    r"""
    shop\.example\.\ 60\ IN\ A\ 192\.0\.2\.10 .*
    lowatch\ run .*
    nightly-backup .* 200\n .*
    lo_orphan_vip\{interface="lo",address="192\.0\.2\.10",
        domain="shop\.example",port="80",protocol="tcp"\}\ 0\n .*
    nightly-backup .* Connection\ refused\n .*
    orphan-vip:\ shop\.example\ at\ 192\.0\.2\.10\ +[0-9.]+\ ms\ after\ it\ was\ refused\n .*
    local\ clients\ refused:\ 1 (?P<program>.*)\n
    .*served\ until\ [-0-9T:Z]+\ +by\ (?P<unit>.*)\n .*
    MESSAGE .* LOWATCH_STATE=firing .*
    ip\ address\ del\ 192\.0\.2\.10/32\ dev\ lo\n .*
    MESSAGE .* LOWATCH_STATE=resolved .*
    All\ as\ expected
    """,
    re.VERBOSE | re.DOTALL,
)
MADE_BY_ROOT = (Path("/sys/fs/cgroup"), Path("/sys/kernel/tracing/instances"))


def left() -> list[Path]:
    """What root's demo has made of the whole host's, and not removed."""
    return [path for parent in MADE_BY_ROOT for path in parent.glob("lowatch-demo-*")]


@pytest.mark.parametrize("prefix", [[], as_ordinary_user()], ids=["root", "ordinary-user"])
def test_the_story_without_a_name(temporary: Path, prefix: list[str]) -> None:
    command = [*prefix, *DEMO, "zero"]
    told = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert (told.returncode, told.stderr) == (0, "")
    found = ZERO.search(told.stdout)
    assert found, told.stdout
    assert (re.search(r"nightly-backup \(PID \d+\)", found["program"]) is not None) is (
        "only root gets one" not in told.stdout
    )
    if not prefix and not tracefs_missing():
        assert "nightly-backup" in found["program"]
    assert list(temporary.iterdir()) == left() == []


def test_of_the_whole_host_it_leaves_nothing(start: Start) -> None:
    demo = start("zero")
    read_until(demo, "served. From now on")
    os.killpg(demo.pid, signal.SIGINT)
    demo.communicate(timeout=DEADLINE)
    assert left() == []


def test_of_the_whole_host_it_leaves_nothing_when_it_is_killed(start: Start) -> None:
    demo = start("zero")
    read_until(demo, "served. From now on")
    ours = children(demo.pid)
    demo.kill()
    demo.wait(DEADLINE)
    for pid in ours:  # ours now: the session is a subreaper
        os.waitpid(pid, 0)
    assert left() == []


@pytest.mark.parametrize("prefix", [[], as_ordinary_user()], ids=["root", "ordinary-user"])
def test_the_whole_story(temporary: Path, prefix: list[str]) -> None:
    began = time.monotonic()
    told = subprocess.run([*prefix, *DEMO], capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert (told.returncode, told.stderr) == (0, "")
    assert STORY.search(told.stdout), told.stdout
    assert time.monotonic() - began < 10
    assert list(temporary.iterdir()) == []
    [shown] = re.findall(r"```\n(lowatch demo:.*?)```", README, re.DOTALL)
    assert shape(shown) == shape(told.stdout), "paste the demo's output into README.md again"


def test_where_nobody_may_have_a_namespace() -> None:
    """For real: in a user namespace where one more may be made, which makes the user ordinary."""
    forbid = 'echo 1 > /proc/sys/user/max_user_namespaces; exec "$@"'
    told = subprocess.run(
        [
            "unshare",
            "--user",
            "--map-root-user",
            "--",
            "sh",
            "-c",
            forbid,
            "sh",
            *as_ordinary_user(*DEMO),
        ],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr.startswith("lowatch: demo: needs root or unprivileged user namespaces: ")
    assert told.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("scene", "number"),
    [
        ("1.", signal.SIGINT),
        ("GET", signal.SIGTERM),
        ("$ kill -9", signal.SIGINT),
        ("LOWATCH_STATE=firing", signal.SIGTERM),
    ],
)
def test_stopped_anywhere_it_leaves_nothing(
    start: Start, temporary: Path, scene: str, number: signal.Signals
) -> None:
    demo = start()
    read_until(demo, scene)
    os.killpg(demo.pid, number)  # as Ctrl-C does
    _, stderr = demo.communicate(timeout=DEADLINE)
    assert demo.returncode == 128 + number
    assert stderr == f"lowatch demo: stopped by {number.name}; everything has been removed\n"
    assert list(temporary.iterdir()) == []


def test_killed_it_takes_its_processes_along(start: Start) -> None:
    demo = start()
    read_until(demo, "lo_orphan_vip{")
    ours = children(demo.pid)
    assert len(ours) == 2  # the daemon and the web server
    handles = [os.pidfd_open(pid) for pid in ours]
    demo.kill()
    for handle in handles:
        ended, _, _ = select.select([handle], [], [], DEADLINE)
        os.close(handle)
        assert ended
    demo.wait(DEADLINE)
    for pid in ours:  # ours now: the session is a subreaper
        os.waitpid(pid, 0)


def test_a_daemon_that_ends_early_is_a_failure(start: Start, temporary: Path) -> None:
    demo = start()
    read_until(demo, "lo_orphan_vip{")
    for pid in children(demo.pid):
        if b"run" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
            os.kill(pid, signal.SIGKILL)
    _, stderr = demo.communicate(timeout=DEADLINE)
    assert demo.returncode == 1
    assert stderr.startswith("lowatch demo: failed: lowatch run exited before ")
    assert list(temporary.iterdir()) == []
