"""Runs the whole suite in three processes, because it waits longer than it computes. `make test` does.

The output of the first one is shown as it comes, that of the others afterwards. What failed in any is
listed at the end, and the last line is about all, as pytest's. With arguments it becomes pytest, in one
process.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

from tests.support.sharing import COUNTED

PROCESSES = 3
_WIDTH = 80


def main(arguments: Sequence[str]) -> int:
    """The exit code."""
    pytest = [sys.executable, "-m", "pytest", *arguments]
    if arguments:
        os.execv(sys.executable, pytest)
    began = time.monotonic()
    signal.signal(signal.SIGINT, lambda *_: None)  # the processes have it too, and have their say
    signal.signal(signal.SIGTERM, _end)
    with tempfile.TemporaryDirectory(prefix="lowatch-suite-") as directory:
        # In the same order, else one might begin with what the other is to end with.
        seed = random.getrandbits(32)
        options = ["-p", "tests.support.sharing", f"--share={directory}", f"--randomly-seed={seed}"]
        codes = run_all([*pytest, *options], Path(directory))
        summaries = [json.loads(each.read_text()) for each in Path(directory).glob("*.summary")]
    if len(summaries) < len(codes):
        print("\na process ended without a word")
    for wrong in sorted(nodeid for _, several in summaries for nodeid in several):
        print(f"failed: {wrong}")
    print(last_line([counts for counts, _ in summaries], time.monotonic() - began), flush=True)
    return exit_code(codes)


def _end(number: int, _frame: object) -> NoReturn:
    sys.exit(128 + number)


def run_all(command: Sequence[str], directory: Path) -> list[int]:
    """The exit codes. directory: for the output of all but the first one, which is shown in any case."""
    processes = []
    outputs = [directory / f"{number}.output" for number in range(1, PROCESSES)]
    try:
        processes.append(subprocess.Popen(command))
        for path in outputs:
            with path.open("wb") as output:
                processes.append(subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT))
        return [process.wait() for process in processes]
    finally:
        for process in processes:
            process.terminate()
            process.wait()
        for path in filter(Path.exists, outputs):
            sys.stdout.write(path.read_text(errors="replace"))
        sys.stdout.flush()


def exit_code(codes: Sequence[int]) -> int:
    """The first that is not 0. A process that was killed has a negative one."""
    failed = next(filter(None, codes), 0)
    return 128 - failed if failed < 0 else failed


def last_line(counts: Sequence[Mapping[str, int]], seconds: float) -> str:
    """counts: of each process, by what pytest calls them."""
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    said = ", ".join(f"{total[what]} {_plural(what, total[what])}" for what in COUNTED if total[what])
    took = f"{seconds:.2f}s ({timedelta(seconds=int(seconds))})"
    return f" {said or 'no tests ran'} in {took} ".center(_WIDTH, "=")


def _plural(what: str, number: int) -> str:
    return f"{what}s" if what == "error" and number > 1 else what


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
