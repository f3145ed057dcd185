"""Runs the real daemon, `lowatch run`, as a process of its own, and observes it from outside."""

from __future__ import annotations

import http.client
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lowatch.config.settings import Nameserver

LOWATCH = [sys.executable, "-m", "lowatch"]
_PATIENCE = 60.0
_BETWEEN_SCRAPES = 0.001
"""Seconds. Without this pause the benchmark and the daemon occupy both of two cores. The kernel's worker,
which reports closed sockets, then was up to 0.7 s late in one of 200 measurements."""
# Variables that systemd may have set for this process.
_NOT_FOR_CHILDREN = {"NOTIFY_SOCKET", "JOURNAL_STREAM", "STATE_DIRECTORY", "RUNTIME_DIRECTORY"}


def configuration(
    domains: Iterable[str], nameserver: Nameserver | None, *, web_port: int = 10048, max_qps: int = 200
) -> str:
    """TOML. The journal is disabled, because a benchmark must not fill the host's.

    domains: as in the key of that name. nameserver: None for those of /etc/resolv.conf.
    """
    listed = ",\n".join(f'  "{domain}"' for domain in domains)
    asked = "" if nameserver is None else f'nameservers = ["{nameserver}"]\n'
    return (
        f"domains = [\n{listed}\n]\n"
        f"[dns]\n{asked}max_qps = {max_qps}\n"
        f'[web]\nlisten = ["127.0.0.1:{web_port}"]\n[journal]\nenabled = false\n'
    )


def orphan_value(exposition: bytes, domain: str) -> int | None:
    """lo_orphan_vip of a domain with one endpoint; None if there is no such series."""
    series = rb'^lo_orphan_vip\{[^}\n]*domain="%s"[^}\n]*\} (\d)' % re.escape(domain).encode()
    found = re.search(series, exposition, re.MULTILINE)
    return None if found is None else int(found[1])


class Scraper:
    """One persistent connection to an exporter on 127.0.0.1."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connection: http.client.HTTPConnection | None = None

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body. Raises OSError if nothing answers; the next call then connects again."""
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        try:
            self._connection.request("GET", path)
            response = self._connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise ConnectionError(str(error)) from error

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Running:
    """A process that exports metrics. started: CLOCK_MONOTONIC seconds just before it was."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, started: float, log: Path) -> None:
        self._process = process
        self._log = log
        self.pid = process.pid
        self.started = started
        self.scraper = Scraper(port)

    def until_answering(self, path: str) -> float:
        """Waits until `path` is answered with 200. Returns that time, in CLOCK_MONOTONIC seconds."""
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            with suppress(OSError):
                if self.scraper.get(path)[0] == 200:
                    return time.monotonic()
            self._assert_alive()
            time.sleep(0.001)  # no event shows that it listens
        raise AssertionError(f"no 200 from {path} in {_PATIENCE} s: {self._log.read_text()}")

    def until_orphan_is(self, domain: str, value: int | None) -> tuple[float, list[float]]:
        """Scrapes until lo_orphan_vip of the domain has that value, or is gone (None).

        Returns the CLOCK_MONOTONIC seconds at which the response was read, and the seconds of each scrape.
        """
        scrapes = []
        deadline = time.monotonic() + _PATIENCE
        while (began := time.monotonic()) < deadline:
            _, body = self.scraper.get("/metrics")
            ended = time.monotonic()
            scrapes.append(ended - began)
            if orphan_value(body, domain) == value:
                return ended, scrapes
            time.sleep(_BETWEEN_SCRAPES)
        raise AssertionError(f"{domain} did not become {value} in {_PATIENCE} s: {self._log.read_text()}")

    def _assert_alive(self) -> None:
        if self._process.poll() is not None:
            raise AssertionError(f"it ended with {self._process.returncode}: {self._log.read_text()}")


@contextmanager
def running(
    folder: Path, command: list[str], port: int, stdin: int = subprocess.DEVNULL
) -> Iterator[Running]:
    """Runs the command until the block or this process ends. Its output goes to a file in `folder`."""
    log = folder / f"{port}.log"
    environ = {key: value for key, value in os.environ.items() if key not in _NOT_FOR_CHILDREN}
    with log.open("wb") as output:
        started = time.monotonic()
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", *command],
            stdin=stdin,
            stdout=output,
            stderr=output,
            env=environ,
        )
    found = Running(process, port, started, log)
    try:
        yield found
    finally:
        found.scraper.close()
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def lowatch(
    folder: Path, toml: str, web_port: int = 10048, stdin: int = subprocess.DEVNULL
) -> Iterator[Running]:
    """Runs `lowatch run` with that configuration, whose web.listen has that port."""
    file = folder / f"{web_port}.toml"
    file.write_text(toml)
    command = ["env", f"RUNTIME_DIRECTORY={folder}", *LOWATCH, "run", "-c", str(file)]
    with running(folder, command, web_port, stdin) as found:
        yield found


@contextmanager
def resolv_conf(folder: Path, text: str) -> Iterator[None]:
    """Mounts another /etc/resolv.conf, in this session's mount namespace."""
    ours, place = folder / "resolv.conf", Path("/etc/resolv.conf").resolve()
    ours.write_text(text)
    subprocess.run(["mount", "--bind", str(ours), str(place)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)
