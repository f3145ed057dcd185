"""An explanation as text: the chain of evidence for one domain or address."""

from __future__ import annotations

from collections.abc import Iterator

from lowatch.core.addresses import format_address
from lowatch.core.explanation import (
    AddressEvidence,
    Explanation,
    RouteAnswer,
)
from lowatch.core.held import Held
from lowatch.core.known import Unknown
from lowatch.core.listeners import Connect, Listener
from lowatch.core.name_outcomes import ABSENT, name_report
from lowatch.core.printable import printable
from lowatch.core.snapshot import Problem
from lowatch.core.verdicts import JudgedEndpoint, Verdict
from lowatch.core.words import rfc3339
from lowatch.report.digest import summarise_groups
from lowatch.report.phrases import duration, listed

from .explained_answer import COLUMN, INDENT, answer_lines, step
from .findings import finding_lines
from .screen import Cell, Screen, Style

_FINE = frozenset({Verdict.SERVED, Verdict.UNUSED, Verdict.REDIRECTED})
_CONNECTS = {
    Connect.ACCEPTED: "a connect was accepted",
    Connect.REFUSED: "a connect was refused",
    Connect.TIMED_OUT: "a connect timed out",
    Connect.PENDING: "a connect has no answer yet",
}


def render(explanation: Explanation, *, colour: bool, width: int) -> str:
    """The output of `lowatch explain`: lines of printable ASCII, with SGR sequences if `colour`.

    width: columns of the terminal. Only commands and names, which are never broken, exceed it.
    """
    screen, answer = Screen(colour, width), explanation.answer
    sections = [
        _heading(explanation, screen),
        [] if answer is None else answer_lines(answer, explanation.monotonic, screen),
        *(_address_lines(one, explanation, screen) for one in explanation.addresses),
        *finding_lines(summarise_groups(explanation.findings), explanation.monotonic, screen),
        [line for problem in explanation.problems for line in _problem_lines(problem, screen)],
        _conclusion(explanation, screen),
    ]
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def _heading(explanation: Explanation, screen: Screen) -> list[str]:
    when = f"{printable(explanation.host)}, {rfc3339(explanation.at)}"
    lines = [screen.paint(printable(explanation.target), Style.BOLD)]
    lines += screen.paragraph(when, Style.DIM)
    if explanation.names:
        names = listed([printable(name) for name in explanation.names])
        lines += step("resolved by", names, screen)
    return lines


def _address_lines(evidence: AddressEvidence, explanation: Explanation, screen: Screen) -> list[str]:
    lines = [screen.paint(format_address(evidence.address), Style.BOLD)]
    lines += step("route", _route(evidence.route), screen)
    if isinstance(evidence.route, Unknown) or evidence.route.local or evidence.held:
        for held in evidence.held:
            lines += step("held", _held(held, explanation.uptime), screen)
        if not evidence.held:
            lines += step("held", "on no watched interface", screen)
    for endpoint in evidence.endpoints:
        lines += _endpoint_lines(endpoint, evidence.connects.get(endpoint.port), screen)
    return lines


def _route(route: RouteAnswer | Unknown) -> str:
    if isinstance(route, Unknown):
        return f"unknown: {printable(route.source)}: {printable(route.reason)}"
    if route.prefix is None:
        return "none: unreachable from this host"
    where = f"{route.prefix} on {printable(route.interface)}"
    if not route.local:
        return f"not local: routed by {where}"
    return f"local: {where}" + ("" if route.watched else ", which is not watched")


def _held(held: Held, uptime: float) -> str:
    interface = printable(held.interface)
    words = [f"{format_address(held.address)}/{held.prefixlen} on {interface}"]
    if held.by == "route":
        words[0] = f"no address, but the local route {words[0]}"
    if held.peer is not None:
        words.append(f"peer {format_address(held.peer)}")
    if held.table is not None:
        words.append("table local" if held.table == 255 else f"table {held.table}")
    if held.label and held.label != held.interface:
        words.append(f"label {printable(held.label)}")
    words += held.flags
    if held.origin:
        words.append(f"from {printable(held.origin)}")
    age = held.age(uptime)
    if age is not None:
        words.append(f"for {duration(age)}")
    return ", ".join(words)


def _endpoint_lines(endpoint: JudgedEndpoint, connect: Connect | None, screen: Screen) -> Iterator[str]:
    if endpoint.verdict is Verdict.UNKNOWN:
        words = [printable(endpoint.reason)] if endpoint.reason else []
    elif endpoint.listener is None:
        words = ["no listener"]
    else:
        words = [_listener(endpoint.listener)]
    if connect is not None:
        words.append(_CONNECTS[connect])
    verdict = endpoint.verdict.value
    label = Cell(str(endpoint.port), _style(endpoint.verdict))
    text = f"{verdict}: {'; '.join(words)}" if words else verdict
    yield from screen.entry(label, text, column=COLUMN, indent=INDENT)


def _style(verdict: Verdict) -> Style:
    if verdict in _FINE:
        return Style.GREEN
    return Style.RED if verdict is Verdict.ORPHAN else Style.YELLOW


def _listener(listener: Listener) -> str:
    owner = f"{listener.owner}, inode {listener.inode}"
    if listener.unit:
        owner = f"{printable(listener.unit)} ({owner})"
    queue = ""
    if listener.accept_queue_full:
        queue = f", accept queue full ({listener.queued} of {listener.backlog})"
    return f"{owner} listens on {format_address(listener.address)}{queue}"


def _problem_lines(problem: Problem, screen: Screen) -> list[str]:
    return step(printable(problem.source), printable(problem.message), screen, Style.YELLOW)


def _conclusion(explanation: Explanation, screen: Screen) -> list[str]:
    """The last sentence, if no finding and no verdict makes it superfluous."""
    if not explanation.complete:
        return screen.paragraph("Not everything could be observed.", Style.YELLOW)
    answer = explanation.answer
    if answer is not None and answer.status in ABSENT and not explanation.addresses:
        why = name_report(answer, explanation.monotonic).reason
        return screen.paragraph(f"It does not resolve: {printable(why)}.", Style.YELLOW)
    verdicts = {endpoint.verdict for one in explanation.addresses for endpoint in one.endpoints}
    if explanation.findings or verdicts - _FINE:
        return []
    if any(not isinstance(one.route, Unknown) and one.route.local for one in explanation.addresses):
        return screen.paragraph("No problem found.", Style.GREEN)
    return screen.paragraph("It does not lead to this host.", Style.GREEN)
