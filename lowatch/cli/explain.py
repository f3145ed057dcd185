"""lowatch explain: the chain of evidence for one domain or address."""

from __future__ import annotations

import argparse

from lowatch.config.load import load
from lowatch.config.targets import parse_explain_target

from .arguments import Parser, add_config
from .environment import Environment
from .exit_codes import FAILURE, OK, USAGE, CommandError


def define(parser: Parser) -> None:
    parser.runs(
        explain,
        "Shows the evidence for a domain or an address: answers, local route, listener, "
        "probe, verdict and fix.",
    )
    add_config(parser)
    parser.add_argument("target", metavar="DOMAIN|ADDRESS[:PORT[/PROTO]]")


def explain(arguments: argparse.Namespace, environment: Environment) -> int:
    try:
        target = parse_explain_target(arguments.target)
    except ValueError as error:
        raise CommandError(USAGE, [f"lowatch: {error}"]) from None
    config = load(arguments.config)
    wiring = environment.wiring()
    try:
        explanation = wiring.explain(config, target)
    except wiring.StartError as error:
        raise CommandError(FAILURE, [f"lowatch: {error}"]) from None
    from lowatch.report.text.explanation import render  # noqa: PLC0415

    environment.write(render(explanation, colour=environment.colour, width=environment.columns))
    return OK
