"""Work off the loop, and what becomes of it where there is no thread, or no loop any more."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from threading import Event

import pytest

from lowatch.core.limits.files import THREADS
from lowatch.files.threads import NoThreadError, in_thread, thread_problem
from tests.support.aio import run_async


def test_results_and_errors_come_back() -> None:
    async def scenario() -> None:
        assert await in_thread(divmod, 7, 2) == (3, 1)
        assert await in_thread(threading.current_thread) is not threading.main_thread()
        with pytest.raises(ZeroDivisionError):
            await in_thread(divmod, 7, 0)

    run_async(scenario())


def test_no_more_than_a_number_at_a_time(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        over = Event()
        before = THREADS.times
        async with asyncio.TaskGroup() as tasks:
            for _ in range(THREADS.value):
                tasks.create_task(in_thread(over.wait))
            await asyncio.sleep(0)
            for _ in range(2):
                with pytest.raises(NoThreadError):
                    await in_thread(over.wait)
            assert thread_problem() == f"{THREADS.value} threads are already waiting for files"
            assert THREADS.times == before + 2
            over.set()
        await in_thread(over.wait)
        assert thread_problem() == ""

    run_async(scenario())
    assert len([message for message in caplog.messages if "continuing" in message]) == 1


def test_nobody_waits_for_a_thread_at_the_end() -> None:
    """asyncio.run() joins those of asyncio.to_thread(), and the interpreter all that are no daemons."""
    program = """
import asyncio, time
from lowatch.files.threads import in_thread
async def main():
    async with asyncio.TaskGroup() as tasks:
        work = tasks.create_task(in_thread(time.sleep, 600))
        await asyncio.sleep(0.05)
        work.cancel()
asyncio.run(main())
"""
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", program], check=True, timeout=300)
    assert time.monotonic() - began < 300


def test_a_late_result_is_nobodys() -> None:
    over = Event()

    async def scenario() -> None:
        async with asyncio.TaskGroup() as tasks:
            work = tasks.create_task(in_thread(over.wait))
            await asyncio.sleep(0)
            work.cancel()

    run_async(scenario())
    over.set()
