"""From arguments to an exit code: runs the command and reports what went wrong.

--version and --help are answered here, without argparse: at most twice a bare interpreter's start.
"""

from __future__ import annotations

from lowatch import __version__

from .commands import program_help
from .environment import Environment
from .exit_codes import BROKEN_PIPE, INTERNAL, INTERRUPTED, OK, USAGE, CommandError

TYPE_CHECKING = False  # as in environment.py
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def main(argv: Sequence[str], environment: Environment) -> int:
    """Returns the exit code. Raises nothing, and never exits. argv: without the program's name."""
    try:
        return _run(list(argv), environment)
    except CommandError as error:
        return _end(environment, error.code, error.lines)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return BROKEN_PIPE
    except Exception as error:
        return _end(environment, *_reported(error))


def _run(argv: list[str], environment: Environment) -> int:
    if argv == ["--version"]:
        environment.write(f"lowatch {__version__}\n")
        return OK
    if argv in (["--help"], ["-h"]):
        environment.write(program_help())
        return OK
    from .arguments import parse  # noqa: PLC0415  # argparse and logging: only a command needs them
    from .logs import logging_to  # noqa: PLC0415

    arguments = parse(argv, environment)
    level = getattr(arguments, "log_level", arguments.default_log_level)
    form = getattr(arguments, "log_format", "text")
    with logging_to(environment, level, form, waits=not arguments.is_daemon):
        code: int = arguments.command(arguments, environment)
        return code


def _end(environment: Environment, code: int, lines: Iterable[str]) -> int:
    for line in lines:
        environment.tell(line)
    return code


def _reported(error: Exception) -> tuple[int, Iterable[str]]:
    """The exit code and the lines for an error that no command turned into a CommandError."""
    from lowatch.config.errors import ConfigErrors  # noqa: PLC0415  # only after an error

    if isinstance(error, ConfigErrors):
        return USAGE, map(str, error.errors)
    import traceback  # noqa: PLC0415  # a bug is the one case where a traceback is of use

    text = "".join(traceback.format_exception(error))
    return INTERNAL, [
        "lowatch: this is a bug in lowatch; please report it with the following",
        *text.splitlines(),
    ]
