"""The program: `lowatch`, or `python -m lowatch`."""

from __future__ import annotations

import gc
import os
import sys

from lowatch import GC_THRESHOLDS


def main() -> int:
    """Returns the exit code; the only place that touches the real process."""
    # Imports leave hardly any cycles, and looking for them takes 5 % of a short command's time.
    gc.set_threshold(*GC_THRESHOLDS)
    try:
        from lowatch.cli.environment import real_environment  # noqa: PLC0415
        from lowatch.cli.exit_codes import BROKEN_PIPE, OUTPUT  # noqa: PLC0415
        from lowatch.cli.main import main as command_line  # noqa: PLC0415
    except KeyboardInterrupt:
        return 130  # cli.exit_codes.INTERRUPTED, which is not imported yet
    code = command_line(sys.argv[1:], real_environment())
    if code in (BROKEN_PIPE, OUTPUT):
        # What could not be written is still buffered: the interpreter would try again, and print an error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


if __name__ == "__main__":
    sys.exit(main())
