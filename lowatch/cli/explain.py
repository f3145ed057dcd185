"""lowatch explain: the chain of evidence for one domain or address."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace

from lowatch.config.load import load
from lowatch.config.targets import DomainTarget, ExplainTarget, parse_explain_target
from lowatch.core.explanation import Explanation
from lowatch.core.hurt_clients import with_clients
from lowatch.core.last_served import LastServed
from lowatch.core.listeners import Endpoint
from lowatch.core.next_questions import NextQuestion
from lowatch.core.victims import RefusedConnects

from .arguments import Parser, add_config, add_netns
from .client import ask, said
from .environment import Environment
from .exit_codes import FAILURE, OK, USAGE, CommandError
from .recordings import add_snapshot, explained

_PATIENCE = 2.0
"""Seconds that the daemon gets to say who served last."""
_NOT_FOLLOWED = "the daemon does not watch this network namespace"


def define(parser: Parser) -> None:
    parser.runs(
        explain,
        "Shows the evidence for a domain or an address: answers, local route, listener, "
        "probe, verdict and fix.",
    )
    add_config(parser)
    add_snapshot(parser)
    add_netns(parser)
    parser.add_argument("target", metavar="DOMAIN|ADDRESS[:PORT[/PROTO]]")


def explain(arguments: argparse.Namespace, environment: Environment) -> int:
    try:
        target = parse_explain_target(arguments.target)
    except ValueError as error:
        raise CommandError(USAGE, [f"lowatch: {error}"]) from None
    if arguments.snapshot is not None:
        explanation = explained(arguments, target)
    else:
        explanation = _explain(arguments, target, environment)
    from lowatch.report.text.explanation import render  # noqa: PLC0415

    environment.write(render(explanation, colour=environment.colour, width=environment.columns))
    return OK


def _explain(arguments: argparse.Namespace, target: ExplainTarget, environment: Environment) -> Explanation:
    config = replace(load(arguments.config), netns=arguments.netns or "")
    remembered, no_memory = _ask_who_served(config.netns, environment)
    wiring = environment.wiring()
    try:
        explanation = wiring.explain(config, target, remembered)
    except wiring.StartError as error:
        raise CommandError(FAILURE, [f"lowatch: {error}"]) from None
    if explanation.findings and not no_memory:
        refused = _ask_who_was_refused(config.netns, environment)
        findings = tuple(with_clients(one, refused, explanation.at) for one in explanation.findings)
        explanation = replace(explanation, findings=findings)
    if isinstance(target, DomainTarget) and not no_memory:
        following = _ask_what_is_next(target.name, config.netns, environment)
        explanation = replace(explanation, next_questions=following)
    return replace(explanation, no_memory=no_memory)


def _ask_who_was_refused(netns: str, environment: Environment) -> RefusedConnects:
    """The local clients that failed, by the running daemon; none if it does not say.

    netns: as in Config.
    """
    from lowatch.report.victims import parse_refused  # noqa: PLC0415  # what --help does without

    try:
        reply = ask(_question(netns), environment, "GET", "/-/refused")
        return parse_refused(reply.body) if reply.status == 200 else RefusedConnects()
    except (CommandError, ValueError, RecursionError):
        return RefusedConnects()  # as by a daemon of an earlier version


def _ask_what_is_next(name: str, netns: str, environment: Environment) -> tuple[NextQuestion, ...]:
    """When the running daemon asks for the name next; () if it does not say.

    netns: as in Config.
    """
    from urllib.parse import quote  # noqa: PLC0415  # what --help does without

    from lowatch.report.next_questions import parse_next  # noqa: PLC0415

    path = f"/-/next?name={quote(name)}"
    try:
        reply = ask(_question(netns), environment, "GET", path)
        return parse_next(reply.body) if reply.status == 200 else ()
    except (CommandError, ValueError, RecursionError):
        return ()  # as by a daemon of an earlier version


def _ask_who_served(netns: str, environment: Environment) -> tuple[Mapping[Endpoint, LastServed], str]:
    """Who served last what is not served now, by the running daemon; and why that is unknown, or "".

    netns: as in Config.
    """
    if "/" in netns:
        return {}, _NOT_FOLLOWED
    from lowatch.service.served_file import parse_served  # noqa: PLC0415  # what --help does without

    try:
        reply = ask(_question(netns), environment, "GET", "/-/served")
        if reply.status == 200:
            return parse_served(reply.body.encode()), ""
        return {}, f"the daemon says: {' '.join(said(reply))}"
    except CommandError as error:
        return {}, error.lines[0].removeprefix("lowatch: ")
    except (ValueError, RecursionError) as error:
        return {}, f"the daemon's answer: {error}"


def _question(netns: str) -> argparse.Namespace:
    """The options of a command that asks the daemon of this network namespace."""
    return argparse.Namespace(socket=None, timeout=_PATIENCE, netns=netns)
