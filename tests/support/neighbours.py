"""The daemons that live beside lowatch and put VIPs on lo, each the real one, as a child process.

with Keepalived(tmp_path, conf) as keepalived:      # in the calling thread's network namespace
    ...
    keepalived.kill()                               # SIGKILL to all of it: no last words
    keepalived.start()                              # again, as systemd would

Whatever a program started is ended with it, at the latest when the `with` is left.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from tests.support.waiting import eventually

_WEB_SERVER = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[2] else socket.AF_INET
listener = socket.create_server((sys.argv[2], 80), family=family)
print("serving", flush=True)
while True:
    client, _ = listener.accept()
    with client:
        client.recv(4096)
        client.sendall(b"HTTP/1.0 200 OK\\r\\n\\r\\n" + sys.argv[1].encode() + b"\\n")
"""


class Program:
    """command: what runs in `directory`, where its output is appended to NAME.log.

    It leads a session, by which all that it starts is known, whoever their parents are by then.
    """

    def __init__(
        self, directory: Path, name: str, command: Sequence[str], environ: Mapping[str, str] | None = None
    ) -> None:
        self._directory = directory
        self._log = directory / f"{name}.log"
        self._command = command
        self._environ = {**os.environ, **(environ or {})}
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.kill()

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._directory,
                stdout=log,
                stderr=log,
                env=self._environ,
                start_new_session=True,
            )

    @property
    def log(self) -> str:
        return self._log.read_text()

    def stop(self) -> None:
        """SIGTERM to the program; returns when it and all it started have ended."""
        self._signal_first(signal.SIGTERM)

    def kill_first(self) -> None:
        """SIGKILL to the program alone; returns when those it started have noticed, and ended."""
        self._signal_first(signal.SIGKILL)

    def kill(self) -> None:
        """SIGKILL to the program and all it started, as when a container or a cgroup is killed."""
        if self._process is not None:
            leader, self._process = self._process, None
            self._signal(leader, signal.SIGSTOP)  # nobody hears of the others' end
            self._await_end(leader, signal.SIGKILL)

    def _signal_first(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)
        self._await_end(self._process)
        self._process = None

    def _await_end(self, leader: subprocess.Popen[bytes], number: signal.Signals | None = None) -> None:
        """Until nobody of its session is left; meanwhile, whoever still is gets the signal."""

        def ended() -> bool:
            if number is not None:
                self._signal(leader, number)
            ours = leader.poll() is not None
            others = [pid for pid in _session(leader.pid) if pid != leader.pid]
            return ours and all(_reaped(pid) for pid in others)

        eventually(ended, about=lambda: self.log)

    def _signal(self, leader: subprocess.Popen[bytes], number: signal.Signals) -> None:
        for pid in _session(leader.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, number)


def _session(leader: int) -> Iterator[int]:
    """The processes of a session, those included that ended and that nobody waited for."""
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):
            # proc_pid_stat(5): pid (comm) state ppid pgrp session
            _, _, rest = (entry / "stat").read_text().rpartition(")")
            if int(rest.split()[3]) == leader:
                yield int(entry.name)


def _reaped(pid: int) -> bool:
    """Whether it has ended. Orphans of the session are our children, for we are a subreaper."""
    try:
        ended, _ = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:  # its parent, which will wait for it, lives
        return False
    return bool(ended)


class WebServer(Program):
    """Serves port 80, and answers with the name of the place it is at. address: "::" for IPv6 instead."""

    def __init__(self, directory: Path, place: str, address: str = "0.0.0.0") -> None:
        super().__init__(directory, place, [sys.executable, "-Sc", _WEB_SERVER, place, address])

    def start(self) -> None:
        before = self.log.count("serving") if self._log.exists() else 0
        super().start()
        eventually(lambda: self.log.count("serving") > before, about=lambda: self.log)


class Keepalived(Program):
    """Its VRRP half, which runs in a child process of its own.

    ipvs: with the other half in another one, which checks real servers and tells the kernel's IPVS.
    """

    def __init__(
        self, directory: Path, configuration: str, name: str = "keepalived", *, ipvs: bool = False
    ) -> None:
        (directory / f"{name}.conf").write_text(configuration)
        files = ["-f", f"{name}.conf", "-p", f"{name}.pid", "-r", f"{name}-vrrp.pid"]
        halves = ["-c", f"{name}-checkers.pid"] if ipvs else ["--vrrp"]
        super().__init__(directory, name, ["keepalived", *halves, "-n", "-l", "-D", *files])


class ExaBGP(Program):
    """ExaBGP, of which the healthcheck is a child process."""

    def __init__(self, directory: Path, configuration: str) -> None:
        (directory / "exabgp.conf").write_text(configuration)
        environ = {
            "exabgp_daemon_daemonize": "false",
            "exabgp_daemon_drop": "false",  # the healthcheck has to change addresses
            "exabgp_daemon_user": "root",
            "exabgp_api_cli": "false",  # no named pipes in /run
            "exabgp_log_destination": "stderr",
        }
        super().__init__(directory, "exabgp", ["exabgp", "exabgp.conf"], environ)


class Bird(Program):
    """BIRD 2; its control socket is NAME.ctl. `with` returns when that answers."""

    def __init__(self, directory: Path, configuration: str, name: str = "bird") -> None:
        (directory / f"{name}.conf").write_text(configuration)
        self._socket = f"{name}.ctl"
        super().__init__(directory, name, ["bird", "-f", "-c", f"{name}.conf", "-s", self._socket])

    def start(self) -> None:
        super().start()
        eventually(self._answers, about=lambda: self.log)

    def _answers(self) -> bool:
        asked = ["birdc", "-s", self._socket, "show", "status"]
        return subprocess.run(asked, cwd=self._directory, capture_output=True, check=False).returncode == 0


class AnycastHealthchecker(Program):
    """anycast-healthchecker, from the virtual environment of the tests. service: of one check."""

    def __init__(self, directory: Path, configuration: str, service: str) -> None:
        (directory / "anycast-healthchecker.conf").write_text(configuration)
        (directory / "service.conf").write_text(service)
        beside = Path(sys.executable).with_name("anycast-healthchecker")
        command = str(beside) if beside.exists() else shutil.which("anycast-healthchecker")
        assert command, "anycast-healthchecker is not installed: make setup"
        files = ["-f", "anycast-healthchecker.conf", "-F", "service.conf"]
        super().__init__(directory, "anycast-healthchecker", [command, *files])

    def stop(self) -> None:
        """SIGTERM to its main thread.

        That one alone handles signals in Python, and sleeps on if the kernel gives it to another one.
        """
        assert self._process is not None
        ctypes.CDLL(None).tgkill(self._process.pid, self._process.pid, signal.SIGTERM)
        self._await_end(self._process)
        self._process = None
