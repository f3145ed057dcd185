"""The demo's surroundings: a prepared namespace, child processes, and HTTP requests."""

from __future__ import annotations

import asyncio
import ctypes
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import IO

# Variables that systemd sets for this process only.
_NOT_FOR_CHILDREN = (
    "JOURNAL_STREAM",
    "LISTEN_FDS",
    "LISTEN_PID",
    "NOTIFY_SOCKET",
    "RUNTIME_DIRECTORY",
    "STATE_DIRECTORY",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
)
_MS_BIND = 4096
_TERMINATION_TIMEOUT = 2.0
"""Seconds that a child has to end by itself."""

JOURNAL_SOCKET = Path("/run/systemd/journal/socket")
RUNTIME = Path("/run/lowatch")


class DemoError(Exception):
    """The demo did not go as expected. The message says why."""


def hide_run() -> None:
    """Mount an empty /run in this mount namespace, so that the real journald is out of reach.

    It has the directories of JOURNAL_SOCKET, and of lowatch.
    """
    mount("lowatch-demo", "/run", "tmpfs", options="size=1m")
    JOURNAL_SOCKET.parent.mkdir(parents=True)
    RUNTIME.mkdir()


def resolve_by(server: str) -> None:
    """Make the C library in this mount namespace ask a nameserver."""
    replacement = Path("/run/lowatch-demo-resolv.conf")
    replacement.write_text(f"nameserver {server}\n")
    system = Path("/etc/resolv.conf").resolve()
    if not system.exists():  # a link into the hidden /run, or no resolver at all
        with suppress(OSError):
            system.parent.mkdir(parents=True, exist_ok=True)
            system.touch()
    mount(str(replacement), str(system), flags=_MS_BIND)


def mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
    """In this mount namespace (mount(2)). Raises DemoError."""
    libc = ctypes.CDLL(None, use_errno=True)
    words = (os.fsencode(source), os.fsencode(target), kind.encode())
    if libc.mount(*words, flags, options.encode()):
        raise DemoError(f"cannot mount on {target}: {os.strerror(ctypes.get_errno())}")


def python(module: str, *arguments: str) -> list[str]:
    """The command that runs one of lowatch's modules. -P: not from the working directory."""
    return [sys.executable, "-P", "-m", module, *arguments]


@asynccontextmanager
async def child(
    command: Sequence[str],
    output: int | IO[bytes] = subprocess.PIPE,
    standard_input: int | None = None,
) -> AsyncIterator[subprocess.Popen[bytes]]:
    """A child process that ends with this context, and with this process in any case.

    output: for both stdout and stderr. standard_input: a descriptor; None for nothing.
    The child has its own process group, so that Ctrl-C reaches only this process, which then terminates the
    child. asyncio's subprocess is not used: in Python 3.11 its thread and its close() race for the exit
    status.
    """
    with _started(command, output, standard_input) as process:
        try:
            yield process
        finally:
            await _end(process)


def _started(
    command: Sequence[str], output: int | IO[bytes], standard_input: int | None
) -> subprocess.Popen[bytes]:
    environ = {key: value for key, value in os.environ.items() if key not in _NOT_FOR_CHILDREN}
    environ["PATH"] = f"{environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"  # where Debian has ip
    return subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", "--", *command],
        stdin=subprocess.DEVNULL if standard_input is None else standard_input,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=environ,
        process_group=0,
    )


async def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()  # does nothing if the process has ended
    try:
        async with asyncio.timeout(_TERMINATION_TIMEOUT):
            await ended(process)
    except TimeoutError:
        process.kill()


async def ended(process: subprocess.Popen[bytes]) -> int:
    """Wait for the end of a process. Returns its exit code."""
    if process.poll() is None:
        handle = os.pidfd_open(process.pid)
        try:
            await readable(handle)
        finally:
            os.close(handle)
    # Ctrl-C may reach a child before it has its own process group. Then this task is cancelled, which
    # shows at the next await; the child has not failed.
    await asyncio.sleep(0)
    return process.wait()


async def readable(descriptor: int) -> None:
    """Wait until a descriptor is readable."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(descriptor)


async def run(command: Sequence[str], columns: int = 0) -> tuple[int, str]:
    """The exit code and the output (stdout and stderr) of a command.

    columns: its width; 0 for the default.
    """
    if columns:
        command = ["env", f"COLUMNS={columns}", *command]
    with tempfile.TemporaryFile() as output:
        async with child(command, output) as process:
            code = await ended(process)
        output.seek(0)
        return code, output.read().decode(errors="replace")


async def get(address: str, port: int, path: str) -> tuple[int, str]:
    """The status and body of GET http://address:port/path. Raises OSError if there is no answer."""
    reader, writer = await asyncio.open_connection(address, port)
    try:
        request = f"GET {path} HTTP/1.0\r\nHost: {address}:{port}\r\n\r\n"
        writer.write(request.encode())
        response = (await reader.read()).decode()
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
    head, blank, body = response.partition("\r\n\r\n")
    if not blank:
        raise ConnectionAbortedError(f"{address}:{port} closed the connection")
    return int(head.split()[1]), body


def sample(exposition: str, family: str, domain: str, port: int) -> tuple[str, float | None]:
    """The series of a domain's port, and its value, in the text of /metrics; ("", None) if absent."""
    labels = rf'[^}}]*domain="{re.escape(domain)}",port="{port}"[^}}]*'
    pattern = rf"^({family}\{{{labels}\}}) (\S+)"
    found = re.search(pattern, exposition, re.MULTILINE)
    return (found[1], float(found[2])) if found else ("", None)
