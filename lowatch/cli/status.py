"""lowatch status: prints the running daemon's status. The daemon renders the text."""

from __future__ import annotations

import argparse

from .arguments import Parser
from .client import NOT_RUNNING, add_daemons_netns, add_socket, ask, said
from .environment import Environment
from .exit_codes import OK, CommandError

_PATIENCE = 10.0
_NARROWEST, _WIDEST = 20, 1000  # what the daemon takes


def define(parser: Parser) -> None:
    parser.runs(
        status,
        "Shows the daemon's status. Exit code: 0 it answered, 3 it is not running or does not answer.",
    )
    parser.add_argument("--format", choices=("text", "json"), default="text")
    add_daemons_netns(parser)
    add_socket(parser, timeout=_PATIENCE)


def status(arguments: argparse.Namespace, environment: Environment) -> int:
    query = f"format={arguments.format}"
    if arguments.format == "text":
        width = min(max(environment.columns, _NARROWEST), _WIDEST)
        query += f"&width={width}&colour={'yes' if environment.colour else 'no'}"
    reply = ask(arguments, environment, "GET", f"/-/status?{query}")
    if reply.status != 200:
        raise CommandError(NOT_RUNNING, [f"lowatch: no status: {line}" for line in said(reply)])
    environment.write(reply.body)
    return OK
