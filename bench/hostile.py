"""(g) A hostile zone beside one innocent name: measures that name's alert, the pages and the memory."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import NamedTuple

from lowatch.config.settings import Nameserver
from tests.support.dns_server import free_port
from tests.support.netns import Netns

from . import report
from .daemon import Running, Scraper, configuration, lowatch
from .report import Row
from .stats import Summary, summarise

INNOCENT, VIP, PORT = "www.example.com", "192.0.2.10", 10048
NAMES, SERVICES = 100, 4
EVIL = [f"n{n}.evil" for n in range(NAMES)] + [f"_s{n}._tcp.evil" for n in range(SERVICES)]
ROUNDS = 20
SETTLED = 20.0
PROBE_EVERY = 0.01
ALERT_LIMIT, PROBE_LIMIT, RSS_LIMIT = 100.0, 50.0, 100.0
_PATIENCE = 60.0


class _Felt(NamedTuple):
    """The effect of the zone on others. alert, probe: seconds. rss: peak, in MiB."""

    alert: Summary
    probe: Summary
    rss: float


def run(*, quick: bool) -> list[Row]:
    report.title(
        f"(g) {NAMES} names of 4,000 addresses, {SERVICES} of 2,400 SRV targets, one innocent name"
    )
    felt = _felt(quick=quick)
    report.title("(g) the same with other addresses every six seconds: 2,000 alerts a second")
    restless = _felt("restless", quick=quick)
    beside = "beside a hostile zone"
    return [
        report.at_most(f"(g) alert {beside}, worst", 1e3 * felt.alert.most, ALERT_LIMIT, "{:.0f} ms"),
        report.at_most(
            f"(g) probe p99 {beside}", 1e3 * felt.probe.p99, PROBE_LIMIT, "{:.1f} ms", report.TAIL_NOISE
        ),
        report.at_most(f"(g) RSS {beside}", felt.rss, RSS_LIMIT, "{:.1f} MiB"),
        Row("(g) alert, where that is restless", f"{1e3 * restless.alert.median:.0f} ms", noise=1.0),
        Row(
            "(g) probe p99, where that is restless",
            f"{1e3 * restless.probe.p99:.0f} ms",
            noise=report.TAIL_NOISE,
        ),
        Row("(g) RSS, where that is restless", f"{restless.rss:.1f} MiB"),
    ]


def _felt(*mode: str, quick: bool) -> _Felt:
    rounds = ROUNDS // 10 if quick else ROUNDS
    with Netns() as netns, netns.entered(), ExitStack() as stack:
        netns.ip("link set lo up")
        netns.ip(f"addr add {VIP}/32 dev lo")
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lowatch-bench-")))
        nameserver = Nameserver("127.0.0.1", free_port())
        stack.enter_context(hostile_dns(nameserver.port, *mode))
        toml = 'hold = "0s"\nports = ["80/tcp"]\n' + configuration([INNOCENT, *EVIL], nameserver)
        daemon = stack.enter_context(lowatch(folder, toml))
        began = time.monotonic()
        report.line("ready after", f"{daemon.until_answering('/-/ready') - began:.1f} s")
        time.sleep(SETTLED / 10 if quick else SETTLED)
        with probing(PORT) as probes:
            alerts = [_alert(daemon, folder / f"{PORT}.log") for _ in range(rounds)]
        rss = _rss(daemon.pid)
    alert, probe = summarise(alerts), summarise(probes)
    report.line("the innocent's alert", report.milliseconds(alert))
    report.line("health probes", report.milliseconds(probe))
    return _Felt(alert, probe, rss)


@contextmanager
def hostile_dns(port: int, *mode: str) -> Iterator[None]:
    command = [sys.executable, "-m", "tests.support.hostile_dns", str(port), *mode]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield
        finally:
            process.kill()


def _alert(daemon: Running, log: Path) -> float:
    """Seconds from the end of the innocent's listener to its alert on stderr."""
    with socket.create_server((VIP, 80)):
        daemon.until_orphan_is(INNOCENT, 0)
        time.sleep(0.5)
    closed, offset = time.monotonic(), log.stat().st_size
    with log.open("rb") as lines:
        lines.seek(offset)
        seen = b""
        while time.monotonic() < closed + _PATIENCE:
            seen += lines.read()
            if any(b"orphan-vip" in one and INNOCENT.encode() in one for one in seen.split(b"\n")[:-1]):
                return time.monotonic() - closed
            time.sleep(0.001)
    raise AssertionError(f"no alert for {INNOCENT} within {_PATIENCE:g} s")


@contextmanager
def probing(port: int) -> Iterator[list[float]]:
    """Sends health probes in the background. Yields the seconds that each took."""
    took: list[float] = []
    over = Event()

    def probe() -> None:
        with closing(Scraper(port)) as scraper:
            while not over.wait(PROBE_EVERY):
                began = time.monotonic()
                status, _ = scraper.get("/-/healthy")
                assert status == 200
                took.append(time.monotonic() - began)

    thread = Thread(target=probe)
    thread.start()
    try:
        yield took
    finally:
        over.set()
        thread.join()


def _rss(pid: int) -> float:
    """The peak so far, in MiB."""
    fields = Path(f"/proc/{pid}/status").read_text()
    return int(fields.partition("VmHWM:")[2].split()[0]) / 1024
