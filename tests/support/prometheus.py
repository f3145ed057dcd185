"""Prometheus and Alertmanager as child processes, on loopback in the calling thread's namespace.

with Webhook() as webhook, Alertmanager(tmp, config) as alertmanager, Prometheus(
    tmp, rules=rendered_rules(tmp, {"orphanVipFor": "0s"}), targets=["127.0.0.1:10048"],
    alertmanager=alertmanager.address,
) as prometheus:
    prometheus.until_up()
    assert prometheus.query("lo_orphan_vip") == [Sample({"domain": "www.example.com", ...}, 1.0)]
    notified = webhook.next(lambda alert: alert["status"] == "firing", timeout=5)

Everything is scraped, evaluated and delivered once a second. What they keep is below the directory.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeVar
from urllib.parse import urlencode

import yaml

from tests.support.dns_server import free_port
from tests.support.repository import ROOT
from tests.support.server_process import end
from tests.support.waiting import eventually

T = TypeVar("T")

MIXIN = ROOT / "packaging/prometheus/mixin"
_LONG = 20.0


class Sample(NamedTuple):
    labels: dict[str, str]
    value: float


def jsonnet(program: str, *arguments: str) -> str:
    """What a program makes that may import the mixin's files."""
    command = ["jsonnet", "-J", str(MIXIN), *arguments, "-e", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_LONG)
    assert done.returncode == 0, done.stderr
    return done.stdout


def rendered_rules(directory: Path, config: Mapping[str, str]) -> Path:
    """The mixin's rules with other values in `_config`, as a file for Prometheus."""
    mixin = f"(import 'mixin.libsonnet') + {{ _config+:: {json.dumps(config)} }}"
    groups = f"local m = {mixin}; {{groups: m.prometheusRules.groups + m.prometheusAlerts.groups}}"
    file = directory / "rules.yml"
    file.write_text(jsonnet(groups))  # JSON is YAML
    return file


class _Server:
    """A child process that serves HTTP on a free port of 127.0.0.1, until the `with` ends."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(exist_ok=True)
        self.address = f"127.0.0.1:{free_port()}"
        self._directory = directory
        self._log = directory / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def _command(self) -> list[str]:
        raise NotImplementedError

    def __enter__(self) -> Self:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command(), stdout=log, stderr=log, cwd=self._directory, stdin=subprocess.DEVNULL
            )
        try:
            self.until(lambda: self.get("/-/ready")[0] == 200)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        assert self._process is not None
        end(self._process)

    def get(self, path: str, **parameters: str) -> tuple[int, str]:
        """Status and body; a status of 0 where nobody answers."""
        query = f"?{urlencode(parameters)}" if parameters else ""
        with closing(HTTPConnection(self.address, timeout=_LONG)) as connection:
            try:
                connection.request("GET", path + query)
                response = connection.getresponse()
                return response.status, response.read().decode()
            except (OSError, HTTPException) as error:
                return 0, str(error)

    def until(self, look: Callable[[], T], timeout: float = _LONG) -> T:
        """What `look` returns, as soon as that is true; fails with the server's log, or if it ended."""

        def alive() -> T:
            assert self._process is not None
            code = self._process.poll()
            if code is not None:
                raise RuntimeError(f"it ended with {code}:\n{self._log.read_text()}")
            return look()

        return eventually(alive, timeout, self._log.read_text)


class Alertmanager(_Server):
    """configuration: a whole one, as its file has it. It delivers without waiting for company."""

    def __init__(self, directory: Path, configuration: Mapping[str, Any]) -> None:
        super().__init__(directory)
        (directory / "alertmanager.yml").write_text(json.dumps(configuration))

    def _command(self) -> list[str]:
        return [
            "prometheus-alertmanager",
            "--config.file=alertmanager.yml",
            "--storage.path=data",
            f"--web.listen-address={self.address}",
            "--cluster.listen-address=",
        ]


class Prometheus(_Server):
    """targets: of the job lowatch. alertmanager: host:port. rules: a file."""

    def __init__(self, directory: Path, *, rules: Path, targets: Sequence[str], alertmanager: str) -> None:
        super().__init__(directory)
        configuration = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(rules)],
            "scrape_configs": [{"job_name": "lowatch", "static_configs": [{"targets": [*targets]}]}],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]},
        }
        (directory / "prometheus.yml").write_text(yaml.safe_dump(configuration))

    def _command(self) -> list[str]:
        return [
            "prometheus",
            "--config.file=prometheus.yml",
            "--storage.tsdb.path=data",
            f"--web.listen-address={self.address}",
            "--rules.alert.resend-delay=1s",
        ]

    def until_up(self) -> None:
        """Every target has been scraped. The first time takes some 6 s: so slow is its discovery."""
        self.until(lambda: all(sample.value == 1 for sample in self.query("up")) and self.query("up"))

    def query(self, expression: str) -> list[Sample]:
        """An instant query of now; AssertionError with Prometheus' own words where it is wrong."""
        data = self._data("/api/v1/query", query=expression)
        if data["resultType"] == "scalar":
            return [Sample({}, float(data["result"][1]))]
        return [Sample(each["metric"], float(each["value"][1])) for each in data["result"]]

    def query_range(self, expression: str, *, seconds: float, step: float = 1) -> list[dict[str, str]]:
        """The series of a range query that ends now, each by its labels."""
        now = time.time()
        span = {"start": str(now - seconds), "end": str(now), "step": str(step)}
        data = self._data("/api/v1/query_range", query=expression, **span)
        return [each["metric"] for each in data["result"]]

    def label_values(self, label: str, selector: str) -> list[str]:
        """What a dashboard's variable offers."""
        values: list[str] = self._data(f"/api/v1/label/{label}/values", **{"match[]": selector})
        return values

    def rules(self) -> list[dict[str, Any]]:
        """As loaded: `name`, `health` ("ok" once evaluated), `lastError`, `state` of those that alert."""
        return [rule for group in self._data("/api/v1/rules")["groups"] for rule in group["rules"]]

    def _data(self, path: str, **parameters: str) -> Any:
        status, body = self.get(path, **parameters)
        assert status == 200, body
        return json.loads(body)["data"]


class _Backlogged(HTTPServer):
    request_queue_size = 64


class Webhook:
    """A receiver for Alertmanager, in the calling thread: it takes what was delivered when asked.

    What arrives meanwhile waits in the listener's backlog, so nothing runs behind a test's back.
    """

    def __init__(self) -> None:
        self._alerts: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        alerts = self._alerts

        class Receiver(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                alerts.extend(json.loads(self.rfile.read(length))["alerts"])
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base's name
                pass

        self._server = _Backlogged(("127.0.0.1", 0), Receiver)
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/"

    def next(self, wanted: Callable[[dict[str, Any]], bool], timeout: float) -> dict[str, Any]:
        """The next alert notified that is wanted; others before it are forgotten.

        An alert as Alertmanager delivers it: `status`, `labels`, `annotations`, `startsAt`, `endsAt`.
        """
        deadline = time.monotonic() + timeout
        seen = []
        while True:
            while self._alerts:
                alert = self._alerts.pop(0)
                if wanted(alert):
                    return alert
                seen.append((alert["status"], alert["labels"]))
            self._server.timeout = deadline - time.monotonic()
            assert self._server.timeout > 0, f"not notified within {timeout:g} s; others: {seen}"
            self._server.handle_request()
