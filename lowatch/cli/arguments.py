"""argparse, made to speak through an Environment and to say what is wrong in one line."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

from .environment import Environment
from .errors import CommandError
from .exit_codes import USAGE
from .log_format import FORMS

Commands: TypeAlias = "argparse._SubParsersAction[Parser]"  # noqa: SLF001  # it has no public name
"""What add_commands() returns."""

LOG_LEVELS = ("debug", "info", "warn", "error")

_NO_COMMAND = "the following arguments are required: "

Command = Callable[[argparse.Namespace, Environment], int]
"""Returns an exit code, or raises CommandError."""


class Parser(argparse.ArgumentParser):
    """Help goes to the environment's stdout, a mistake is a CommandError, nothing is abbreviated."""

    def __init__(self, *, environment: Environment, **settings: Any) -> None:
        self._environment = environment
        super().__init__(allow_abbrev=False, **settings)

    def add_commands(self, metavar: str) -> Commands:
        """Its subcommands, one of which must be given."""
        parser_class: Any = partial(Parser, environment=self._environment)  # typeshed wants a class
        return self.add_subparsers(metavar=metavar, required=True, parser_class=parser_class)

    def parse_known_args(  # type: ignore[override]  # typeshed has it overloaded
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """As argparse does it; but names that follow an option belong to those before it.

        What it does not know is told by the command that was given it, and not by the program.
        """
        known, extra = super().parse_known_args(args, namespace)
        if getattr(known, "names", None) is not None:
            known.names = [*known.names, *(text for text in extra if not text.startswith("-"))]
            extra = [text for text in extra if text.startswith("-")]
        if extra:
            options = [option for action in self._actions for option in action.option_strings]
            self.error(f"unrecognized arguments: {' '.join(extra)}{_meant(extra[0], options)}")
        return known, extra

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if isinstance(action, argparse._SubParsersAction) and value not in action.choices:  # noqa: SLF001
            commands = list(action.choices)
            meant = _meant(value, commands) or f" (one of {', '.join(commands)})"
            self.error(f"{value!r} is not a command{meant}")
        super()._check_value(action, value)

    def error(self, message: str) -> NoReturn:
        """Where no command is given, the help says more than any message."""
        if message.startswith(_NO_COMMAND) and self._subparsers is not None:
            raise CommandError(USAGE, self.format_help().splitlines())
        raise CommandError(USAGE, [f"lowatch: {message} (see {self.prog} --help)"])

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        raise CommandError(status, [message] if message else [])

    def _print_message(self, message: str, file: object = None) -> None:
        self._environment.write(message)


def _meant(text: str, known: Sequence[str]) -> str:
    """As in ": did you mean check?"; "" where nothing known is like it."""
    import difflib  # noqa: PLC0415  # for a mistake only

    near = difflib.get_close_matches(text.partition("=")[0], known, n=1)
    return f": did you mean {near[0]}?" if near else ""


def add_command(
    commands: Commands, name: str, command: Command, *, summary: str, description: str
) -> Parser:
    """summary: for the list of commands. description: for the command's own help."""
    parser = commands.add_parser(name, help=summary, description=description)
    parser.set_defaults(command=command)
    add_logging(parser)
    return parser


def add_logging(parser: argparse.ArgumentParser) -> None:
    """The dotted options are those of every Prometheus exporter; --log-level is what it was called before.

    SUPPRESS, so that a command's own default does not undo what stands before its name.
    """
    levels = {"--log.level": "how much to log on stderr", "--log-level": argparse.SUPPRESS}
    for name, help_text in levels.items():
        parser.add_argument(
            name,
            dest="log_level",
            type=_log_level,
            choices=LOG_LEVELS,
            default=argparse.SUPPRESS,
            help=help_text,
        )
    parser.add_argument(
        "--log.format",
        dest="log_format",
        choices=FORMS,
        default=argparse.SUPPRESS,
        help="how log lines read; default: text",
    )


def _log_level(text: str) -> str:
    return "warn" if text == "warning" else text


def add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-c",
        "--config",
        "--config.file",
        type=Path,
        metavar="FILE",
        help="the configuration; default: /etc/lowatch/lowatch.toml, where there is one",
    )
