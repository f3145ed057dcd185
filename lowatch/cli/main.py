"""From arguments to an exit code: dispatches to the commands, and tells what went wrong."""

from __future__ import annotations

import argparse
import traceback
from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import NoReturn

from lowatch import __version__
from lowatch.config.errors import ConfigErrors

from .arguments import Command, Parser, add_command, add_logging
from .environment import Environment
from .errors import CommandError
from .exit_codes import BROKEN_PIPE, INTERNAL, INTERRUPTED, USAGE
from .logs import logging_to

_COMMANDS = ("check", "run", "explain", "config", "history", "status", "reload")
"""Each a module with register()."""


def main(argv: Sequence[str], environment: Environment) -> int:
    """argv: without the program's name. The exit code; nothing is raised, nobody is exited."""
    try:
        return _run(argv, environment)
    except CommandError as error:
        return _end(environment, error.code, error.lines)
    except ConfigErrors as rejected:
        return _end(environment, USAGE, map(str, rejected.errors))
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return BROKEN_PIPE
    except Exception:  # a bug: the one case where a traceback is of use
        what = "lowatch: this is a bug of lowatch; please report it with what follows"
        return _end(environment, INTERNAL, [what, *traceback.format_exc().splitlines()])


def _end(environment: Environment, code: int, lines: Iterable[str]) -> int:
    for line in lines:
        environment.tell(line)
    return code


def _run(argv: Sequence[str], environment: Environment) -> int:
    arguments = _parser(argv, environment).parse_args(argv)
    command: Command = arguments.command
    level = getattr(arguments, "log_level", arguments.default_log_level)
    form = getattr(arguments, "log_format", "text")
    with logging_to(environment, level, form, waits=not arguments.is_daemon):
        return command(arguments, environment)


def _parser(argv: Sequence[str], environment: Environment) -> Parser:
    """Where a command comes first, no other is imported: a host in trouble waits half as long."""
    parser = Parser(
        environment=environment,
        prog="lowatch",
        description="Finds virtual IPs left behind on lo: "
        "domains that resolve into this host, with nobody serving them.",
    )
    parser.add_argument("--version", action="version", version=f"lowatch {__version__}")
    parser.set_defaults(default_log_level="warn", is_daemon=False)
    add_logging(parser)
    commands = parser.add_commands("COMMAND")
    named = [name for name in _COMMANDS if name in argv[:1]]
    for name in named or _COMMANDS:
        import_module(f".{name}", __package__).register(commands)
    add_command(
        commands,
        "demo",
        _demo,
        summary="show it all in a throwaway network namespace",
        description="A throwaway network namespace with its own DNS server, a VIP on lo and a "
        "service that stops: shows the finding, the metric and the journal line, and leaves "
        "nothing behind. Needs root or unprivileged user namespaces.",
    )
    return parser


def _demo(arguments: argparse.Namespace, environment: Environment) -> NoReturn:
    from lowatch.cli.demo import command as demo  # noqa: PLC0415  # it needs what no other command does

    demo.main(arguments, environment)
