"""The exit codes, and the error that ends a command with one.

Scripts depend on the codes of `check`, so they never change.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as in environment.py
if TYPE_CHECKING:
    from collections.abc import Iterable

OK = 0
"""The command did what it was asked; for `check`: nothing at or above --fail-on."""

FINDINGS = 1
"""`check`: a finding at or above --fail-on is firing."""

FAILURE = 1
"""Every other command: it could not do what it was asked."""

USAGE = 2
"""The command line or the configuration is wrong."""

INCOMPLETE = 3
"""`check`: no such finding, but something could not be observed. Unknown is never clean."""

# From here on as sysexits.h and the shells have it.

INTERNAL = 70
"""EX_SOFTWARE: a bug of lowatch, with its traceback on stderr."""

OUTPUT = 74
"""EX_IOERR: the report could not be written."""

INTERRUPTED = 130
"""128 + SIGINT."""

BROKEN_PIPE = 141
"""128 + SIGPIPE: whoever read the report had seen enough."""


class CommandError(Exception):
    """Ends a command early; main() reports it.

    code: one of the above. lines: for stderr, one per mistake.
    """

    def __init__(self, code: int, lines: Iterable[str]) -> None:
        self.code = code
        self.lines = tuple(lines)
        super().__init__("\n".join(self.lines))
