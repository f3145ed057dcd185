"""python -m tests.kernels [--kernel 6.1] [--worlds N] [-- PYTEST-ARGUMENT...]: tests on Debian's kernels.

Without arguments for pytest: all suites that ask the kernel, 200 worlds of the oracle, and the tests of odd
kernels (oddities.py; --oddity NAME for those of one). Both kernels run at the same time, on a processor
each. With --command, a shell command is run instead.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple, TypeAlias

from . import guest, plan
from .oddities import ODDITIES
from .packages import SUITES, FetchError, Kernel, fetch
from .report import Report, features

_ODDITY_TIMEOUT = 900.0
Boot: TypeAlias = Callable[[Kernel, str, Report], guest.Outcome]
"""_boot() with its options."""


class Result(NamedTuple):
    """status: an exit code. lines: the report."""

    status: int
    lines: list[str]


def main() -> int:
    own, pytests = sys.argv[1:], []
    if "--" in own:
        own, pytests = own[: own.index("--")], own[own.index("--") + 1 :]
    arguments = _parser().parse_args(own)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    versions = [arguments.kernel] if arguments.kernel else list(SUITES)
    try:
        guest.check_host()
        results = on_each(versions, _tasks(arguments, pytests))
    except (guest.GuestError, plan.SelectionError) as error:
        print(f"kernels: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("kernels: interrupted", file=sys.stderr)
        return 128 + signal.SIGINT
    print("\n".join(["", *(line for result in results for line in result.lines)]))
    return max(result.status for result in results)


def on_each(versions: list[str], tasks: list[Callable[[Kernel], Result]]) -> list[Result]:
    """The results of all tasks on each kernel. Whatever ends us ends the guests first."""
    with ThreadPoolExecutor(len(versions)) as pool:
        try:
            reports = list(pool.map(lambda version: _on_one(version, tasks), versions))
        except BaseException:
            guest.stop_all()
            raise
    return [result for report in reports for result in report]


def _on_one(version: str, tasks: list[Callable[[Kernel], Result]]) -> list[Result]:
    try:
        kernel = fetch(version)
    except FetchError as error:
        return [Result(1, [f"Linux {version}: FAILED: {error}"])]
    return [_result(task, kernel) for task in tasks]


def _result(task: Callable[[Kernel], Result], kernel: Kernel) -> Result:
    """A guest that fails is a line of the report: the others go on."""
    try:
        return task(kernel)
    except guest.GuestError as error:
        return Result(1, [f"Linux {kernel.release}: FAILED: {error}"])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.kernels", description=__doc__)
    parser.add_argument("--kernel", choices=SUITES, help="one of them (default: both)")
    parser.add_argument("--worlds", type=int, help="of the oracle, besides the tests that are named")
    parser.add_argument("--oddity", choices=ODDITIES, help="only the tests of this odd kernel")
    parser.add_argument("--command", help="run this there, as root in the checkout")
    parser.add_argument("--timeout", type=float, default=10_800.0, help="seconds (default: %(default)g)")
    parser.add_argument("--append", default="", help="more for the kernel's command line")
    return parser


def _tasks(arguments: argparse.Namespace, pytests: list[str]) -> list[Callable[[Kernel], Result]]:
    """What each kernel is booted for, one after the other."""
    boot = partial(_boot, timeout=arguments.timeout, append=arguments.append)
    if arguments.command:
        return [lambda kernel: _run_command(kernel, arguments.command, boot)]
    if arguments.oddity:
        return [lambda kernel: _run_odd(kernel, arguments.oddity)]
    worlds = arguments.worlds
    if worlds is None:
        worlds = 0 if pytests else plan.WORLDS
    script = plan.script(pytests, worlds)
    odd = [] if pytests else list(ODDITIES)
    return [
        lambda kernel: _run_tests(kernel, script, boot),
        *(lambda kernel, name=name: _run_odd(kernel, name) for name in odd),
    ]


def _run_command(kernel: Kernel, command: str, boot: Boot) -> Result:
    outcome = boot(kernel, command, Report())
    line = f"exit code {outcome.status}, booted in {outcome.boot:.1f} s, {outcome.total:.1f} s in all"
    return Result(outcome.status, [f"Linux {kernel.release}: {line}"])


def _run_tests(kernel: Kernel, script: str, boot: Boot) -> Result:
    report = Report()
    outcome = boot(kernel, script, report)
    has, expected = features(outcome.notes), plan.documented(kernel.version)
    good = report.good(outcome, has, expected)
    return Result(0 if good else 1, report.lines(kernel.release, outcome, has, expected))


def _run_odd(kernel: Kernel, name: str) -> Result:
    oddity, report = ODDITIES[name], Report()
    outcome = _boot(kernel, oddity.script(), report, timeout=_ODDITY_TIMEOUT, append=oddity.append)
    return Result(outcome.status, report.odd_lines(kernel.release, name, outcome))


def _boot(kernel: Kernel, command: str, report: Report, *, timeout: float, append: str) -> guest.Outcome:
    def on_line(line: str) -> None:
        print(f"{kernel.version:4} | {line}", flush=True)
        report.read(line)

    return guest.run(kernel, command, on_line=on_line, timeout=timeout, append=append)


if __name__ == "__main__":
    sys.exit(main())
