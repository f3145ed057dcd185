"""(k) A zone of a million records: reading it, the daemon that follows it, and a change of it."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.support.dns_server import Knot
from tests.support.netns import Netns

from . import report
from .daemon import Running, configuration, lowatch
from .report import Row

ZONE, HELD = "bench.example", "192.0.2.10"
RECORDS, FEW, HERE, CHANGES = 1_000_000, 10_000, 10, 20
SETTLED = 5.0
CPU_LIMIT, PEAK_LIMIT, RSS_LIMIT, CHANGE_LIMIT = 4.0, 4.0, 6.0, 2.5
_SOA = f"{ZONE}.\t3600\tIN\tSOA\tns.{ZONE}. root.{ZONE}. %d 3600 900 604800 60\n"
_READ = """
import json, resource, sys
from pathlib import Path
from lowatch.config.settings import ZoneFile
from lowatch.config.zones.read import read_zones
from lowatch.core.addresses import parse_prefix

def used():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    peak = Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]
    return usage.ru_utime + usage.ru_stime, int(peak) / 1024

cpu, peak = used()
[zone] = read_zones([ZoneFile(Path(sys.argv[1]))], [parse_prefix(sys.argv[2])])
after = used()
print(json.dumps([after[0] - cpu, after[1] - peak, len(zone.names), zone.problem]))
"""


def run(*, quick: bool) -> list[Row]:
    count = RECORDS // 10 if quick else RECORDS
    report.title(f"(k) a zone of {count:,} records")
    with (
        tempfile.TemporaryDirectory(prefix="lowatch-bench-") as name,
        Netns() as netns,
        netns.entered(),
    ):
        folder = Path(name)
        netns.ip(f"addr add {HELD}/32 dev lo")
        file = folder / "bench.zone"
        _write(file, _records(count), 1)
        cpu, peak = _read(file)
        records = "\n".join(f"h{number * 10} A {HELD}\nnew{number} A {HELD}" for number in range(CHANGES))
        with Knot({ZONE: records}) as knot:
            toml = configuration([], knot.nameserver)
            without = _rss_of(folder, toml)
            toml += f'[[zones]]\nfile = "{file}"\n'
            more = _rss_of(folder, toml) - without
            seconds = _changes(folder, toml, file, 2 if quick else CHANGES)
    return [
        report.at_most(f"(k) CPU to read {count:,} records", cpu, CPU_LIMIT, "{:.2f} s"),
        report.at_most("(k) memory to read them", peak, PEAK_LIMIT, "{:.1f} MiB", noise=2.0),
        report.at_most("(k) RSS of the daemon, more than without", more, RSS_LIMIT, "{:.1f} MiB", 2.0),
        report.at_most(
            f"(k) a change, of {FEW:,} records, to the series", seconds, CHANGE_LIMIT, "{:.2f} s"
        ),
    ]


def _records(count: int) -> Iterator[str]:
    for number in range(count):
        owner = f"h{number}.{ZONE}.\t300\tIN\t"
        kind = number % 10
        if kind == 7:
            yield f'{owner}TXT\t"number {number}"\n'
        elif kind == 8:
            yield f"{owner}AAAA\t2001:db8::{number & 0xFFFF:x}\n"
        elif kind == 9:
            yield f"{owner}CNAME\th{number - 3}.{ZONE}.\n"
        else:
            here = number % (count // HERE) == 0
            yield f"{owner}A\t{HELD if here else f'10.{number >> 16}.{number >> 8 & 255}.{number & 255}'}\n"


def _write(file: Path, records: Iterable[str], serial: int) -> None:
    """As secondaries do: another file, renamed over."""
    other = file.with_suffix(".new")
    with other.open("w") as stream:
        stream.write(_SOA % serial)
        stream.writelines(records)
    other.rename(file)


def _read(file: Path) -> tuple[float, float]:
    """CPU seconds and MiB."""
    command = [sys.executable, "-c", _READ, str(file), f"{HELD}/32"]
    cpu, peak, names, problem = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    assert not problem, problem
    report.line("names found", f"{names:,}")
    return cpu, peak


def _rss_of(folder: Path, toml: str) -> float:
    """MiB of the daemon once it is calm."""
    with lowatch(folder, toml) as daemon:
        daemon.until_answering("/-/ready")
        time.sleep(SETTLED)
        return _rss(daemon)


def _rss(daemon: Running) -> float:
    """MiB."""
    status = Path(f"/proc/{daemon.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def _changes(folder: Path, toml: str, file: Path, count: int) -> float:
    """The median of the seconds from a new file to the series of a new name, which something serves."""
    few = list(_records(FEW))
    _write(file, few, 1)
    seconds = []
    with socket.create_server((HELD, 80)), lowatch(folder, toml) as daemon:
        daemon.until_answering("/-/ready")
        time.sleep(SETTLED)
        for number in range(count):
            name = f"new{number}.{ZONE}"
            _write(file, [*few, f"{name}.\t300\tIN\tA\t{HELD}\n"], number + 2)
            began = time.monotonic()
            ended, _ = daemon.until_orphan_is(name, 0)
            seconds.append(ended - began)
    report.line("from a new file to the series", f"{min(seconds):.2f} to {max(seconds):.2f} s")
    return sorted(seconds)[len(seconds) // 2]
