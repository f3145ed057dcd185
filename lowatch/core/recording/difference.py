"""What is different between two audits: what came, what went, and which verdicts changed.

What is unknown in one of them neither came nor went. Ages, inodes and times are not compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple

from lowatch.core.addresses import format_address
from lowatch.core.audit import Audit
from lowatch.core.findings import FindingKind, Subject
from lowatch.core.held import TABLE_LOCAL, Held
from lowatch.core.judgement import Judgement
from lowatch.core.known import Unknown
from lowatch.core.observation_problems import failures, not_compared
from lowatch.core.snapshot import Problem
from lowatch.core.verdicts import JudgedEndpoint

from .recording import Recording

UNKNOWN = "unknown"


class Section(StrEnum):
    NAME = "name"
    HELD = "held"
    ENDPOINT = "endpoint"
    FINDING = "finding"
    PROBLEM = "problem"


class Difference(NamedTuple):
    """before, after: what was said of it; None if it was not there."""

    section: Section
    what: str
    before: str | None
    after: str | None


class Replayed(NamedTuple):
    """A recording, judged. Findings have no memory, as in `check`: they are firing or acknowledged."""

    recording: Recording
    judgement: Judgement
    audit: Audit


def differences(before: Replayed, after: Replayed) -> Iterator[Difference]:
    """In the order of the sections."""
    yield from _compared(Section.NAME, _names(before), _names(after))
    held_before, held_after = _held(before), _held(after)
    if held_before is not None and held_after is not None:
        yield from _compared(Section.HELD, held_before, held_after)
    yield from _unless_unknown(Section.ENDPOINT, before, after, _endpoints(before), _endpoints(after))
    yield from _unless_unknown(Section.FINDING, before, after, _findings(before), _findings(after))
    yield from _compared(Section.PROBLEM, _problems(before), _problems(after))


def _compared(
    section: Section, before: Mapping[str, str], after: Mapping[str, str]
) -> Iterator[Difference]:
    for what in sorted(before.keys() | after.keys()):
        if before.get(what) != after.get(what):
            yield Difference(section, what, before.get(what), after.get(what))


class _Said(NamedTuple):
    """What was said of a finding's subject, or of an endpoint as of an orphan's."""

    subject: Subject
    text: str


def _unless_unknown(
    section: Section,
    before: Replayed,
    after: Replayed,
    said_before: Mapping[str, _Said],
    said_after: Mapping[str, _Said],
) -> Iterator[Difference]:
    """As _compared(). What is not there, but may be, is unknown."""

    def text(key: str, side: Replayed, said: Mapping[str, _Said], other: Mapping[str, _Said]) -> str | None:
        if key in said:
            return said[key].text
        return UNKNOWN if side.judgement.is_undecided(other[key].subject) else None

    for key in sorted(said_before.keys() | said_after.keys()):
        was = text(key, before, said_before, said_after)
        now = text(key, after, said_after, said_before)
        if was != now:
            yield Difference(section, key, was, now)


def _names(side: Replayed) -> Mapping[str, str]:
    """Each name that is followed, and where it leads or why that is not known."""
    here, statuses = side.recording.snapshot.domains, {one.domain: one.status for one in side.audit.names}
    return {
        name: "leads here"
        if name in here and statuses[name] == "resolved"
        else statuses.get(name, "leads elsewhere")
        for name in side.recording.policy.domains
    }


def _held(side: Replayed) -> Mapping[str, str] | None:
    held = side.recording.snapshot.held
    return None if isinstance(held, Unknown) else {_holding(one): _properties(one) for one in held.value}


def _holding(held: Held) -> str:
    what = "route " if held.by == "route" else ""
    table = "" if held.table in (None, TABLE_LOCAL) else f" in table {held.table}"
    peer = "" if held.peer is None else f" peer {format_address(held.peer)}"
    return f"{what}{format_address(held.address)}/{held.prefixlen}{peer} on {held.interface}{table}"


def _properties(held: Held) -> str:
    return ", ".join((*filter(None, (held.label,)), *held.flags))


def _endpoints(side: Replayed) -> Mapping[str, _Said]:
    return {
        f"{one.domain} {format_address(one.address)} {one.port} on {one.interface}": _Said(
            Subject(FindingKind.ORPHAN_VIP, one.interface, one.address, one.domain, one.port), _verdict(one)
        )
        for one in side.audit.endpoints
    }


def _verdict(endpoint: JudgedEndpoint) -> str:
    listener = endpoint.listener
    return str(endpoint.verdict) + ("" if listener is None else f" by {listener.unit or listener.owner}")


def _findings(side: Replayed) -> Mapping[str, _Said]:
    return {one.finding.key: _Said(one.finding.subject, str(one.state)) for one in side.audit.findings}


def _problems(side: Replayed) -> Mapping[str, str]:
    """Without stale answers, whose age is in the text: their names are compared."""
    recording = side.recording
    found: Iterable[Problem] = (
        *recording.problems,
        *recording.snapshot.problems,
        *failures(recording.snapshot, side.judgement),
        *not_compared(recording.snapshot),
    )
    return {f"{one.source}: {one.message}": "" for one in found}
