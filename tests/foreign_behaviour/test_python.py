"""What we rely on of the interpreter and its asyncio."""

from __future__ import annotations

import subprocess
import sys

from tests.support.repository import ROOT


def run_python(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)


def test_asyncio_joins_its_threads_and_nobody_joins_a_daemons() -> None:
    program = """
import asyncio, sys, threading, time
def work():
    time.sleep(1)
    print("worked", flush=True)
async def main():
    if sys.argv[1] == "to_thread":
        asyncio.get_running_loop().run_in_executor(None, work)
    else:
        threading.Thread(target=work, daemon=True).start()
asyncio.run(main())
"""
    assert run_python(program, "to_thread").stdout == "worked\n"
    assert run_python(program, "daemon").stdout == ""


def test_a_possessive_group_remembers_nothing() -> None:
    program = """
import re, resource, sys
resource.setrlimit(resource.RLIMIT_AS, (200 << 20,) * 2)
re.match(sys.argv[1], '"' + "a" * 3_000_000 + '"')
print("matched")
"""
    assert run_python(program, r'"(?:[^"\\]|\\.)*+"').stdout == "matched\n"
    assert "MemoryError" in run_python(program, r'"(?:[^"\\]|\\.)*"').stderr


def test_a_lock_of_asyncio_is_given_in_the_order_of_asking_and_in_a_later_turn() -> None:
    program = """
import asyncio
order = []
async def use(lock, name):
    async with lock:
        order.append(name)
async def main():
    lock = asyncio.Lock()
    await lock.acquire()
    async with asyncio.TaskGroup() as group:
        for name in "abc":
            group.create_task(use(lock, name))
        await asyncio.sleep(0)
        lock.release()
        order.append("released")
asyncio.run(main())
print(order)
"""
    assert run_python(program).stdout == "['released', 'a', 'b', 'c']\n"
