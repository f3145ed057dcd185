"""An explanation as text: the chain of evidence for one domain or address."""

from __future__ import annotations

from collections.abc import Iterator

from lowatch.core.addresses import format_address
from lowatch.core.boot import Boot
from lowatch.core.explanation import (
    AddressEvidence,
    Explanation,
    Redirect,
    Removal,
    RouteAnswer,
)
from lowatch.core.findings import FindingKind
from lowatch.core.held import TABLE_LOCAL, TABLE_MAIN, Held
from lowatch.core.known import Unknown
from lowatch.core.listeners import Connect, Endpoint, Listener
from lowatch.core.name_outcomes import ABSENT, name_report
from lowatch.core.printable import printable
from lowatch.core.snapshot import Problem
from lowatch.core.verdicts import JudgedEndpoint, Verdict
from lowatch.core.words import rfc3339
from lowatch.report.boot import boot_texts
from lowatch.report.digest import summarise_groups
from lowatch.report.phrases import duration, host_and_netns, listed, outcome

from .explained_answer import COLUMN, INDENT, answer_lines, next_lines, step
from .findings import finding_lines
from .screen import Cell, Screen, Style

_FINE = frozenset({Verdict.SERVED, Verdict.UNUSED, Verdict.REDIRECTED})
_CONNECTS = {
    Connect.ACCEPTED: "a connect was accepted",
    Connect.REFUSED: "a connect was refused",
    Connect.TIMED_OUT: "a connect timed out",
    Connect.PENDING: "a connect has no answer yet",
}


_REDIRECTED = "NAT, TPROXY or IPVS, unknown which"
"""The rules of nftables are read by CAP_NET_ADMIN only, which lowatch does without."""
_PERHAPS_CAPTURED = (
    "it listens on all addresses, and serves nothing else of this name: if another unit should serve it, "
    "say so in lowatch.toml (unit)"
)
_TABLES = {253: "default", TABLE_MAIN: "main", TABLE_LOCAL: "local"}

_OTHER_NETNS = "unknown: configuration files are read for the first network namespace only"


def render(explanation: Explanation, *, colour: bool, width: int) -> str:
    """The output of `lowatch explain`: lines of printable ASCII, with SGR sequences if `colour`.

    width: columns of the terminal. Only commands and names, which are never broken, exceed it.
    """
    screen, answer = Screen(colour, width), explanation.answer
    sections = [
        _heading(explanation, screen),
        []
        if answer is None
        else answer_lines(answer, explanation.monotonic, screen)
        + next_lines(explanation.next_questions, screen),
        *(_address_lines(one, explanation, screen) for one in explanation.addresses),
        *finding_lines(
            summarise_groups(explanation.findings), explanation.monotonic, explanation.at, screen
        ),
        _no_memory(explanation, screen),
        [line for problem in explanation.problems for line in _problem_lines(problem, screen)],
        _sources(explanation, screen),
        _conclusion(explanation, screen),
    ]
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def _heading(explanation: Explanation, screen: Screen) -> list[str]:
    when = f"{host_and_netns(explanation.host, explanation.netns)}, {rfc3339(explanation.at)}"
    lines = [screen.paint(printable(explanation.target), Style.BOLD)]
    lines += screen.paragraph(when, Style.DIM)
    if explanation.names:
        names = listed([_with_source(name, explanation) for name in explanation.names])
        lines += step("resolved by", names, screen)
    return lines


def _with_source(name: str, explanation: Explanation) -> str:
    """A name, and where it comes from if nobody configured it."""
    source = explanation.sources.get(name)
    return f"{printable(name)} ({source})" if source is not None else printable(name)


def _address_lines(evidence: AddressEvidence, explanation: Explanation, screen: Screen) -> list[str]:
    lines = [screen.paint(format_address(evidence.address), Style.BOLD)]
    lines += step("route", _route(evidence.route), screen)
    if isinstance(evidence.route, Unknown) or evidence.route.local or evidence.held:
        for held in evidence.held:
            lines += step("held", _held(held, explanation.uptime), screen)
        if not evidence.held:
            lines += step("held", "on no watched interface", screen)
    for text in _neighbours(evidence):
        lines += step("neighbour", text, screen)
    if explanation.boot is not None:
        for text in _boot(evidence, explanation.boot):
            lines += step("boot", text, screen)
    elif explanation.netns:
        lines += step("boot", _OTHER_NETNS, screen)
    lines += _port_lines(evidence, explanation, screen)
    if evidence.removal is not None:
        lines += _removal_lines(evidence.removal, screen)
    return lines


def _port_lines(evidence: AddressEvidence, explanation: Explanation, screen: Screen) -> Iterator[str]:
    perhaps_captured = explanation.perhaps_captured
    for endpoint in evidence.endpoints:
        port = endpoint.port
        yield from _endpoint_lines(
            endpoint, evidence.connects.get(port), evidence.redirects.get(port), screen
        )
        if Endpoint(endpoint.address, port) in perhaps_captured:
            yield from step("", _PERHAPS_CAPTURED, screen)


def _removal_lines(removal: Removal, screen: Screen) -> list[str]:
    """Whether the address may go. The command is never broken, because people paste it."""
    if removal.fix is None:
        return step("may it go", f"no: {printable(removal.harm)}", screen)
    lines = step("may it go", "yes, nothing that is known here uses it:", screen)
    lines += [" " * COLUMN + printable(command) for command in removal.fix.commands]
    if removal.fix.rehearsal is not None:
        lines += step("", outcome(removal.fix.rehearsal), screen)
    if removal.fix.persist is not None:
        lines += step("", f"to persist: {printable(removal.fix.persist)}", screen)
    return lines


