"""The watch for things left behind can fail: each kind of leak, made in an inner pytest."""

import signal
from collections.abc import Callable

import pytest

LEAKS = {
    "process": "subprocess.Popen(['sleep', '60'])",
    "process 'orphan'": "subprocess.run(['sh', '-c', 'sleep 60 &'], stdout=subprocess.DEVNULL)",
    "thread": "threading.Thread(target=threading.Event().wait, daemon=True, name='left').start()",
    "descriptor": "os.open('/dev/null', os.O_RDONLY)",
    "socket": "KEPT.append(socket.socket())",
    "loop": "KEPT.append(asyncio.new_event_loop())",
    "namespace": "netns._libc.unshare(netns.CLONE_NEWNET)",
    "mount": "netns._libc.mount(b'none', b'/mnt', b'tmpfs', 0, None)",
}

SAYS = {
    "process": "*process * sleep 60",
    "process 'orphan'": "*process * sleep 60",
    "thread": "*thread left",
    "descriptor": "*descriptor * -> /dev/null",
    "socket": "*descriptor * -> socket:*",
    "loop": "*descriptor * -> anon_inode:*eventpoll*",
    "namespace": "*the thread is in net:* and was in net:*",
    "mount": "*mount * /mnt * tmpfs *",
}

HEADER = """
import asyncio, os, signal, socket, subprocess, threading
import pytest
from tests.support import netns
KEPT = []
"""


Inner = Callable[[str], pytest.RunResult]


@pytest.fixture
def inner(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Inner:
    monkeypatch.setenv("PYTHONPATH", str(request.config.rootpath))

    def run(body: str) -> pytest.RunResult:
        pytester.makepyfile(HEADER + body)
        return pytester.runpytest_subprocess(
            "-p", "tests.support.netns", "-p", "tests.support.leaks", "-p", "no:randomly"
        )

    return run


def test_ctrl_c_ends_what_a_test_starts_also_in_the_background(inner: Inner) -> None:
    """Where a shell without job control started pytest, as .ci/run does: with SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        result = inner(
            "def test_one():\n"
            "    with subprocess.Popen(['sleep', '60']) as sleeping:\n"
            "        sleeping.send_signal(signal.SIGINT)\n"
            "        assert sleeping.wait(30) == -signal.SIGINT\n"
        )
    finally:
        signal.signal(signal.SIGINT, before)
    result.assert_outcomes(passed=1)


def test_each_leak_is_an_error(inner: Inner) -> None:
    tests = [f"def test_{number}():\n    {leak}\n" for number, leak in enumerate(LEAKS.values())]
    result = inner("\n".join([*tests, "def test_clean():\n    pass\n"]))
    result.assert_outcomes(passed=len(LEAKS) + 1, errors=len(LEAKS))
    result.stdout.fnmatch_lines_random(list(SAYS.values()))


def test_a_namespace_leaves_nothing(inner: Inner) -> None:
    body = """
def test_clean(netns):
    netns.full_listener("127.0.0.1", 80)
    with netns.sibling().entered():
        pass
"""
    inner(body).assert_outcomes(passed=1)
