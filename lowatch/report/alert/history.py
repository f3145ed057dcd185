"""What the journal remembers: when each finding fired, and how long it lasted.

Entries come newest first. That way an end is met before its beginning, and only those wait in memory
whose beginning lies still further back: as many as were alive at one time.

Anyone may write to the journal: a value here is text of whatever length and content until it is shown.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from lowatch.core.limits import HISTORY_OPEN

from .entry import MESSAGE_IDS, RESOLVED_MESSAGE_ID, STORM_MESSAGE_ID
from .summary import FOLDED

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
            "REASON",
        )
    ),
    FOLDED,
    "_HOSTNAME",
)
"""The fields of an entry that are looked at."""

ENTRY_IDS = (*MESSAGE_IDS.values(), RESOLVED_MESSAGE_ID)
"""MESSAGE_IDs of entries that stand for one finding; STORM_MESSAGE_ID for many."""


class Filter(NamedTuple):
    """Which findings are wanted; "" is any. domain, address: as lowatch itself writes them."""

    kind: str = ""
    domain: str = ""
    address: str = ""


_ANY = Filter()
_ROW = ("domain", "address", "prefixlen", "interface", "port", "protocol", "since", "until")
"""Of a line of a summary: see alert_summary."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One time that a finding fired.

    since, until: wall-clock seconds at which it showed and went; until None: no end is recorded.
    fired, resolved: when it was written that it did, None where no such entry was met.
    folded: whether it was written in a storm's summary, which has no reason for each.
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

    @property
    def lasted(self) -> float | None:
        return None if self.until is None else max(0.0, self.until - self.since)


_Key = tuple[object, ...]


class _Event(NamedTuple):
    """An occurrence of which one end is known: it fired, or it was resolved."""

    occurrence: Occurrence
    resolved: bool

    @property
    def key(self) -> _Key:
        """The same for both ends: what and where, and since when."""
        one = self.occurrence
        where = (one.interface, one.address, one.prefixlen, one.domain, one.port, one.protocol)
        return (one.host, one.kind, *where, int(one.since))


class Unreadable(NamedTuple):
    """An entry, or a line of a summary, that is none of lowatch's."""


def occurrences(
    entries: Iterable[Mapping[str, Any]], wanted: Filter = _ANY
) -> Iterator[Occurrence | Unreadable]:
    """entries: as `journalctl --reverse --output=json` has them. Newest firing first, as they come.

    In the end come those whose firing is older than all entries.
    """
    open_ends: dict[_Key, Occurrence] = {}
    shown: OrderedDict[_Key, None] = OrderedDict()
    for event in (event for entry in entries for event in _events(entry)):
        if isinstance(event, Unreadable):
            yield event
            continue
        key, one = event.key, event.occurrence
        if not _is_wanted(one, wanted) or key in shown or (event.resolved and key in open_ends):
            continue  # written twice: the process was killed before it had saved that it was told
        if event.resolved and len(open_ends) < HISTORY_OPEN.value:
            open_ends[key] = one
            continue
        if not event.resolved:
            shown[key] = None
            if len(shown) > HISTORY_OPEN.value:
                HISTORY_OPEN.reached()
                shown.popitem(last=False)
            ended = open_ends.pop(key, None)
            one = one if ended is None else _joined(one, ended)
        yield one
    yield from open_ends.values()


def _joined(fired: Occurrence, ended: Occurrence) -> Occurrence:
    return replace(fired, until=ended.until, resolved=ended.resolved, reason=fired.reason or ended.reason)


def _is_wanted(one: Occurrence, wanted: Filter) -> bool:
    return (
        wanted.kind in ("", one.kind)
        and wanted.domain in ("", one.domain)
        and wanted.address in ("", one.address)
    )


def _events(entry: Mapping[str, Any]) -> Iterator[_Event | Unreadable]:
    fields = {name: _text(entry.get(name)) for name in FIELDS}
    written = _microseconds(entry.get("__REALTIME_TIMESTAMP"))
    resolved = fields["LOWATCH_STATE"] == "resolved"
    if written is None or not (resolved or fields["LOWATCH_STATE"] == "firing"):
        yield Unreadable()
    elif fields["MESSAGE_ID"] == STORM_MESSAGE_ID:
        # As it was written, so backwards: of what came and went twice, the last time is met first.
        for line in reversed(fields[FOLDED].splitlines()):
            row = _row(line)
            yield Unreadable() if row is None else _event({**fields, **row}, written, resolved, folded=True)
    else:
        yield _event(fields, written, resolved, folded=False)


def _row(line: str) -> Mapping[str, str] | None:
    """A line of a summary as the fields of an entry of its own."""
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
        until = written  # before there was such a field
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
    )
    return _Event(occurrence, resolved)


def _text(value: Any) -> str:
    """A field as `journalctl --output=json` has it, of which the first counts where there are several.

    systemd.journal-export-formats: text; or, where it is not UTF-8 or not printable, an array of its
    octets; or an array of either, where the field occurs more than once; or null where it is too large.
    """
    match value:
        case str():
            return value
        case [int(), *_]:
            try:
                return bytes(value).decode("utf-8", "backslashreplace")
            except (TypeError, ValueError):
                return ""
        case [first, *_]:
            return _text(first)
    return ""


def _microseconds(value: Any) -> float | None:
    try:
        return int(value) / 1e6
    except (TypeError, ValueError, OverflowError):
        return None


def _time(text: str) -> float | None:
    """RFC 3339 to seconds since the epoch."""
    try:
        moment = datetime.fromisoformat(text)
        return None if moment.tzinfo is None else moment.timestamp()
    except (ValueError, OverflowError):
        return None