def _neighbours(evidence: AddressEvidence) -> Iterator[str]:
    """Other hosts at the address. That there is none is said only of an address that leads here."""
    found = evidence.neighbours
    if isinstance(found, Unknown):
        yield f"unknown: {printable(found.source)}: {printable(found.reason)}"
        return
    for one in found or ():
        link = printable(one.link_address) or "no answer"
        yield f"{link} on {printable(one.interface)}, {one.state}"
    if found == () and not isinstance(evidence.route, Unknown) and evidence.route.local:
        yield "none known: this host has heard of no other host at this address"


def _boot(evidence: AddressEvidence, boot: Boot) -> Iterator[str]:
    """What the files say about an address that leads here, or that one of them would add."""
    held = [held for held in evidence.held if held.address == evidence.address]
    if held:
        prefixlen, interface = held[0].prefixlen, held[0].interface
        yield from boot_texts(boot, evidence.address, prefixlen, interface, held=True)
        return
    entries = boot.of(evidence.address)
    if entries:
        yield from boot_texts(boot, evidence.address, None, None, held=False)
    if boot.missing is not None and any(entry in boot.missing for entry in entries):
        yield "not held now"


def _route(route: RouteAnswer | Unknown) -> str:
    if isinstance(route, Unknown):
        return f"unknown: {printable(route.source)}: {printable(route.reason)}"
    if route.prefix is None:
        return "none: unreachable from this host"
    where = f"{route.prefix} on {printable(route.interface)}{_table(route)}"
    if not route.local:
        return f"not local: routed by {where}"
    return f"local: {where}" + ("" if route.watched else ", which is not watched")


def _table(route: RouteAnswer) -> str:
    if route.table is None:
        return ""
    named = f", table {_TABLES.get(route.table, str(route.table))}"
    if not route.rules:
        return named
    if len(route.rules) == 1:
        return f"{named} by rule {route.rules[0]}"
    return f"{named} by one of the rules {listed([str(one) for one in route.rules])}"


def _held(held: Held, uptime: float) -> str:
    interface = printable(held.interface)
    words = [f"{format_address(held.address)}/{held.prefixlen} on {interface}"]
    if held.by == "route":
        words[0] = f"no address, but the local route {words[0]}"
    if held.peer is not None:
        words.append(f"peer {format_address(held.peer)}")
    if held.table is not None:
        words.append("table local" if held.table == TABLE_LOCAL else f"table {held.table}")
    if held.label and held.label != held.interface:
        words.append(f"label {printable(held.label)}")
    words += held.flags
    if held.origin:
        words.append(f"from {printable(held.origin)}")
    age = held.age(uptime)
    if age is not None:
        words.append(f"for {duration(age)}")
    return ", ".join(words)


def _endpoint_lines(
    endpoint: JudgedEndpoint, connect: Connect | None, redirect: Redirect | None, screen: Screen
) -> Iterator[str]:
    if endpoint.verdict is Verdict.UNKNOWN:
        words = [printable(endpoint.reason)] if endpoint.reason else []
    elif endpoint.listener is None:
        words = ["no listener"]
    else:
        words = [_listener(endpoint.listener)]
        if endpoint.port.protocol == "udp":
            words.append("no connect can confirm UDP")
    if connect is not None:
        words.append(_CONNECTS[connect])
    if endpoint.verdict is Verdict.REDIRECTED:
        words.append(_REDIRECTED if redirect is None else _redirect(redirect))
    verdict = endpoint.verdict.value
    label = Cell(str(endpoint.port), _style(endpoint.verdict))
    text = f"{verdict}: {'; '.join(words)}" if words else verdict
    yield from screen.entry(label, text, column=COLUMN, indent=INDENT)


def _redirect(redirect: Redirect) -> str:
    if redirect.to is None:
        return redirect.by
    address, port = redirect.to
    text = f"{redirect.by} to {format_address(address)}, {port}, on this host"
    return text if redirect.listener is None else f"{text}, where {_listener(redirect.listener)}"


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


def _no_memory(explanation: Explanation, screen: Screen) -> list[str]:
    """Why it is not said who served an orphan last, if the daemon could not be asked."""
    orphans = [one for one in explanation.findings if one.finding.subject.kind is FindingKind.ORPHAN_VIP]
    if not explanation.no_memory or not orphans:
        return []
    return step("before", f"unknown: {printable(explanation.no_memory)}", screen)


def _sources(explanation: Explanation, screen: Screen) -> list[str]:
    """What each step rests on; nothing of a recording."""
    if all(evidence.neighbours is None for evidence in explanation.addresses):
        return []
    facts = ["routes: the kernel's decision (RTM_GETROUTE)", "held: its own tables (RTM_GETADDR)"]
    endpoints = [one for evidence in explanation.addresses for one in evidence.endpoints]
    if endpoints:
        facts.append("listeners: its socket lookup (sock_diag)")
    if any(evidence.connects for evidence in explanation.addresses):
        facts.append("connects: made from this host, halfway where a listener is there")
    facts.append("neighbours: its ARP and ND tables, which only grow by traffic")
    if explanation.boot is not None:
        facts.append(f"boot: {explanation.boot.files:,} files read")
    return screen.paragraph(f"Based on {'; '.join(facts)}.", Style.DIM)


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
