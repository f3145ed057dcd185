"""Measures loading a configuration of many names, from each kind of file.

As a script, `python -m bench.dns_load CONFIG` loads the file and prints a Loaded as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from lowatch.config.load import load

from . import child, dns_zone, report
from .dns_self import mebibytes
from .report import Row
from .stats import summarise

LIMIT = 1.0
_TARGETS_IN_A_GROUP = 1_000


class Loaded(NamedTuple):
    """seconds: of load() alone. mebibytes: VmHWM of the whole process. before: the same before load()."""

    domains: int
    seconds: float
    mebibytes: float
    before: float


def measure(folder: Path, count: int, runs: int) -> list[Row]:
    rows = []
    for kind, toml in write(folder, dns_zone.names(count)).items():
        file = folder / f"{kind}.toml"
        file.write_text(toml)
        samples = [_load(file, count) for _ in range(runs)]
        rows.append(_show(f"loading {count} names from {kind}", samples))
    return rows


def write(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """Writes files with all names, each with a port. Returns kind of file -> configuration to read it."""
    ports = [f"{name}:443" for name in names]
    groups = [
        {"targets": ports[start : start + _TARGETS_IN_A_GROUP], "labels": {"job": "bench"}}
        for start in range(0, len(ports), _TARGETS_IN_A_GROUP)
    ]
    (folder / "names.txt").write_text("".join(f"{name} 443/tcp\n" for name in names))
    (folder / "names.json").write_text(json.dumps(groups))
    return {
        kind: f'[[domains_from]]\npath = "{folder}/names.{suffix}"\n'
        for kind, suffix in (("text", "txt"), ("JSON", "json"))
    }


def _load(file: Path, count: int) -> Loaded:
    with dns_zone.as_client():
        said = child.said([sys.executable, "-m", "bench.dns_load", str(file)])
    loaded = Loaded(*json.loads(said))
    assert loaded.domains == count, loaded
    return loaded


def _show(what: str, samples: Sequence[Loaded]) -> Row:
    found = summarise([loaded.seconds for loaded in samples])
    peak = summarise([loaded.mebibytes for loaded in samples]).median
    before = summarise([loaded.before for loaded in samples]).median
    report.line(what, f"{report.milliseconds(found)}   peak {peak:.1f} MiB ({before:.1f} before)")
    return report.at_most(f"(e) {what}", found.median, LIMIT, "{:.2f} s")


def main() -> None:
    before, began = mebibytes("VmHWM"), time.perf_counter()
    config = load(Path(sys.argv[1]))
    seconds = time.perf_counter() - began
    assert not config.problems, config.problems
    print(json.dumps(Loaded(len(config.policy.domains), seconds, mebibytes("VmHWM"), before)))


if __name__ == "__main__":
    main()
