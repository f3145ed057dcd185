"""lowatch diff: what came, went or changed between two recordings, or between one and now."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lowatch.config.load import load

from .arguments import Parser, add_config
from .check import progress_shown
from .environment import Environment
from .exit_codes import FINDINGS, INCOMPLETE, OK, USAGE, CommandError
from .recordings import read

if TYPE_CHECKING:
    from lowatch.core.recording.recording import Recording


def define(parser: Parser) -> None:
    parser.runs(
        diff,
        "Shows what came, went or changed its verdict between two recordings of `lowatch snapshot`, or "
        "between one and this host now. Exit code: 0 no difference, 1 differences, 2 usage or "
        "configuration, 3 this host could not be audited.",
    )
    add_config(parser)
    parser.add_argument("before", type=Path, metavar="A", help="a recording")
    parser.add_argument(
        "after", type=Path, nargs="?", metavar="B", help="a later one; default: an audit now"
    )


def diff(arguments: argparse.Namespace, environment: Environment) -> int:
    from lowatch.app.replay import replay  # noqa: PLC0415  # once the arguments are known to be right
    from lowatch.core.recording.difference import differences  # noqa: PLC0415
    from lowatch.report.text.difference import render  # noqa: PLC0415

    if arguments.after is not None and arguments.config is not None:
        raise CommandError(USAGE, ["lowatch: recordings have their own configuration (give no --config)"])
    first, later = read(arguments.before), arguments.after
    if later is None and first.redaction:
        raise _redacted(arguments.before)
    second = _now(arguments, first.snapshot.netns, environment) if later is None else read(later)
    if first.redaction != second.redaction:
        raise _redacted(arguments.before if first.redaction else later)
    if later is None and first.snapshot.host != second.snapshot.host:
        hosts = f"was recorded on {first.snapshot.host}, and this is {second.snapshot.host}"
        raise CommandError(USAGE, [f"lowatch: {arguments.before} {hosts} (give two recordings)"])
    before, after = replay(first), replay(second)
    found = list(differences(before, after))
    environment.write(render(before.audit, after.audit, found, colour=environment.colour))
    return FINDINGS if found else OK


def _now(arguments: argparse.Namespace, netns: str, environment: Environment) -> Recording:
    """An audit now, of the network namespace that was recorded."""
    config = replace(load(arguments.config), netns=netns)
    wiring = environment.wiring()
    try:
        with progress_shown(environment) as progress:
            return wiring.record(config, progress)
    except wiring.StartError as error:
        raise CommandError(INCOMPLETE, [f"lowatch: {error}"]) from None


def _redacted(path: Path) -> CommandError:
    why = "was redacted: its names and addresses are comparable only within itself"
    return CommandError(USAGE, [f"lowatch: {path} {why}"])
