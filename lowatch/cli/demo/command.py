"""`lowatch demo`: enters throwaway namespaces, and runs a story there."""

from __future__ import annotations

import argparse
import os
import subprocess
from collections.abc import Sequence
from typing import NoReturn

from lowatch.cli.arguments import Parser
from lowatch.cli.environment import Environment
from lowatch.cli.exit_codes import FAILURE, CommandError

from .stage import python

# As root, or else as root of a new user namespace. The mount namespace is needed for an empty /run.
_WAYS = (
    ("unshare", "--net", "--mount", "--"),
    ("unshare", "--user", "--map-root-user", "--net", "--mount", "--"),
)


ORPHAN, ZERO = "orphan", "zero"


def define(parser: Parser) -> None:
    parser.runs(
        main,
        "Creates a throwaway network namespace with its own DNS server, a VIP on lo and a "
        "service that stops: shows the finding, the metric and the journal line, and leaves "
        "nothing behind. Needs root or unprivileged user namespaces.",
    )
    parser.add_argument(
        "story",
        nargs="?",
        default=ORPHAN,
        choices=[ORPHAN, ZERO],
        help=f"{ORPHAN}: a domain that is configured (default); {ZERO}: no name is, a program's lookup and "
        "its refused connect tell all. As root it names the program, too",
    )


def main(arguments: argparse.Namespace, environment: Environment) -> NoReturn:
    """Replace this process with the story inside the namespaces. Raises CommandError."""
    command = [*namespace_command(), *python(f"lowatch.cli.demo.{arguments.story}")]
    environment.stdout.flush()
    os.execvp(command[0], command)  # noqa: S606  # signals then reach the story itself


def namespace_command() -> Sequence[str]:
    """The command prefix that works here to enter new namespaces. Raises CommandError."""
    reason = ""
    for way in _WAYS:
        try:
            attempt = subprocess.run([*way, "true"], capture_output=True, text=True, check=False)
        except FileNotFoundError:
            raise CommandError(
                FAILURE, ["lowatch: demo: needs unshare, of the package util-linux"]
            ) from None
        if attempt.returncode == 0:
            return way
        reason = attempt.stderr.strip()
    line = f"lowatch: demo: needs root or unprivileged user namespaces: {reason}"
    raise CommandError(FAILURE, [line])
