"""The answers of each view in an explanation, and the view that applications use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lowatch.core.addresses import Address, format_address
from lowatch.core.answers import Answer, AnswerStatus, OtherView, RRset, SrvRecord, View
from lowatch.core.next_questions import NextQuestion, Pace
from lowatch.core.printable import printable
from lowatch.core.views import in_effect
from lowatch.report.phrases import duration, listed

from .screen import Cell, Screen, Style

_WHY = {
    Pace.TTL: "",
    Pace.RETRY: " (the last lookup failed)",
    Pace.FAR: " (it never led to this host: dns.far_ttl)",
}
_AT_ONCE = "; at once when an address is added, or clients are refused where no name is known"

INDENT = 2
COLUMN = 14


def step(label: str, text: str, screen: Screen, style: Style = Style.DIM) -> list[str]:
    """One item of evidence, wrapped to the width."""
    return screen.entry(Cell(label, style), text, column=COLUMN, indent=INDENT)


def answer_lines(answer: Answer, now: float, screen: Screen) -> list[str]:
    """The answers of all views, the view in effect first and in detail. now: monotonic seconds."""
    return [line for label, text in _steps(answer, now) for line in step(label, text, screen)]


def next_lines(questions: Iterable[NextQuestion], screen: Screen) -> list[str]:
    """When the daemon asks for the name next, and why not sooner."""
    questions = list(questions)
    when = [f"{one.rrtype} {_in(one.seconds)}{_WHY[one.pace]}" for one in questions]
    if not when:
        return []
    far = any(one.pace is Pace.FAR for one in questions)
    return step("asked next", "; ".join(when) + (_AT_ONCE if far else ""), screen)


def _in(seconds: float) -> str:
    return "now" if seconds < 1 else f"in {duration(seconds)}"


def _steps(answer: Answer, now: float) -> Iterator[tuple[str, str]]:
    for record in answer.srv_records or ():
        yield "SRV", _srv_record(record)
    yield f"{answer.view} A", _rrset(answer.a, now)
    yield f"{answer.view} AAAA", _rrset(answer.aaaa, now)
    for other in answer.others:
        yield other.view, _other(other)
    if answer.others or answer.view is not View.DNS:
        yield "in effect", f"{in_effect(answer)}: what applications on this host use"


def _srv_record(record: SrvRecord) -> str:
    return f"{printable(record.target)}, {record.port}: {_addresses(record.addresses) or 'no address'}"


def _rrset(rrset: RRset, now: float) -> str:
    words = [_addresses(rrset.addresses)] if rrset.addresses else []
    if rrset.more:
        words.append(f"{rrset.more:,} more, over the limit")
    if rrset.synthesised:
        words.append(f"{_addresses(rrset.synthesised)} synthesised by DNS64")
    if rrset.status is not AnswerStatus.RESOLVED:
        age = "" if rrset.stale_since is None else f" for {duration(now - rrset.stale_since)}"
        reason = f": {printable(rrset.reason)}" if rrset.reason else ""
        words.append(f"{rrset.status}{age}{reason}")
    if rrset.chain:
        words.append(f"via {', '.join(map(printable, rrset.chain))}")
    if rrset.server:
        words.append(f"from {printable(rrset.server)}, TTL {rrset.ttl} s")
    return "; ".join(words)


def _other(other: OtherView) -> str:
    reason = printable(other.reason)
    if other.addresses is None:
        return f"unknown: {reason}"
    addresses = _addresses(other.addresses) or "no address"
    return f"{addresses}; previous answer kept: {reason}" if reason else addresses


def _addresses(addresses: Iterable[Address]) -> str:
    return listed([format_address(address) for address in addresses])
