"""All that a command needs of the process it runs in, so that tests can give it another one."""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TextIO

from lowatch.core.printable import printable

from .errors import CommandError
from .exit_codes import OUTPUT

if TYPE_CHECKING:  # 50 ms that `status` and `reload` do without
    from lowatch.config.settings import Config
    from lowatch.config.targets import ExplainTarget
    from lowatch.core.audit import Audit
    from lowatch.core.explanation import (
        Explanation,
    )

_COLUMNS_OF_A_PIPE = 100

Progress = Callable[[int, int], None]
"""(done, total), called as an audit goes on."""


class Wiring(Protocol):
    """What lowatch.wiring does for the commands. All three block, and run their own loop."""

    @property
    def StartError(self) -> type[Exception]:  # noqa: N802  # it is a class
        """Its text is one line: cannot bind, netlink refused..."""

    def check(self, config: Config, progress: Progress | None) -> Audit: ...

    def run(self, config: Config, load: Callable[[], Config]) -> int:
        """Until SIGTERM; the exit code. load: reads the configuration anew, for SIGHUP."""

    def explain(self, config: Config, target: ExplainTarget) -> Explanation: ...


@dataclass(frozen=True, slots=True)
class Environment:
    """columns: of the terminal. under_systemd: stderr goes to the journal. wiring: imports it."""

    stdout: TextIO
    stderr: TextIO
    getenv: Callable[[str], str | None]
    wiring: Callable[[], Wiring]
    stdout_is_terminal: bool = False
    stderr_is_terminal: bool = False
    under_systemd: bool = False
    columns: int = _COLUMNS_OF_A_PIPE

    @property
    def colour(self) -> bool:
        """Whether stdout takes colour, and nobody minds (https://no-color.org)."""
        return self.stdout_is_terminal and not self.getenv("NO_COLOR") and self.getenv("TERM") != "dumb"

    def write(self, text: str) -> None:
        """To stdout, whole. Raises CommandError, or BrokenPipeError, where it cannot be."""
        try:
            self.stdout.write(text)
            self.stdout.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            message = f"lowatch: cannot write to standard output: {error.strerror}"
            raise CommandError(OUTPUT, [message]) from None

    def tell(self, line: str) -> None:
        """One line to stderr, whatever is in it; where that is closed, nobody wants to know."""
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
        under_systemd=_is_journal(stderr),
        columns=shutil.get_terminal_size().columns if terminal else _columns_of_a_pipe(),
    )


def _columns_of_a_pipe() -> int:
    """What COLUMNS says, as for ls(1): whoever reads the pipe may have a terminal."""
    text = os.environ.get("COLUMNS", "")
    return int(text) if text.isascii() and text.isdigit() and int(text) else _COLUMNS_OF_A_PIPE


def _wiring() -> Wiring:
    from lowatch import wiring  # noqa: PLC0415  # `config` and --help do without all of that

    return wiring


def _is_journal(stream: TextIO) -> bool:
    """As systemd.exec(5) has it: JOURNAL_STREAM is the device and inode of the journal's socket."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"
