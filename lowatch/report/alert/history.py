"""Reads the history of findings from journal entries: when each fired, and how long it lasted.

occurrences() reads entries newest first. So the end of a finding comes before its start, and only findings
whose start has not been read yet are in memory: as many as were firing at the same time. changes() reads
them oldest first, as they are written.

Anyone can write to the journal, so values are text of any length and content, to be escaped when shown.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple, TypeVar

from lowatch.core.limits.alerts import HISTORY_OPEN

from .entry import (
    FOLDED,
    MESSAGE_IDS,
    RESOLVED_MESSAGE_ID,
    STORM_MESSAGE_ID,
)

FIELDS = (
    "MESSAGE_ID",
    *(
        f"LOWATCH_{name}"
        for name in (
            "KIND",
            "STATE",
            "SEVERITY",
            "INTERFACE",
            "ADDRESS",
            "PREFIXLEN",
            "DOMAIN",
            "PORT",
            "PROTOCOL",
            "SINCE",
            "UNTIL",
            "LAST_UNIT",
            "VICTIMS",
            "VICTIM",
            "REASON",
            "NETNS",
        )
    ),
    FOLDED,
    "_HOSTNAME",
)
"""The fields of an entry that are read."""

WRITTEN = "__REALTIME_TIMESTAMP"
"""The field with the time of an entry, in microseconds since the epoch."""

ENTRY_IDS = (*MESSAGE_IDS.values(), RESOLVED_MESSAGE_ID)
"""The MESSAGE_IDs of entries for one finding. STORM_MESSAGE_ID is that of an entry for many."""


class Filter(NamedTuple):
    """The findings to show; "" means any. domain, address, netns: as lowatch writes them."""

    kind: str = ""
    domain: str = ""
    address: str = ""
    netns: str = ""


_ANY = Filter()
_ROW = (
    "domain",
    "address",
    "prefixlen",
    "interface",
    "port",
    "protocol",
    "last_unit",
    "victims",
    "victim",
    "since",
    "until",
)
"""The members of a line in LOWATCH_FOLDED (see entry.py)."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One time that a finding fired.

    since, until: the wall-clock seconds when it showed and when it went; until is None if no end is
    recorded. fired, resolved: the times of its entries, None if there is no such entry. folded: whether it
    comes from a storm's summary, which has no reasons.
    last_unit: the unit that served an orphan last, or "". victims: how many local clients had failed by the
    last entry, or "". victim: the program that most of them were, or "". netns: its network namespace; ""
    for the first.
    """

    host: str
    kind: str
    severity: str
    interface: str
    address: str
    prefixlen: str
    domain: str
    port: str
    protocol: str
    since: float
    until: float | None
    fired: float | None
    resolved: float | None
    reason: str
    folded: bool
    last_unit: str = ""
    victims: str = ""
    victim: str = ""
    netns: str = ""

    @property
    def lasted(self) -> float | None:
        return None if self.until is None else max(0.0, self.until - self.since)


_Key = tuple[object, ...]
_T = TypeVar("_T")


class _Event(NamedTuple):
    """An occurrence from one entry, which has only its start or only its end."""

    occurrence: Occurrence
    resolved: bool

    @property
    def key(self) -> _Key:
        """Equal for the start and the end of the same occurrence."""
        it = self.occurrence
        subject = (it.interface, it.address, it.prefixlen, it.domain, it.port, it.protocol)
        return (it.host, it.netns, it.kind, *subject, int(it.since))


class Unreadable(NamedTuple):
    """An entry, or a line of a summary, that lowatch did not write."""


def changes(
    entries: Iterable[Mapping[str, str]], wanted: Filter = _ANY
) -> Iterator[Occurrence | Unreadable]:
    """Each firing and each resolved finding in entries from the oldest to the newest, as they come.

    entries: their fields, as text. A finding that fired has no `until`; one that is resolved no `fired`.
    """
    shown: OrderedDict[tuple[_Key, bool], None] = OrderedDict()
    for event in (event for entry in entries for event in _events(entry)):
        if isinstance(event, Unreadable):
            yield event
        elif _is_wanted(event.occurrence, wanted) and (event.key, event.resolved) not in shown:
            _remember((event.key, event.resolved), shown)
            yield event.occurrence


def occurrences(
    entries: Iterable[Mapping[str, str]], wanted: Filter = _ANY
) -> Iterator[Occurrence | Unreadable]:
    """The occurrences in entries from the newest to the oldest, newest start first.

    entries: their fields, as text. Occurrences whose start is older than all entries come last.
    """
    open_ends: dict[_Key, Occurrence] = {}
    shown: OrderedDict[_Key, None] = OrderedDict()
    for event in (event for entry in entries for event in reversed(list(_events(entry)))):
        if isinstance(event, Unreadable):
            yield event
            continue
        key, occurrence = event.key, event.occurrence
        if not _is_wanted(occurrence, wanted) or key in shown or (event.resolved and key in open_ends):
            continue  # a duplicate: the process was killed before it saved that it had sent the entry
        if event.resolved and len(open_ends) < HISTORY_OPEN.value:
            open_ends[key] = occurrence
            continue
        if not event.resolved:
            _remember(key, shown)
            ended = open_ends.pop(key, None)
            occurrence = occurrence if ended is None else _joined(occurrence, ended)
        yield occurrence
    yield from open_ends.values()


def _remember(key: _T, shown: OrderedDict[_T, None]) -> None:
    shown[key] = None
    if len(shown) > HISTORY_OPEN.value:
        HISTORY_OPEN.reached()
        shown.popitem(last=False)


def _joined(fired: Occurrence, ended: Occurrence) -> Occurrence:
    return replace(
        fired,
        until=ended.until,
        resolved=ended.resolved,
        reason=fired.reason or ended.reason,
        last_unit=fired.last_unit or ended.last_unit,
        victims=ended.victims or fired.victims,
        victim=ended.victim or fired.victim,
    )


def _is_wanted(occurrence: Occurrence, wanted: Filter) -> bool:
    return (
        wanted.kind in ("", occurrence.kind)
        and wanted.domain in ("", occurrence.domain)
        and wanted.address in ("", occurrence.address)
        and wanted.netns in ("", occurrence.netns)
    )


def _events(entry: Mapping[str, str]) -> Iterator[_Event | Unreadable]:
    fields = {name: entry.get(name, "") for name in FIELDS}
    written = _microseconds(entry.get(WRITTEN, ""))
    resolved = fields["LOWATCH_STATE"] == "resolved"
    if written is None or not (resolved or fields["LOWATCH_STATE"] == "firing"):
        yield Unreadable()
    elif fields["MESSAGE_ID"] == STORM_MESSAGE_ID:
        for line in fields[FOLDED].splitlines():
            row = _row(line)
            yield Unreadable() if row is None else _event({**fields, **row}, written, resolved, folded=True)
    else:
        yield _event(fields, written, resolved, folded=False)


def _row(line: str) -> Mapping[str, str] | None:
    """The fields that a line of a summary stands for; None if it is unreadable."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(row, dict):
        return None
    values = ((name, row.get(name)) for name in _ROW)
    return {
        "LOWATCH_REASON": "",
        **{
            f"LOWATCH_{name.upper()}": str(value) if isinstance(value, str | int) else ""
            for name, value in values
        },
    }


