"""lowatch reload: have the running daemon read its configuration again, and wait for the outcome."""

from __future__ import annotations

import argparse

from .arguments import Commands, add_command
from .client import add_socket, ask, said
from .environment import Environment
from .errors import CommandError
from .exit_codes import FAILURE, OK

_PATIENCE = 60.0


def register(commands: Commands) -> None:
    parser = add_command(
        commands,
        "reload",
        reload,
        summary="have the running daemon read its configuration again",
        description="Has the running daemon read its configuration again, and waits until that is in "
        "force. Exit codes: 0 it is, 1 it was refused and the old one goes on, 3 the daemon is not "
        "running or does not answer.",
    )
    add_socket(parser, timeout=_PATIENCE)


def reload(arguments: argparse.Namespace, environment: Environment) -> int:
    reply = ask(arguments, environment, "POST", "/-/reload")
    if reply.status != 200:
        raise CommandError(FAILURE, ["lowatch: not reloaded, the old configuration goes on:", *said(reply)])
    return OK
