"""lowatch history: what fired, when, and for how long, as the journal has it."""

from __future__ import annotations

import argparse
import re

from lowatch.core.findings import FindingKind

from .arguments import Commands, add_command
from .environment import Environment

_FORMATS = ("text", "json")
_UNIT = "lowatch.service"


def register(commands: Commands) -> None:
    parser = add_command(
        commands,
        "history",
        history,
        summary="what fired, and for how long",
        description="Reads from the journal when findings fired and were resolved, newest first. Shows "
        "what lowatch.service, root and you wrote; entries of others are unverified. Exit code: 0 read, "
        "2 usage, 3 the journal could not be read, or not all of it.",
    )
    # journalctl's relative times begin with a minus, as in `--since -1h`.
    parser._negative_number_matcher = re.compile(r"-\d")  # noqa: SLF001  # argparse has no public way
    for option in ("since", "until"):
        parser.add_argument(
            f"--{option}",
            default="",
            metavar="TIME",
            help="as journalctl has it: -1h, yesterday, '2026-11-25 03:00' (local time); or as shown here",
        )
    parser.add_argument("--kind", choices=[kind.value for kind in FindingKind], default="", metavar="KIND")
    parser.add_argument("--domain", default="", metavar="NAME")
    parser.add_argument("--address", default="", metavar="ADDRESS")
    parser.add_argument("--format", choices=_FORMATS, default="text", help="default: text")
    parser.add_argument("-n", "--lines", type=_count, metavar="COUNT", help="the last COUNT only")
    parser.add_argument(
        "--unit", default=_UNIT, metavar="UNIT", help=f"what lowatch runs as; default: {_UNIT}"
    )
    parser.add_argument(
        "--any-writer", action="store_true", help="also what other users wrote, who may have made it up"
    )
    parser.add_argument("--directory", "-D", metavar="DIR", help="read the journal files in this directory")
    parser.add_argument("--file", action="append", default=[], metavar="GLOB", help="read these files")


def history(arguments: argparse.Namespace, environment: Environment) -> int:
    from . import history_read  # noqa: PLC0415  # it costs 10 ms, which the other commands need not pay

    return history_read.history(arguments, environment)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return int(text)
