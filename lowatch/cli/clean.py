"""lowatch clean: what would fix this host; with --apply it is carried out, and --undo takes it back."""

from __future__ import annotations

import argparse
from pathlib import Path

from lowatch.config import values
from lowatch.config.load import load
from lowatch.config.settings import Config
from lowatch.core.addresses import Address, parse_address
from lowatch.core.audit import Audit
from lowatch.core.changes.candidates import Filter, candidates
from lowatch.core.findings import FindingKind
from lowatch.report.text import clean as text

from .arguments import Parser, add_config
from .check import progress_shown
from .clean_apply import apply
from .clean_daemon import Remembered, remembered
from .clean_undo import undo
from .client import add_socket
from .environment import Environment
from .exit_codes import INCOMPLETE, OK, USAGE, CommandError

_PATIENCE = 10.0


def define(parser: Parser) -> None:
    parser.runs(
        clean,
        "Shows what would fix the findings of this host, and why. It changes nothing without --apply. With "
        "--apply it removes the addresses and local routes of orphan-vip and idle-vip findings that fire, "
        "after it has written an undo script. Exit code: 0 done, 1 something was not done, or what was "
        "served is not any more, 2 usage or configuration, 3 an audit was incomplete.",
    )
    parser.add_argument("--apply", action="store_true", help="carry it out; needs root")
    parser.add_argument("--yes", action="store_true", help="with --apply: do not ask")
    parser.add_argument(
        "--undo", type=Path, metavar="FILE", help="undo what --apply did, with the script that it wrote"
    )
    add_config(parser)
    add_socket(parser, timeout=_PATIENCE)
    parser.add_argument("names", nargs="*", metavar="KIND|ADDRESS", help="only these")


def clean(arguments: argparse.Namespace, environment: Environment) -> int:
    mistake = _mistake(arguments)
    if mistake:
        raise CommandError(USAGE, [f"lowatch: {mistake} (see lowatch clean --help)"])
    if arguments.undo is not None:
        return undo(arguments.undo, environment)
    wanted = _filter(arguments.names)
    config = load(arguments.config)
    known = remembered(arguments, environment)
    if arguments.apply:
        return apply(config, wanted, known, environment, asks=not arguments.yes)
    return _show(config, wanted, known, environment)


def _mistake(arguments: argparse.Namespace) -> str:
    """What does not fit together in the arguments; "" if all does."""
    if arguments.yes and not arguments.apply:
        return "--yes needs --apply"
    if arguments.undo is None:
        return ""
    if arguments.apply or arguments.names or arguments.config is not None:
        return "--undo takes no other argument"
    return ""


def _show(config: Config, wanted: Filter, known: Remembered, environment: Environment) -> int:
    wiring = environment.wiring()
    try:
        with progress_shown(environment) as progress:
            audit: Audit = wiring.check(config, progress)
    except wiring.StartError as error:
        raise CommandError(INCOMPLETE, [f"lowatch: {error}"]) from None
    found = candidates(audit.findings, known.memory, wanted)
    environment.write(
        text.render(audit, found, known.why_not, colour=environment.colour, width=environment.columns)
    )
    return OK if audit.complete else INCOMPLETE


def _filter(names: list[str]) -> Filter:
    """Raises CommandError with all mistakes at once."""
    kinds: set[FindingKind] = set()
    addresses: set[Address] = set()
    mistakes = []
    for name in names:
        try:
            if set(name) & set(".:"):
                addresses.add(parse_address(name))
            else:
                kinds.add(FindingKind(values.kind(name)))
        except ValueError as error:
            mistakes.append(f"lowatch: {error}")
    if mistakes:
        raise CommandError(USAGE, mistakes)
    return Filter(frozenset(kinds), frozenset(addresses))