def _event(
    fields: Mapping[str, str], written: float, resolved: bool, *, folded: bool
) -> _Event | Unreadable:
    since, until = _time(fields["LOWATCH_SINCE"]), _time(fields["LOWATCH_UNTIL"])
    if since is None or not fields["LOWATCH_KIND"]:
        return Unreadable()
    if until is None:
        until = written  # old entries lack LOWATCH_UNTIL
    occurrence = Occurrence(
        host=fields["_HOSTNAME"],
        kind=fields["LOWATCH_KIND"],
        severity=fields["LOWATCH_SEVERITY"],
        interface=fields["LOWATCH_INTERFACE"],
        address=fields["LOWATCH_ADDRESS"],
        prefixlen=fields["LOWATCH_PREFIXLEN"],
        domain=fields["LOWATCH_DOMAIN"],
        port=fields["LOWATCH_PORT"],
        protocol=fields["LOWATCH_PROTOCOL"],
        since=since,
        until=until if resolved else None,
        fired=None if resolved else written,
        resolved=written if resolved else None,
        reason=fields["LOWATCH_REASON"],
        folded=folded,
        last_unit=fields["LOWATCH_LAST_UNIT"],
        victims=fields["LOWATCH_VICTIMS"],
        victim=fields["LOWATCH_VICTIM"],
        netns=fields["LOWATCH_NETNS"],
    )
    return _Event(occurrence, resolved)


def _microseconds(text: str) -> float | None:
    try:
        return int(text) / 1e6
    except (ValueError, OverflowError):
        return None


def _time(text: str) -> float | None:
    """RFC 3339 to seconds since the epoch."""
    try:
        moment = datetime.fromisoformat(text)
        return None if moment.tzinfo is None else moment.timestamp()
    except (ValueError, OverflowError):
        return None
