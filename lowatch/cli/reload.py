"""lowatch reload: makes the running daemon read its configuration again, and waits for the outcome."""

from __future__ import annotations

import argparse

from .arguments import Parser
from .client import add_daemons_netns, add_socket, ask, said
from .environment import Environment
from .exit_codes import FAILURE, OK, CommandError

_PATIENCE = 60.0
_REFUSED = "lowatch: not reloaded, keeping the previous configuration:"


def define(parser: Parser) -> None:
    parser.runs(
        reload,
        "Reloads the configuration of the running daemon and waits until it takes effect. Keys "
        "that need a restart are reported on stderr. Exit code: 0 reloaded, 1 refused (the previous "
        "configuration stays in effect), 3 the daemon is not running or does not answer.",
    )
    add_daemons_netns(parser)
    add_socket(parser, timeout=_PATIENCE)


def reload(arguments: argparse.Namespace, environment: Environment) -> int:
    reply = ask(arguments, environment, "POST", "/-/reload")
    if reply.status != 200:
        raise CommandError(FAILURE, [_REFUSED, *said(reply)])
    for line in reply.body.splitlines()[1:]:
        environment.tell(f"lowatch: {line}")
    return OK
