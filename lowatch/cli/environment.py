"""What a command needs from its process, so that tests can replace it."""

from __future__ import annotations

import io
import os
import sys

from .exit_codes import OUTPUT, CommandError

TYPE_CHECKING = False  # importing typing and dataclasses would double the time that --version takes
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

    from .wiring_port import Wiring

_COLUMNS_OF_A_PIPE = 100
_COLUMNS_OF_A_TERMINAL = 80


class Environment:
    """The streams and variables of the process, and how to import what the commands run.

    getenv: as os.environ.get. wiring: imports lowatch.wiring. under_systemd: stderr goes to the journal.
    columns: of the terminal. stdin: None if it is not a terminal.
    """

    def __init__(
        self,
        stdout: TextIO,
        stderr: TextIO,
        getenv: Callable[[str], str | None],
        wiring: Callable[[], Wiring],
        *,
        stdout_is_terminal: bool = False,
        stderr_is_terminal: bool = False,
        stdin: TextIO | None = None,
        under_systemd: bool = False,
        columns: int = _COLUMNS_OF_A_PIPE,
    ) -> None:
        self.stdout = stdout
        self.stderr = stderr
        self.getenv = getenv
        self.wiring = wiring
        self.stdout_is_terminal = stdout_is_terminal
        self.stderr_is_terminal = stderr_is_terminal
        self.stdin = stdin
        self.under_systemd = under_systemd
        self.columns = columns

    @property
    def colour(self) -> bool:
        """Whether stdout takes colour and the user has not turned it off (https://no-color.org)."""
        return self.stdout_is_terminal and not self.getenv("NO_COLOR") and self.getenv("TERM") != "dumb"

    def write(self, text: str) -> None:
        """Writes the whole text to stdout. Raises CommandError, or BrokenPipeError, if that fails."""
        try:
            self.stdout.write(text)
            self.stdout.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            message = f"lowatch: cannot write to standard output: {error.strerror}"
            raise CommandError(OUTPUT, [message]) from None

    def confirms(self, question: str) -> bool | None:
        """Whether a person at the terminal answers yes; None if there is no terminal."""
        if self.stdin is None or not self.stderr_is_terminal:
            return None
        self.stderr.write(f"{question} [y/N] ")
        self.stderr.flush()
        return self.stdin.readline().strip().lower() in ("y", "yes")

    def stdout_descriptor(self) -> int | None:
        """None if stdout is not a file, as in a test, or closed."""
        try:
            return self.stdout.fileno()
        except (OSError, ValueError):
            return None

    def tell(self, line: str) -> None:
        """Writes one line to stderr, whatever it contains. A closed stderr is ignored."""
        from lowatch.core.printable import printable  # noqa: PLC0415  # it imports re: a third of --version

        try:
            self.stderr.write(f"{printable(line)}\n")
            self.stderr.flush()
        except OSError:
            return


def real_environment() -> Environment:
    stdout, stderr = sys.stdout or io.StringIO(), sys.stderr or io.StringIO()
    if isinstance(stdout, io.TextIOWrapper):
        stdout.reconfigure(errors="backslashreplace")  # a locale may lack what a name has
    terminal = stdout.isatty()
    return Environment(
        stdout=stdout,
        stderr=stderr,
        getenv=os.environ.get,
        wiring=_wiring,
        stdout_is_terminal=terminal,
        stderr_is_terminal=stderr.isatty(),
        stdin=sys.stdin if sys.stdin is not None and sys.stdin.isatty() else None,
        under_systemd=_is_journal(stderr),
        columns=_columns(stdout, terminal=terminal),
    )


def _columns(stdout: TextIO, *, terminal: bool) -> int:
    """$COLUMNS first, as ls(1) does: the reader of a pipe may have a terminal."""
    text = os.environ.get("COLUMNS", "")
    if text.isascii() and text.isdigit() and int(text):
        return int(text)
    if not terminal:
        return _COLUMNS_OF_A_PIPE
    try:
        return os.get_terminal_size(stdout.fileno()).columns or _COLUMNS_OF_A_TERMINAL
    except OSError:
        return _COLUMNS_OF_A_TERMINAL


def _wiring() -> Wiring:
    from lowatch import wiring  # noqa: PLC0415  # `config` and --help do without all of that

    return wiring


def _is_journal(stream: TextIO) -> bool:
    """Whether the stream is $JOURNAL_STREAM: device and inode of the journal's socket (systemd.exec(5))."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"
