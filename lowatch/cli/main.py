"""From arguments to an exit code: dispatches to the commands, and tells what went wrong."""

from __future__ import annotations

import argparse
import traceback
from collections.abc import Iterable, Sequence
from typing import NoReturn

from lowatch import __version__
from lowatch.config.errors import ConfigErrors

from . import check, config, explain, run
from .arguments import Command, Parser, add_command, add_log_level
from .environment import Environment
from .errors import CommandError
from .exit_codes import BROKEN_PIPE, INTERNAL, INTERRUPTED, USAGE
from .logs import logging_to


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
        return _end(environment, INTERNAL, [what, traceback.format_exc().rstrip()])


def _end(environment: Environment, code: int, lines: Iterable[str]) -> int:
    for line in lines:
        environment.tell(line)
    return code


def _run(argv: Sequence[str], environment: Environment) -> int:
    arguments = _parser(environment).parse_args(argv)
    command: Command = arguments.command
    level = getattr(arguments, "log_level", arguments.default_log_level)
    with logging_to(environment, level):
        return command(arguments, environment)


def _parser(environment: Environment) -> Parser:
    parser = Parser(
        environment=environment,
        prog="lowatch",
        description="Finds virtual IPs left behind on lo: "
        "domains that resolve into this host, with nobody serving them.",
    )
    parser.add_argument("--version", action="version", version=f"lowatch {__version__}")
    parser.set_defaults(default_log_level="warning")
    add_log_level(parser)
    commands = parser.add_commands("COMMAND")
    for module in (check, run, explain, config):
        module.register(commands)
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
    from . import demo  # noqa: PLC0415  # it needs what no other command does

    demo.main(arguments, environment)
