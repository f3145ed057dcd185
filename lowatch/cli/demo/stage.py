"""What the demo is played on: a prepared namespace, child processes, and a view of /metrics."""

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

# What systemd told this process about itself is not meant for its children.
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
_PATIENCE = 2.0  # seconds that a child gets to end by itself

JOURNAL_SOCKET = Path("/run/systemd/journal/socket")


class DemoError(Exception):
    """The demo did not go as it should; the message says where."""


def hide_run() -> None:
    """Lay an empty /run over the host's, in this mount namespace: no real journald hears of us."""
    _mount(b"lowatch-demo", b"/run", b"tmpfs", 0, b"size=1m")
    JOURNAL_SOCKET.parent.mkdir(parents=True)


def resolve_by(server: str) -> None:
    """Have the C library ask the demo's server, too: applications here get what it says."""
    wanted = Path("/run/lowatch-demo-resolv.conf")
    wanted.write_text(f"nameserver {server}\n")
    system = Path("/etc/resolv.conf").resolve()
    if not system.exists():  # a link into the /run that was laid over, or no resolver at all
        with suppress(OSError):
            system.parent.mkdir(parents=True, exist_ok=True)
            system.touch()
    _mount(bytes(wanted), bytes(system), b"", _MS_BIND)


def _mount(source: bytes, target: bytes, kind: bytes, flags: int, options: bytes = b"") -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(source, target, kind, flags, options):
        number = ctypes.get_errno()
        raise DemoError(f"cannot mount on {target.decode()}: {os.strerror(number)}")


def python(module: str, *arguments: str) -> list[str]:
    """The command that runs a module of ours. -P: nothing from the working directory is run."""
    return [sys.executable, "-P", "-m", module, *arguments]


@asynccontextmanager
async def child(
    command: Sequence[str], output: int | IO[bytes] = subprocess.PIPE
) -> AsyncIterator[subprocess.Popen[bytes]]:
    """A process that does not outlive the block, nor this process, however that ends.

    output: where both stdout and stderr go. It has a process group of its own: Ctrl-C is for us,
    and we end it in good order. (Not asyncio's subprocess, whose thread and whose close() race for
    the exit status in Python 3.11.)
    """
    with _started(command, output) as process:
        try:
            yield process
        finally:
            await _end(process)


def _started(command: Sequence[str], output: int | IO[bytes]) -> subprocess.Popen[bytes]:
    environ = {key: value for key, value in os.environ.items() if key not in _NOT_FOR_CHILDREN}
    environ["PATH"] = f"{environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"  # where Debian has ip
    return subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", "--", *command],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=environ,
        process_group=0,
    )


async def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()  # does nothing where its end is known already
    try:
        async with asyncio.timeout(_PATIENCE):
            await ended(process)
    except TimeoutError:
        process.kill()


async def ended(process: subprocess.Popen[bytes]) -> int:
    """Its exit code, once it has ended."""
    if process.poll() is None:
        handle = os.pidfd_open(process.pid)
        try:
            await readable(handle)
        finally:
            os.close(handle)
    # Ctrl-C may meet a child before it has its own process group. Then it is not the child that
    # failed, but we who are cancelled, which shows at the next suspension.
    await asyncio.sleep(0)
    return process.wait()


async def readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(descriptor)


async def run(command: Sequence[str], columns: int = 0) -> tuple[int, str]:
    """Exit code and output (stdout and stderr) of a command that ends. columns: that it may use; 0: any."""
    if columns:
        command = ["env", f"COLUMNS={columns}", *command]
    with tempfile.TemporaryFile() as output:
        async with child(command, output) as process:
            code = await ended(process)
        output.seek(0)
        return code, output.read().decode(errors="replace")


async def get(address: str, port: int, path: str) -> tuple[int, str]:
    """Status and body of GET http://address:port/path. Raises OSError where there is no answer."""
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


def sample(exposition: str, family: str, domain: str) -> tuple[str, float | None]:
    """The domain's series of a family and its value, from the text of /metrics; ("", None)."""
    pattern = rf'^({family}\{{[^}}]*domain="{re.escape(domain)}"[^}}]*\}}) (\S+)'
    found = re.search(pattern, exposition, re.MULTILINE)
    return (found[1], float(found[2])) if found else ("", None)
