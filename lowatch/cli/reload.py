"""lowatch reload: have the running daemon read its configuration again, and wait for the outcome."""

from __future__ import annotations

import argparse

from .arguments import Parser
from .client import add_socket, ask, said
from .environment import Environment
from .errors import CommandError
from .exit_codes import FAILURE, OK

_PATIENCE = 60.0
_REFUSED = "lowatch: not reloaded, keeping the previous configuration:"


def define(parser: Parser) -> None:
    parser.runs(
        reload,
        "Has the running daemon read its configuration again, and waits until that is in "
        "force. A key that takes a restart is a line on stderr. Exit codes: 0 it is in force, 1 it was "
        "refused, keeping the previous one, 3 the daemon is not running or does not answer.",
    )
    add_socket(parser, timeout=_PATIENCE)


def reload(arguments: argparse.Namespace, environment: Environment) -> int:
    reply = ask(arguments, environment, "POST", "/-/reload")
    if reply.status != 200:
        raise CommandError(FAILURE, [_REFUSED, *said(reply)])
    for line in reply.body.splitlines()[1:]:
        environment.tell(f"lowatch: {line}")
    return OK
