"""lowatch snapshot: records an audit as JSON, to judge it again elsewhere."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lowatch.config.load import load

from .arguments import Parser, add_config, add_netns
from .check import progress_shown
from .client import NOT_RUNNING, add_socket, ask, said
from .environment import Environment
from .exit_codes import FAILURE, OK, USAGE, CommandError
from .recordings import parsed, write

if TYPE_CHECKING:
    from lowatch.core.recording.recording import Recording

_PATIENCE = 60.0
_KEY_BYTES = 32


def define(parser: Parser) -> None:
    parser.runs(
        snapshot,
        "Records everything that an audit of this host sees, as JSON. `lowatch check --snapshot` and "
        "`lowatch explain --snapshot` judge the recording, on any host. Exit code: 0 recorded, 1 not, "
        "2 usage or configuration, 3 the daemon is not running or does not answer.",
    )
    add_config(parser)
    add_netns(parser)
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="where to write it; default: standard output"
    )
    parser.add_argument(
        "--redact",
        action="store_true",
        help="replace names, addresses, interfaces and units; it is judged the same",
    )
    parser.add_argument(
        "--daemon", action="store_true", help="record the last audit of the running daemon instead"
    )
    add_socket(parser, timeout=_PATIENCE)


def snapshot(arguments: argparse.Namespace, environment: Environment) -> int:
    record = _from_daemon if arguments.daemon else _audited
    write(record(arguments, environment), arguments.output, environment)
    return OK


def _audited(arguments: argparse.Namespace, environment: Environment) -> Iterable[bytes]:
    config = replace(load(arguments.config), netns=arguments.netns or "")
    wiring = environment.wiring()
    try:
        with progress_shown(environment) as progress:
            recording = wiring.record(config, progress)
    except wiring.StartError as error:
        raise CommandError(FAILURE, [f"lowatch: {error}"]) from None
    return _rendered(recording, arguments)


def _from_daemon(arguments: argparse.Namespace, environment: Environment) -> Iterable[bytes]:
    """As the daemon wrote it, unless it is redacted: its version may be another one."""
    if arguments.config is not None:
        raise CommandError(USAGE, ["lowatch: --daemon has its own configuration (give no --config)"])
    reply = ask(arguments, environment, "GET", "/-/snapshot", compressed=True)
    if reply.status != 200:
        raise CommandError(NOT_RUNNING, [f"lowatch: no snapshot: {line}" for line in said(reply)])
    content = reply.body.encode("utf-8")
    return _rendered(parsed(content, "the daemon"), arguments) if arguments.redact else (content,)


def _rendered(recording: Recording, arguments: argparse.Namespace) -> Iterable[bytes]:
    from lowatch.report.recording import recording_pieces  # noqa: PLC0415  # only once it is recorded

    if arguments.redact:
        import secrets  # noqa: PLC0415

        from lowatch.core.recording.redaction import redacted  # noqa: PLC0415

        recording = redacted(recording, secrets.token_bytes(_KEY_BYTES))
    return recording_pieces(recording)
