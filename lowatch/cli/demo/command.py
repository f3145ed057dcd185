"""lowatch demo: enters throwaway namespaces, in which demo_story then shows the main job."""

from __future__ import annotations

import argparse
import os
import subprocess
from collections.abc import Sequence
from typing import NoReturn

from lowatch.cli.arguments import Parser
from lowatch.cli.environment import Environment
from lowatch.cli.errors import CommandError
from lowatch.cli.exit_codes import FAILURE

from .stage import python

# As root, or else as root of a new user namespace. The mount namespace is for an empty /run.
_WAYS = (
    ("unshare", "--net", "--mount", "--"),
    ("unshare", "--user", "--map-root-user", "--net", "--mount", "--"),
)


def define(parser: Parser) -> None:
    parser.runs(
        main,
        "Creates a throwaway network namespace with its own DNS server, a VIP on lo and a "
        "service that stops: shows the finding, the metric and the journal line, and leaves "
        "nothing behind. Needs root or unprivileged user namespaces.",
    )


def main(arguments: argparse.Namespace, environment: Environment) -> NoReturn:
    """Becomes demo_story, inside. Raises CommandError where nobody may have a namespace."""
    command = [*way_in(), *python("lowatch.cli.demo.story")]
    environment.stdout.flush()
    os.execvp(command[0], command)  # noqa: S606  # signals then reach the story itself


def way_in() -> Sequence[str]:
    """The command prefix that enters new namespaces here. Raises CommandError."""
    said = ""
    for way in _WAYS:
        try:
            tried = subprocess.run([*way, "true"], capture_output=True, text=True, check=False)
        except FileNotFoundError:
            raise CommandError(
                FAILURE, ["lowatch: demo: needs unshare, of the package util-linux"]
            ) from None
        if tried.returncode == 0:
            return way
        said = tried.stderr.strip()
    line = f"lowatch: demo: needs root or unprivileged user namespaces: {said}"
    raise CommandError(FAILURE, [line])
