"""`lowatch run` as a child process, in the calling thread's network namespace.

with Daemon(tmp_path, configuration(knot, 'domains = ["www.example.com"]')) as daemon:
    daemon.until(lambda: daemon.orphan("www.example.com") == 1)
    assert daemon.alerts == [Alert("orphan-vip", "firing", ...)]

It is ready inside the `with`, and must end well with it: exit code 0 at SIGTERM, no traceback.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeVar

from lowatch.core.findings import FindingKind
from tests.support.dns_server import Knot
from tests.support.waiting import eventually

T = TypeVar("T")

WEB = "127.0.0.1:10048"
_LONG = 30.0
_ALERT = re.compile(
    r"^.{23} (?:ERROR|WARNING|INFO) lowatch\.alert: "
    rf"(?P<resolved>resolved: )?(?P<kind>{'|'.join(FindingKind)})[:,] (?P<rest>.*)$",
    re.MULTILINE,
)


def configuration(knot: Knot | None, top: str, *, dns: str = "", tables: str = "") -> str:
    """A configuration file: `top` are its keys, `dns` those of [dns], `tables` whole tables.

    Alerts go to stderr, where they can be read, and not to the journal of whoever runs the tests.
    """
    nameservers = f'nameservers = ["{knot.nameserver}"]' if knot else ""
    return f"{top}\n[dns]\n{nameservers}\n{dns}\n[journal]\nenabled = false\n{tables}\n"


class Alert(NamedTuple):
    """kind: "orphan-vip". state: "firing" or "resolved". text: the rest of the line."""

    kind: str
    state: str
    text: str


class DaemonError(Exception):
    """It ended by itself, or said that something in it had failed."""


class PageResponse(NamedTuple):
    status: int
    body: str


class Daemon:
    """directory: for its files; one daemon per directory. state: whether to keep state in it.

    prefix: a command to run it under. ready: whether `with` waits until it is, or only for its pages.
    inherited: descriptors of ours that it gets. stdin: its standard input, ours by default. options: of the
    command. web: where its pages are.
    """

    def __init__(
        self,
        directory: Path,
        configuration: str,
        *,
        state: bool = False,
        prefix: Sequence[str] = (),
        ready: bool = True,
        inherited: Sequence[int] = (),
        stdin: int | None = None,
        options: Sequence[str] = (),
        web: str = WEB,
    ) -> None:
        self.file = directory / "lowatch.toml"
        self.state_directory = directory / "state"
        self._stderr = directory / "stderr"
        self._prefix = prefix
        self._ready = ready
        self._inherited = inherited
        self._stdin = stdin
        self._options = options
        self._web = web
        self._environ = dict(os.environ)
        if state:
            self.state_directory.mkdir()
            self._environ["STATE_DIRECTORY"] = str(self.state_directory)
        self._process: subprocess.Popen[bytes] | None = None
        self.configure(configuration)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is not None:
            self.kill()
        elif self._process is not None:
            code, _ = self.stop()
            assert code == 0, self.log
        assert kind or "Traceback" not in self.log, self.log

    # Its life.

    def start(self) -> None:
        """Start it (again); returns when it is ready or, without `ready`, when it serves pages."""
        self._spawn()
        path = "/-/ready" if self._ready else "/-/healthy"
        self.until(lambda: self.get(path).status == 200, _LONG)

    def run(self) -> int:
        """Start it where it will end by itself; the exit code."""
        self._spawn()
        return self.wait()

    def _spawn(self) -> None:
        command = [
            *self._prefix,
            sys.executable,
            "-m",
            "lowatch",
            "run",
            "-c",
            str(self.file),
            *self._options,
        ]
        with self._stderr.open("ab") as stderr:
            self._process = subprocess.Popen(
                command, stdin=self._stdin, stderr=stderr, env=self._environ, pass_fds=self._inherited
            )

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self) -> tuple[int, float]:
        """SIGTERM; the exit code and how long it took, in seconds."""
        began = time.monotonic()
        self.signal(signal.SIGTERM)
        return self.wait(), time.monotonic() - began

    def wait(self) -> int:
        """The exit code, once it has ended."""
        assert self._process is not None
        try:
            code = self._process.wait(_LONG)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        self._process = None
        return code

    def kill(self) -> None:
        """SIGKILL: no last words."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    # Its configuration.

    def configure(self, text: str) -> None:
        self.file.write_text(text)

    def reload(self, text: str) -> None:
        """SIGHUP with another configuration; returns when it was taken or refused."""
        before = self._reloads()
        self.configure(text)
        self.signal(signal.SIGHUP)
        self.until(lambda: self._reloads() > before)

    def _reloads(self) -> int:
        return self.log.count("configuration reloaded") + self.log.count("reload failed")

    # What it shows.

    def get(self, path: str) -> PageResponse:
        """A status of 0 where nobody answers."""
        host, port = self._web.split(":")
        with closing(HTTPConnection(host, int(port), timeout=_LONG)) as connection:
            try:
                connection.request("GET", path)
                response = connection.getresponse()
                return PageResponse(response.status, response.read().decode())
            except (OSError, HTTPException) as error:
                return PageResponse(0, str(error))

    def metrics(self) -> dict[str, float]:
        """By series: `lowatch_domains{status="resolved"}`."""
        reply = self.get("/metrics")
        assert reply.status == 200, reply
        lines = (line for line in reply.body.splitlines() if not line.startswith("#"))
        pairs = (line.rpartition(" ") for line in lines)
        return {name: float(value) for name, _, value in pairs}

    def metric(self, series: str) -> float | None:
        return self.metrics().get(series)

    def orphan(
        self,
        domain: str,
        address: str = "192.0.2.10",
        port: int = 80,
        *,
        interface: str = "lo",
        protocol: str = "tcp",
    ) -> float | None:
        """lo_orphan_vip of one endpoint; None where there is no such series."""
        return self.metric(
            f'lo_orphan_vip{{interface="{interface}",address="{address}",domain="{domain}",'
            f'port="{port}",protocol="{protocol}"}}'
        )

    def orphans(self) -> dict[str, float]:
        """Every series of lo_orphan_vip."""
        return {name: v for name, v in self.metrics().items() if name.startswith("lo_orphan_vip{")}

    def count(self, kind: str, state: str) -> float:
        """lowatch_findings of one kind in one state."""
        return self.metrics()[f'lowatch_findings{{kind="{kind}",state="{state}"}}']

    def audit(self) -> Any:
        """/api/v1/audit: the object that `check --format json` prints."""
        reply = self.get("/api/v1/audit")
        assert reply.status == 200, reply
        return json.loads(reply.body)

    def findings(self, kind: str | None = None) -> list[dict[str, Any]]:
        """/api/v1/findings."""
        reply = self.get("/api/v1/findings")
        assert reply.status == 200, reply
        rows: list[dict[str, Any]] = json.loads(reply.body)["findings"]
        return [row for row in rows if kind in (None, row["kind"])]

    def verdict(self, domain: str, port: int = 80) -> str | None:
        """Of a domain's first endpoint at that port."""
        rows = self.audit()["endpoints"]
        found = (r["verdict"] for r in rows if (r["domain"], r["port"]) == (domain, port))
        return next(found, None)

    @property
    def log(self) -> str:
        """All of its stderr."""
        return self._stderr.read_text()

    def until_logged(self, text: str) -> None:
        """Waits for it in the log, which a thread of the daemon writes: later than a metric that
        belongs to it, for one."""
        self.until(lambda: text in self.log)

    @property
    def alerts(self) -> list[Alert]:
        """Everything it announced, in order."""
        return [
            Alert(found["kind"], "resolved" if found["resolved"] else "firing", found["rest"])
            for found in _ALERT.finditer(self.log)
        ]

    def announced(self, kind: str) -> list[str]:
        """The states that were announced for a kind: ["firing", "resolved"]."""
        return [alert.state for alert in self.alerts if alert.kind == kind]

    def until(self, look: Callable[[], T], timeout: float = 30.0) -> T:
        """What `look` returns, as soon as that is true; fails with the daemon's log, or if it ended."""

        def alive() -> T:
            assert self._process is not None
            if self._process.poll() is not None or "Traceback" in self.log:
                raise DaemonError(f"lowatch ended with {self._process.returncode}:\n{self.log}")
            return look()

        return eventually(alive, timeout, lambda: self.log)
