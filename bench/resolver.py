"""(j) What dnstap to lowatch costs a busy resolver: unbound's CPU per query, with and without it."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lowatch.service.lookups.dnstap_server import SOCKET_NAME
from tests.support.dns_server import Knot
from tests.support.netns import Netns
from tests.support.unbound import Unbound

from . import dns_zone, report
from .daemon import configuration, lowatch
from .report import Row
from .stats import paired_ratios

LIMIT = 25.0
"""Percent more."""
HELD, ZONE, NAMES = "192.0.2.10", "bench.example", 1_000
_SECONDS, _PAIRS = 5, 5
_CONNECTED_WITHIN = 10.0
_QUERIES = re.compile(r"Queries completed: +(\d+) ")


def rows(rate: int, *, quick: bool) -> list[Row]:
    """rate: queries a second. They are answered from the cache, with addresses that are not held."""
    what = f"(j) CPU of unbound at {rate:,} queries a second, by dnstap more than without"
    if shutil.which("dnsperf") is None:
        report.line("not measured: dnsperf is absent (apt-get install it)", "")
        return []
    seconds, pairs = (1, 1) if quick else (_SECONDS, _PAIRS)
    with (
        Netns() as netns,
        netns.entered(),
        tempfile.TemporaryDirectory(prefix="lowatch-bench-") as name,
        Knot({ZONE: "\n".join(f"d{number} 3600 A 198.51.100.1" for number in range(NAMES))}) as knot,
        Unbound(knot.nameserver) as plain,
    ):
        netns.ip(f"addr add {HELD}/32 dev lo")
        folder = Path(name)
        load = _Load(folder, rate, seconds)
        with _heard(folder, knot) as heard:
            for resolver in (plain, heard):
                load.cpu_per_query(resolver)  # fills its cache
            samples = [(load.cpu_per_query(heard), load.cpu_per_query(plain)) for _ in range(pairs)]
    ratio = paired_ratios([one for one, _ in samples], [other for _, other in samples])
    each = sorted(other for _, other in samples)[len(samples) // 2] * 1e6
    report.line("unbound without dnstap", f"{each:.1f} us of CPU per query")
    return [report.at_most(what, 100 * (ratio.median - 1), LIMIT, "{:.0f} %", noise=1.0)]


@contextmanager
def _heard(folder: Path, knot: Knot) -> Iterator[Unbound]:
    """An unbound that reports to a daemon."""
    socket = folder / SOCKET_NAME
    lines = (
        "dnstap:",
        "    dnstap-enable: yes",
        f'    dnstap-socket-path: "{socket}"',
        "    dnstap-log-client-response-messages: yes",
    )
    toml = configuration([], knot.nameserver) + '[names]\nlearn = ["dnstap"]\n'
    with lowatch(folder, toml) as daemon:
        daemon.until_answering("/-/ready")
        with Unbound(knot.nameserver, options="\n".join(lines)) as unbound:
            _until_connected(socket)
            yield unbound


def _until_connected(socket: Path) -> None:
    """Return once somebody is: /proc/net/unix has the path for each end here, and for the listener."""
    deadline = time.monotonic() + _CONNECTED_WITHIN
    while Path("/proc/net/unix").read_text().count(str(socket)) < 2:
        assert time.monotonic() < deadline, "unbound does not connect"
        time.sleep(0.05)


class _Load:
    def __init__(self, folder: Path, rate: int, seconds: int) -> None:
        self._file = folder / "queries"
        self._file.write_text("".join(f"d{number}.{ZONE} A\n" for number in range(NAMES)))
        self._rate = rate
        self._seconds = seconds

    def cpu_per_query(self, unbound: Unbound) -> float:
        """CPU seconds of the server for each query that it answered."""
        server, before = unbound.plain, _cpu(unbound.pid)
        command = ["dnsperf", "-s", server.host, "-p", str(server.port), "-d", str(self._file)]
        command += ["-Q", str(self._rate), "-l", str(self._seconds), "-c", "4", "-T", "1"]
        with dns_zone.as_client():
            said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        completed = _QUERIES.search(said)
        assert completed is not None, said
        return (_cpu(unbound.pid) - before) / int(completed[1])


def _cpu(pid: int) -> float:
    """CPU seconds of its threads so far (schedstat is in nanoseconds)."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9
