"""python -m tests.kernels --kernel 6.1 --command 'uname -r': a shell command in a guest."""

from __future__ import annotations

import argparse
import sys

from . import guest
from .packages import SUITES, fetch


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.kernels", description=__doc__)
    parser.add_argument("--kernel", choices=SUITES, help="one of them (default: both)")
    parser.add_argument("--command", help="run this there, as root in the checkout")
    parser.add_argument("--timeout", type=float, default=1800.0, help="seconds (default: %(default)s)")
    parser.add_argument("--cpus", type=int, default=1)
    parser.add_argument("--append", default="", help="more for the kernel's command line")
    arguments = parser.parse_args()
    status = 0
    for version in [arguments.kernel] if arguments.kernel else SUITES:
        outcome = guest.run(
            fetch(version),
            arguments.command,
            on_line=lambda line: print(line, flush=True),
            timeout=arguments.timeout,
            cpus=arguments.cpus,
            append=arguments.append,
        )
        print(
            f"kernels: {version}: exit code {outcome.status}, "
            f"booted in {outcome.boot:.1f} s, {outcome.total:.1f} s in all",
            file=sys.stderr,
        )
        status = max(status, outcome.status)
    return status


if __name__ == "__main__":
    sys.exit(main())
