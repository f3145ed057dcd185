"""python -m tests.kernels [--kernel 6.1] [--worlds N] [-- PYTEST-ARGUMENT...]: tests on Debian's kernels.

Without arguments for pytest: all suites that ask the kernel, and 200 worlds of the oracle. Both kernels run
at the same time, on a processor each. With --command, a shell command is run instead.
"""

from __future__ import annotations

import argparse
import os
import sys
from concurrent.futures import ThreadPoolExecutor

from . import guest, plan
from .packages import SUITES, FetchError, fetch
from .report import Report, features


def main() -> int:
    own, pytests = sys.argv[1:], []
    if "--" in own:
        own, pytests = own[: own.index("--")], own[own.index("--") + 1 :]
    arguments = _parser().parse_args(own)
    if os.geteuid():
        print("kernels: needs root, to share this host's files with the guests", file=sys.stderr)
        return 2
    versions = [arguments.kernel] if arguments.kernel else list(SUITES)
    worlds = arguments.worlds
    if worlds is None:
        worlds = 0 if pytests else plan.WORLDS
    try:
        command = arguments.command or plan.script(pytests, worlds)
        with ThreadPoolExecutor(len(versions)) as pool:
            results = list(pool.map(lambda version: _run(version, command, arguments), versions))
    except (FetchError, guest.GuestError, plan.SelectionError, FileNotFoundError) as error:
        print(f"kernels: {error}", file=sys.stderr)
        return 1
    print("\n".join(["", *(line for _, lines in results for line in lines)]))
    return max(status for status, _ in results)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.kernels", description=__doc__)
    parser.add_argument("--kernel", choices=SUITES, help="one of them (default: both)")
    parser.add_argument("--worlds", type=int, help="of the oracle, besides the tests that are named")
    parser.add_argument("--command", help="run this there, as root in the checkout")
    parser.add_argument("--timeout", type=float, default=10_800.0, help="seconds (default: %(default)g)")
    parser.add_argument("--cpus", type=int, default=1, help="of each guest; they take turns")
    parser.add_argument("--append", default="", help="more for the kernel's command line")
    return parser


def _run(version: str, command: str, arguments: argparse.Namespace) -> tuple[int, list[str]]:
    """Run a command in a kernel. Its status, and the report."""
    kernel, report = fetch(version), Report()

    def on_line(line: str) -> None:
        print(f"{version:4} | {line}", flush=True)
        report.read(line)

    outcome = guest.run(
        kernel,
        command,
        on_line=on_line,
        timeout=arguments.timeout,
        cpus=arguments.cpus,
        append=arguments.append,
    )
    if arguments.command:
        line = f"exit code {outcome.status}, booted in {outcome.boot:.1f} s, {outcome.total:.1f} s in all"
        return outcome.status, [f"Linux {kernel.release}: {line}"]
    has, expected = features(outcome.notes), plan.documented(version)
    good = report.good(outcome, has, expected)
    return 0 if good else 1, report.lines(kernel.release, outcome, has, expected)


if __name__ == "__main__":
    sys.exit(main())
