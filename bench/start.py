"""(d) Start: the time to the first complete audit, and of short commands compared with the interpreter."""

from __future__ import annotations

import compileall
import os
import shutil
import sys
import sysconfig
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path

from lowatch.config.settings import Nameserver
from tests.support.dns_server import Knot
from tests.support.netns import Netns
from tests.support.repository import ROOT

from . import child, report, world
from .daemon import LOWATCH, configuration, lowatch
from .report import Row
from .stats import paired_ratios, summarise

DOMAINS = 1_000
RUNS = 11
ZONE = "bench.example"
_UNPACED = 10_000
_SCRIPT = Path(__file__).with_name("naive_check.sh")


def run(*, quick: bool) -> list[Row]:
    runs = 3 if quick else RUNS
    report.title("(d) Start: the process begins -> /-/ready; and `lowatch check`, whole")
    with Netns() as netns, netns.entered(), ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lowatch-bench-")))
        stack.enter_context(closing(world.Lo())).fill(DOMAINS)
        stack.enter_context(world.listening(DOMAINS))
        records = "\n".join(f"d{number} 300 A {world.text(number)}" for number in range(DOMAINS))
        knot = stack.enter_context(Knot({ZONE: records}))
        rows = [
            _start(folder, knot.nameserver, 10, runs),
            _start(folder, knot.nameserver, DOMAINS, runs, max_qps=_UNPACED),
            _start(folder, knot.nameserver, DOMAINS, 1 if quick else 3),
        ]
        rows += [_check(folder, knot.nameserver, count, runs) for count in (1, 100)]
        return rows + _beside_an_interpreter(folder, knot.nameserver, 3 if quick else 4 * RUNS)


def _names(count: int) -> list[str]:
    return [f"d{number}.{ZONE}" for number in range(count)]


def _start(folder: Path, nameserver: Nameserver, count: int, runs: int, max_qps: int = 0) -> Row:
    """Two queries for each name. max_qps: 0 for the default, which slows down a thousand names."""
    toml = configuration(_names(count), nameserver, **({"max_qps": max_qps} if max_qps else {}))
    samples = []
    for _ in range(runs):
        with lowatch(folder, toml) as daemon:
            samples.append(daemon.until_answering("/-/ready") - daemon.started)
    what = f"{count} domains" + (f", max_qps = {max_qps}" if max_qps else "")
    found = summarise(samples)
    report.line(f"lowatch run, {what}", report.milliseconds(found))
    return Row(f"(d) start -> ready, {what}", f"{found.median * 1e3:.0f} ms")


def _check(folder: Path, nameserver: Nameserver, count: int, runs: int) -> Row:
    file = folder / "check.toml"
    file.write_text(configuration(_names(count), nameserver))
    ours = [*LOWATCH, "check", "-c", str(file), "--format", "json"]
    script = [str(_SCRIPT), nameserver.host, str(nameserver.port), *_names(count)]
    what = f"lowatch check, {count} domains" if count > 1 else "lowatch check, 1 domain"
    if shutil.which("dig") is None:
        found = summarise([_seconds(ours, b'"verdict": "served"', count) for _ in range(runs)])
        report.line(what, report.milliseconds(found))
        report.line("peer absent: dig (apt-get install bind9-dnsutils)", "")
        return Row(f"(d) {what}", f"{found.median * 1e3:.0f} ms")
    samples, theirs = [], []
    for _ in range(runs):
        samples.append(_seconds(ours, b'"verdict": "served"', count))
        try:
            theirs.append(_seconds(script, b" served\n", count))
        except child.ChildFailedError as error:
            report.line(f"peer cannot be used: {_SCRIPT.name} ({error})", "")
            return Row(f"(d) {what}", f"{samples[0] * 1e3:.0f} ms")
    ratio = paired_ratios(samples, theirs)
    report.line(what, report.milliseconds(summarise(samples)))
    report.line(f"{_SCRIPT.name}: dig, ip, ss for each", report.milliseconds(summarise(theirs)))
    report.line("ratio, pair by pair", f"{ratio.median:8.2f}      ({ratio.least:.2f} to {ratio.most:.2f})")
    return Row(f"(d) {what} / naive script", f"{ratio.median:.2f}")


def _beside_an_interpreter(folder: Path, nameserver: Nameserver, runs: int) -> list[Row]:
    """Compares short commands with the bare interpreter, or with asyncio, which an audit needs."""
    file = folder / "one.toml"
    file.write_text(configuration([], nameserver))
    audit = ["check", "-c", str(file), "--format", "json", *_names(1)]
    return [
        _ratio("lowatch --version", ["--version"], b"lowatch", "pass", 2.0, runs),
        _ratio("lowatch --help", ["--help"], b"usage:", "pass", 2.0, runs),
        _ratio("lowatch check, 1 name", audit, b'"verdict": "served"', "import asyncio", 2.5, runs),
    ]


def _ratio(what: str, argv: Sequence[str], says: bytes, statement: str, limit: float, runs: int) -> Row:
    """Starts both in turn, like an installed package: compiled, and not from an editable install."""
    compileall.compile_dir(ROOT / "lowatch", quiet=1)
    python = str(Path(sys.executable).resolve())  # the venv's interpreter would run its *.pth files
    path = os.pathsep.join([str(ROOT), sysconfig.get_path("purelib")])
    command = ["/usr/bin/env", f"PYTHONPATH={path}", python]
    ours, theirs = [], []
    for _ in range(runs):
        ours.append(_seconds([*command, "-m", "lowatch", *argv], says, 1))
        theirs.append(_timed([*command, "-c", statement])[0])
    ratio = paired_ratios(ours, theirs)
    report.line(what, report.milliseconds(summarise(ours)))
    report.line(f"python -c '{statement}'", report.milliseconds(summarise(theirs)))
    report.line("ratio, pair by pair", f"{ratio.median:8.2f}      ({ratio.least:.2f} to {ratio.most:.2f})")
    return report.at_most(f"(d) {what} / python -c '{statement}'", ratio.median, limit, "{:.2f}")


def _seconds(command: Sequence[str], says: bytes, times: int) -> float:
    """Wall time of a command. Its output must have `says` that many times: every name is served."""
    seconds, said = _timed(command)
    if said.count(says) != times:
        raise child.ChildFailedError(
            f"{says.decode()!r} is {said.count(says)} times in the output, not {times}"
        )
    return seconds


def _timed(command: Sequence[str]) -> tuple[float, bytes]:
    """Wall time and standard output."""
    began = time.perf_counter()
    said = child.said(command)
    return time.perf_counter() - began, said
