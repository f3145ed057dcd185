"""(f) Scrapes: measures health probes and memory while many clients request large pages at once."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from tests.support.dns_server import Knot
from tests.support.netns import Netns

from . import report, world
from .daemon import Running, configuration, lowatch
from .dns_paced import histogram, quantile_limit
from .report import Row
from .stats import summarise

NAMES, PORTS = 900, 100
CLIENTS = 128
SLOW = 140
SILENT = 500
SECONDS = 20.0
PROBE_EVERY = 0.01
PROBE_LIMIT = 100.0
RSS_LIMIT = 60.0
HELD_LIMIT = 50.0
ZONE = "bench.example"


def run(*, quick: bool) -> list[Row]:
    seconds = SECONDS / 10 if quick else SECONDS
    report.title(f"(f) Scrapes of {NAMES * PORTS} series: health probes meanwhile, over {seconds:g} s")
    with Netns() as netns, netns.entered(), ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lowatch-bench-")))
        daemon = _daemon(folder, stack)
        quiet = _rss(daemon)
        probes, peak, held = {}, {}, {}
        for mode in ("scrape", "hold", "idle"):
            before = _turns(daemon)
            with _clients(mode, seconds) as clients:
                probes[mode], peak[mode] = _probe(daemon, clients)
                said = clients.communicate()[0]
            held[mode] = quantile_limit(before, _turns(daemon), 1.0)
            _tell(mode, probes[mode], peak[mode] - quiet, held[mode], json.loads(said))
    p99, grown = 1e3 * summarise(probes["scrape"]).p99, peak["scrape"] - quiet
    return [
        report.at_most(f"(f) probe p99, {CLIENTS} gzip scrapers", p99, PROBE_LIMIT, "{:.1f} ms"),
        report.at_most(f"(f) RSS, up by {CLIENTS} gzip scrapers", grown, RSS_LIMIT, "{:.1f} MiB"),
        report.at_most(
            "(f) probe p99, slow readers", 1e3 * summarise(probes["hold"]).p99, PROBE_LIMIT, "{:.1f} ms"
        ),
        report.at_most("(f) loop held, at most", 1e3 * max(held.values()), HELD_LIMIT, "{:.0f} ms"),
    ]


def _daemon(folder: Path, stack: ExitStack) -> Running:
    """Every name resolves to an address of its own, where one of its hundred any-of ports is served."""
    stack.enter_context(closing(world.Lo())).fill(NAMES)
    stack.enter_context(world.listening(NAMES))
    records = "\n".join(f"d{number} 3600 A {world.text(number)}" for number in range(NAMES))
    knot = stack.enter_context(Knot({ZONE: records}))
    ports = ", ".join(f'"{world.PORT + number}/tcp"' for number in range(PORTS))
    domains = [f"d{number}.{ZONE}" for number in range(NAMES)]
    text = f"ports = [{ports}]\n" + configuration(domains, knot.nameserver, max_qps=20_000)
    daemon = stack.enter_context(lowatch(folder, text))
    daemon.until_answering("/-/ready")
    daemon.scraper.close()
    time.sleep(3)  # the garbage of its first audits is freed
    return daemon


@contextmanager
def _clients(mode: str, seconds: float) -> Iterator[subprocess.Popen[bytes]]:
    count = {"scrape": CLIENTS, "hold": SLOW, "idle": SILENT}[mode]
    command = [sys.executable, "-m", "bench.scrapers", "10048", mode, str(count), str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"connected\n"
            yield process
        finally:
            process.kill()


def _probe(daemon: Running, clients: subprocess.Popen[bytes]) -> tuple[list[float], float]:
    """The seconds of each probe, on a connection of its own, and the peak memory seen, in MiB."""
    took, peak = [], 0.0
    while clients.poll() is None:
        began = time.monotonic()
        status, _ = daemon.scraper.get("/-/healthy")
        daemon.scraper.close()
        took.append(time.monotonic() - began)
        assert status == 200
        peak = max(peak, _rss(daemon))
        time.sleep(max(0.0, began + PROBE_EVERY - time.monotonic()))
    return took, peak


def _rss(daemon: Running) -> float:
    found = re.search(r"^VmRSS:\s+(\d+)", Path(f"/proc/{daemon.pid}/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) / 1024


def _turns(daemon: Running) -> dict[float, int]:
    status, body = daemon.scraper.get("/metrics")
    daemon.scraper.close()
    assert status == 200, status
    return histogram(body.decode(), "lowatch_loop_lag_seconds")


def _tell(mode: str, probes: list[float], grown: float, held: float, said: dict[str, int]) -> None:
    what = {"scrape": "gzip scrapers", "hold": "that read nothing", "idle": "silent"}[mode]
    summary = summarise(probes)
    report.line(
        f"{what}: probe p50, p99, most",
        f"{summary.median * 1e3:6.1f} {summary.p99 * 1e3:6.1f} {summary.most * 1e3:6.1f} ms   "
        f"RSS +{grown:.1f} MiB   loop held {held * 1e3:g} ms",
    )
    if said["responses"]:
        report.line(
            f"{what}: responses, failed, bytes each",
            f"{said['responses']} {said['failed']} {said['bytes'] // said['responses']:,}",
        )
