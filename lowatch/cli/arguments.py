"""Parses arguments with argparse, which writes to an Environment and reports errors in one line."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

from lowatch import __version__

from .commands import COMMANDS, program_help
from .environment import Environment
from .exit_codes import USAGE, CommandError

Commands: TypeAlias = "argparse._SubParsersAction[Parser]"  # noqa: SLF001  # it has no public name
"""What add_commands() returns."""

LOG_LEVELS = ("debug", "info", "warn", "error")
LOG_FORMATS = ("text", "logfmt", "json")

_NO_COMMAND = "the following arguments are required: "

Command = Callable[[argparse.Namespace, Environment], int]
"""Returns an exit code, or raises CommandError."""


def parse(argv: Sequence[str], environment: Environment) -> argparse.Namespace:
    """The options of the chosen command and of the program. Raises CommandError, also to exit with 0."""
    options = program_parser(environment).parse_args(argv)
    name, *rest = options.words
    return command_parser(name, environment).parse_args(rest, options)


def program_parser(environment: Environment) -> Parser:
    """Parses the options before the command. words: the command's name and what follows it."""
    parser = _ProgramParser(environment=environment, prog="lowatch")
    parser.add_argument("--version", action="version", version=f"lowatch {__version__}")
    add_logging(parser)
    parser.add_argument("words", metavar="COMMAND", nargs=argparse.PARSER, choices=COMMANDS)
    return parser


def command_parser(name: str, environment: Environment) -> Parser:
    """The parser of one of COMMANDS. Imports only the module of that command."""
    module, _ = COMMANDS[name]
    parser = Parser(environment=environment, prog=f"lowatch {name}")
    import_module(f".{module}", __package__).define(parser)
    return parser


class Parser(argparse.ArgumentParser):
    """Writes help to the environment's stdout, raises CommandError, and allows no abbreviations."""

    def __init__(self, *, environment: Environment, **settings: Any) -> None:
        self._environment = environment
        # Without a width argparse imports shutil, and that bz2 and lzma: 2 ms.
        formatter: Any = partial(argparse.HelpFormatter, width=environment.columns - 2)
        super().__init__(allow_abbrev=False, formatter_class=formatter, **settings)

    def runs(
        self, command: Command, description: str, *, log_level: str = "warn", is_daemon: bool = False
    ) -> None:
        """Sets the command to run, its description for the help, and its default log level."""
        self.description = description
        self.set_defaults(command=command, default_log_level=log_level, is_daemon=is_daemon)
        add_logging(self)

    def add_commands(self, metavar: str) -> Commands:
        """Its subcommands, one of which must be given."""
        parser_class: Any = partial(Parser, environment=self._environment)  # typeshed wants a class
        return self.add_subparsers(metavar=metavar, required=True, parser_class=parser_class)

    def parse_known_args(  # type: ignore[override]  # typeshed has it overloaded
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """As argparse, but names that follow an option belong to the names before it.

        An unknown option is reported by the command that was given it, not by the program.
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
        if action.nargs == argparse.PARSER and value not in (action.choices or ()):
            commands = list(action.choices or ())
            meant = _meant(value, commands) or f" (one of {', '.join(commands)})"
            self.error(f"{value!r} is not a command{meant}")
        super()._check_value(action, value)

    def error(self, message: str) -> NoReturn:
        """Shows the help if no command is given: it says more than any message."""
        takes_command = any(action.nargs == argparse.PARSER for action in self._actions)
        if message.startswith(_NO_COMMAND) and takes_command:
            raise CommandError(USAGE, self.format_help().splitlines())
        raise CommandError(USAGE, [f"lowatch: {message} (see {self.prog} --help)"])

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        raise CommandError(status, [message] if message else [])

    def _print_message(self, message: str, file: object = None) -> None:
        self._environment.write(message)


class _ProgramParser(Parser):
    """The parser of `lowatch` itself, whose help does not need argparse."""

    def format_help(self) -> str:
        return program_help()


def _meant(text: str, known: Sequence[str]) -> str:
    """For example ": did you mean check?"; "" if nothing is similar."""
    import difflib  # noqa: PLC0415  # for a mistake only

    near = difflib.get_close_matches(text.partition("=")[0], known, n=1)
    return f": did you mean {near[0]}?" if near else ""


def add_logging(parser: argparse.ArgumentParser) -> None:
    """Options with dots are those of all Prometheus exporters; --log-level is the former name.

    SUPPRESS keeps a command's default from replacing an option before the command's name.
    """
    levels = {"--log.level": "log level on stderr", "--log-level": argparse.SUPPRESS}
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
        choices=LOG_FORMATS,
        default=argparse.SUPPRESS,
        help="log format; default: text",
    )


def add_netns(
    parser: argparse.ArgumentParser,
    what: str = "audit this network namespace: a name of ip-netns(8), or a path",
) -> None:
    parser.add_argument("--netns", type=_netns, metavar="NAME", help=what)


def _netns(text: str) -> str:
    from lowatch.core.netns import parse_netns  # noqa: PLC0415  # only for --netns

    try:
        return parse_netns(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _log_level(text: str) -> str:
    return "warn" if text == "warning" else text


def add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-c",
        "--config",
        "--config.file",
        type=Path,
        metavar="FILE",
        help="configuration file; default: /etc/lowatch/lowatch.toml, if it exists",
    )
