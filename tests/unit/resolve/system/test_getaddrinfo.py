"""getaddrinfo, and the thread that waits for it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lowatch.resolve.system.getaddrinfo import look_up
from tests.support.name_service import child, no_lookup_left, write_etc
from tests.support.netns import Netns
from tests.support.repository import ROOT


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    yield
    no_lookup_left()


@pytest.mark.parametrize("name", ["absent.invalid..", "a" * 300, "x" * 64 + ".example.com", "a\0b"])
def test_what_is_no_name_is_never_an_exception(name: str) -> None:
    assert not look_up(name).addresses


_SILENT = """
import asyncio, signal, sys, time
from lowatch.core.clock import Now
from lowatch.resolve.views.crosscheck import CrossCheck
from lowatch.resolve.system.getaddrinfo import LookupThread, Seen
from lowatch.resolve.views.crosscheck_schedule import CrossCheckSchedule
class Clock:
    def now(self): return Now(time.monotonic(), 0.0)
class Audience:
    def before_asking(self): print("asking", flush=True)
    def take_seen(self, name, seen, cost=0.0, keep=False): print(name, seen, flush=True)
    def lookups_stuck(self, reason): pass
    def refusal(self): return ""
async def main():
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    check = CrossCheck(CrossCheckSchedule(["www.example.com"]), Clock(), Audience(), LookupThread())
    async with asyncio.TaskGroup() as tasks:
        following = tasks.create_task(check.follow())
        await stop.wait()
        following.cancel()
    print("stopped", flush=True)
asyncio.run(main())
"""


def test_a_silent_nameserver_keeps_no_process_from_ending(netns: Netns, tmp_path: Path) -> None:
    """getaddrinfo waits for it for 10 s; SIGTERM is not to."""
    etc = write_etc(
        tmp_path / "etc", {"nsswitch.conf": b"hosts: dns\n", "resolv.conf": b"nameserver 127.0.0.1\n"}
    )
    silent = netns.udp("127.0.0.1", 53)
    silent.settimeout(10)
    with subprocess.Popen(child(etc, _SILENT), stdout=subprocess.PIPE, text=True) as process:
        assert silent.recv(512)[-4:] == b"\0\1\0\1"  # the question has come: the thread is waiting
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(8) == 0
        assert time.monotonic() - began < 8
        assert process.stdout is not None
        assert process.stdout.read() == "asking\nstopped\n"


def test_importing_it_starts_nothing() -> None:
    code = "import threading, lowatch.resolve.views.crosscheck as c; c.LookupThread(); "
    command = [sys.executable, "-c", code + "print(threading.active_count())"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"
