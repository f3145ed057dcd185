"""Asking the daemon over its control socket, and why there is no answer."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.netns import as_ordinary_user
from tests.unit.cli.conftest import CommandLine, meanwhile

COMMANDS = ("status", "reload")


ROOT = 0
"""A group that has a name on every host."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lowatch.sock"


@pytest.mark.parametrize("command", COMMANDS)
class TestNobodyAnswers:
    def test_not_running(self, lowatch: CommandLine, path: Path, command: str) -> None:
        done = lowatch(command, "--socket", path)
        assert done == (3, "", f"lowatch: not running: there is no {path}\n")

    def test_where_it_is_looked_for(self, lowatch: CommandLine, command: str) -> None:
        for variable, socket_path in (
            ("", "/run/lowatch/lowatch.sock"),
            ("/nowhere/a:/nowhere/b", "/nowhere/a/lowatch.sock"),
        ):
            lowatch.variables["RUNTIME_DIRECTORY"] = variable
            assert lowatch(command).stderr == f"lowatch: not running: there is no {socket_path}\n"

    def test_the_daemon_for_another_network_namespace(self, lowatch: CommandLine, command: str) -> None:
        """Not the one in whose unit this runs. Without the namespace, there is no daemon either."""
        lowatch.variables["RUNTIME_DIRECTORY"] = "/nowhere/a"
        said = (
            "not running: there is no /run/lowatch@no-such/lowatch.sock, "
            "and no network namespace /run/netns/no-such"
        )
        assert lowatch(command, "--netns", "no-such") == (3, "", f"lowatch: {said}\n")
        said = "/proc/1/ns/net is no name of ip-netns(8), as lowatch@NAME.service has: give --socket"
        assert lowatch(command, "--netns", "/proc/1/ns/net") == (2, "", f"lowatch: {said}\n")

    def test_a_stale_socket(self, lowatch: CommandLine, path: Path, command: str) -> None:
        with socket.socket(socket.AF_UNIX) as killed:
            killed.bind(str(path))
        stale = f"not running: {path} is stale, left by a daemon that was killed"
        assert lowatch(command, "--socket", path) == (3, "", f"lowatch: {stale}\n")

    def test_a_daemon_that_is_stopped(self, lowatch: CommandLine, path: Path, command: str) -> None:
        """The kernel takes the connection and the request, and that is all."""
        with socket.socket(socket.AF_UNIX) as stopped:
            stopped.bind(str(path))
            stopped.listen()
            done = lowatch(command, "--socket", path, "--timeout", "0.1")
        assert done.code == 3
        assert "no answer within 0.1 s" in done.stderr

    def test_others_wait_already(self, lowatch: CommandLine, path: Path, command: str) -> None:
        """The backlog is full: it waits for a place as long as it may, and gets one if there is one."""
        with socket.socket(socket.AF_UNIX) as stopped, socket.socket(socket.AF_UNIX) as first:
            stopped.bind(str(path))
            stopped.listen(0)
            first.connect(str(path))
            began = time.monotonic()
            done = lowatch(command, "--socket", path, "--timeout", "0.1")
            assert 0.09 < time.monotonic() - began < 5
            assert done.code == 3
            assert "no answer within 0.1 s" in done.stderr
            later = threading.Thread(target=answer_the_second, args=(stopped,))
            later.start()
            assert lowatch(command, "--socket", path).code == 0
            later.join()

    def test_it_is_not_fooled_by_a_drip(self, lowatch: CommandLine, path: Path, command: str) -> None:
        """The deadline is one for all of it, and not for each octet."""

        async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            for octet in b"HTTP/1.1 200 OK\r\nX-Padding: " + b"x" * 4096:
                writer.write(bytes([octet]))
                await writer.drain()
                await asyncio.sleep(0.02)

        began = time.monotonic()
        done = meanwhile(
            speaking(path, drip), lambda: lowatch(command, "--socket", path, "--timeout", "0.2")
        )
        assert done.code == 3
        assert 0.19 < time.monotonic() - began < 5

    @pytest.mark.parametrize(
        "said",
        [
            b"",
            b"HTTP/1.1 200 OK\r\nContent-Le",
            b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
            b"220 mail.example.com ESMTP\r\n",
        ],
    )
    def test_an_answer_that_is_none(
        self, lowatch: CommandLine, path: Path, command: str, said: bytes
    ) -> None:
        async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(said)

        done = meanwhile(speaking(path, say), lambda: lowatch(command, "--socket", path))
        why = "connection closed without an answer: the daemon stopped, or is not lowatch"
        assert done == (3, "", f"lowatch: {path}: {why}\n")

    def test_a_path_too_long(self, lowatch: CommandLine, tmp_path: Path, command: str) -> None:
        path = tmp_path / ("x" * 108)
        assert lowatch(command, "--socket", path) == (3, "", f"lowatch: {path}: AF_UNIX path too long\n")

    def test_no_permission_says_who_has_it(self, path: Path, command: str) -> None:
        """Its owner may not either, so that it can be tried by an ordinary user whoever runs the tests."""
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen()
            path.chmod(0o060)
            done = program(*as_ordinary_user(*PROGRAM, command, "--socket", str(path), group=ROOT))
        assert (done.returncode, done.stdout) == (3, "")
        says = f"lowatch: {path}: permission denied: only root and members of the group "
        assert done.stderr.startswith(says)
        assert done.stderr.endswith(" (mode 0060)\n")

    @pytest.mark.parametrize(
        ("mode", "says"),
        [
            (0o000, "no permission for its directory (try as root)\n"),
            (0o050, "only root and members of the group "),
        ],
    )
    def test_a_directory_that_does_not_let_you_in(
        self, path: Path, command: str, mode: int, says: str
    ) -> None:
        path.parent.chmod(mode)
        try:
            done = program(*as_ordinary_user(*PROGRAM, command, "--socket", str(path), group=ROOT))
        finally:
            path.parent.chmod(0o700)
        assert done.returncode == 3
        assert done.stderr.startswith(f"lowatch: {path}: permission denied: {says}")

    @pytest.mark.parametrize("timeout", ["0", "-1", "nan", "inf", "soon", "86401"])
    def test_a_timeout_that_is_none(self, lowatch: CommandLine, command: str, timeout: str) -> None:
        code, _, stderr = lowatch(command, f"--timeout={timeout}")
        assert code == 2
        said = f"argument --timeout: invalid seconds value: '{timeout}'"
        assert stderr == f"lowatch: {said} (see lowatch {command} --help)\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_it_needs_nothing_but_h11(command: str) -> None:
    """And imports nothing that takes its time: it is for a host in trouble, and is ExecReload=."""
    absent = ("dns", "idna", "yaml", "prometheus_client", "sortedcontainers", "systemd", "pyroute2")
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({absent}));"
        f" sys.argv[1:] = ['{command}', '--socket', '/nowhere/lowatch.sock'];"
        " from lowatch.__main__ import main; code = main();"
        " print(*sorted(set(sys.modules) & {'asyncio', 'http.client', 'ssl', 'subprocess',"
        " 'lowatch.wiring', 'lowatch.report.status'})); sys.exit(code)"
    )
    done = program(sys.executable, "-c", code)
    said = "lowatch: not running: there is no /nowhere/lowatch.sock\n"
    assert (done.returncode, done.stdout, done.stderr) == (3, "\n", said)


PROGRAM = (sys.executable, "-m", "lowatch")


def program(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, timeout=30, check=False, env=dict(os.environ)
    )


def answer_the_second(listener: socket.socket) -> None:
    """The first is taken a moment later, so that the second has to wait, and is answered."""
    time.sleep(0.1)
    for answer in (b"", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"):
        accepted, _ = listener.accept()
        with accepted:
            if answer:
                accepted.recv(4096)
                accepted.sendall(answer)


@asynccontextmanager
async def speaking(
    path: Path, converse: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
) -> AsyncIterator[None]:
    """A server that has its own idea of HTTP."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await converse(reader, writer)
        except ConnectionError:  # the client has had enough
            pass
        finally:
            writer.close()
            answered.set()

    answered = asyncio.Event()
    server = await asyncio.start_unix_server(answer, path)
    async with server:
        yield
        await answered.wait()
