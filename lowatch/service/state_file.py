"""Findings kept across a restart, as JSON in $STATE_DIRECTORY: `since`, and what was announced.

    {"schema": 1, "findings": [
     {"kind": "orphan-vip", "interface": "lo", "address": "192.0.2.10", "domain": "www.example.com",
      "port": 443, "protocol": "tcp", "prefixlen": null, "message": "www.example.com resolves...",
      "fix": [], "since": 1795403527.5, "announced": true, "state": "firing"}], "told": 7}

told: the newest generation of intents (see intents.py) that is part of it; without it, none is.
No failure here is fatal: what cannot be read or written is logged, and the daemon continues without it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lowatch.core.addresses import Port, format_address, host_length, parse_address, parse_port
from lowatch.core.findings import Finding, FindingKind, Subject
from lowatch.core.last_served import LastServed
from lowatch.core.lifecycle import FindingState, Remembered, Tracked
from lowatch.core.limits.files import STATE_FILE_BYTES, STATE_VALUES

from .intents import Intents
from .kept_file import KeptFile

_log = logging.getLogger(__name__)

SCHEMA = 1
_LAST_SECOND = 253402300799  # 9999-12-31T23:59:59Z: a later `since` could not be displayed
_LAST_GENERATION = 2**63


class _Saved(NamedTuple):
    """What the file has."""

    findings: Sequence[Remembered]
    told: int


class StateFile:
    """A StateStore in one file, findings.json, which only this process writes.

    A crash leaves the old file or the new one. A damaged file is renamed to findings.json.damaged.
    Without a directory nothing is kept.
    """

    def __init__(self, directory: Path | None) -> None:
        self._file = None if directory is None else KeptFile(directory / "findings.json")
        self._intents = None if directory is None else Intents(directory)
        self._told = 0
        """The newest generation that is part of the saved state."""

    @property
    def generation(self) -> int:
        """The generation of what intend() writes down now; end_generation() begins the next."""
        return 0 if self._intents is None else self._intents.generation

    def intend(self, findings: Iterable[Tracked], generation: int) -> None:
        """Write down that these are about to be delivered. Blocks as write(2) does, not as fsync(2)."""
        if self._intents is not None:
            self._intents.append(
                (json.dumps(_record(one), allow_nan=False) for one in findings), generation
            )

    def end_generation(self) -> int:
        """Call it at the moment of which a state is to be saved: what is intended later is not in it."""
        return 0 if self._intents is None else self._intents.end_generation()

    def load(self) -> Sequence[Remembered]:
        """What was saved last, ordered by key; empty if there is nothing.

        delivery_unknown is set for what was being delivered when the process ended.
        """
        remembered = {one.finding.subject.key: one for one in self._load()}
        if self._intents is not None:
            self._intents.begin_after(self._told)
        for one in self._intended():
            key = one.finding.subject.key
            remembered[key] = one._replace(since=remembered.get(key, one).since)
        return [one for _, one in sorted(remembered.items())]

    def _intended(self) -> Iterator[Remembered]:
        if self._intents is None:
            return
        for line in self._intents.lines():
            try:
                one = _parse_record(json.loads(line))
            except (ValueError, RecursionError) as error:
                _log.warning("a line of the pending-alerts file is damaged: %s, ignoring", error)
                continue
            if one is not None:
                yield one._replace(announced=True, delivery_unknown=True)

    def _load(self) -> Sequence[Remembered]:
        found = None if self._file is None else self._file.read(STATE_FILE_BYTES, _parse)
        if found is None:
            return []
        self._told = found.told
        return found.findings

    def save(self, tracked: Mapping[str, Tracked], generation: int = 0) -> bool:
        """Write atomically, where anything changed; whether the file has it now. Without a directory: True.

        generation: what was intended up to that one is part of the state, and is forgotten with the write.
        A failure is logged once, until one succeeds.

        Blocks for as long as fsync() takes, so a daemon calls it in a thread; one at a time saves.
        """
        if self._file is None or self._intents is None:
            return True
        self._told = max(self._told, self._intents.newest(generation))
        if not self._file.write(_render(tracked, self._told)):
            return False
        self._intents.forget(self._told)
        return True


def _render(tracked: Mapping[str, Tracked], told: int) -> bytes:
    """One record a line: with json's own indentation it would take twice as long."""
    records = [json.dumps(_record(one), allow_nan=False) for _, one in sorted(tracked.items())]
    text = ",\n ".join(records)
    end = b', "told": %d' % told if told else b""
    return b'{"schema": %d, "findings": [\n %b\n]%b}\n' % (SCHEMA, text.encode("ascii"), end)


def _record(tracked: Tracked) -> dict[str, Any]:
    finding, subject = tracked.finding, tracked.finding.subject
    return {
        "kind": subject.kind.value,
        "interface": subject.interface,
        "address": None if subject.address is None else format_address(subject.address),
        "domain": subject.domain,
        "port": None if subject.port is None else subject.port.number,
        "protocol": None if subject.port is None else subject.port.protocol,
        "prefixlen": subject.prefixlen,
        "message": finding.message,
        "fix": list(finding.fix),
        **({"any_of": list(map(str, finding.any_of))} if finding.any_of else {}),
        **({"info": True} if finding.info else {}),
        **({"last_served": list(finding.last_served)} if finding.last_served else {}),
        "since": tracked.since,
        "announced": tracked.announced,
        **({"doubtful": True} if tracked.delivery_unknown else {}),
        "state": tracked.state.value,
    }


def _parse(content: bytes) -> _Saved:
    """Raises ValueError saying what is wrong, or RecursionError (json's own)."""
    if sum(map(content.count, (b",", b"[", b"{"))) > STATE_VALUES.value:
        STATE_VALUES.reached()
        raise ValueError(f"it has more than {STATE_VALUES.value:,} values")
    match json.loads(content):
        case {"schema": schema, "findings": list() as records, **others} if schema == SCHEMA:
            parsed = [_parse_record(record) for record in records]
            told = _parse_told(others.get("told", 0))  # an addition
            return _Saved([remembered for remembered in parsed if remembered is not None], told)
    raise ValueError(f"it does not have schema {SCHEMA}")


def _parse_told(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LAST_GENERATION:
        return value
    raise ValueError(f"the generation {json.dumps(value):.200} is not valid")


def _parse_record(record: Any) -> Remembered | None:
    """None for a finding of a kind that only a newer version knows."""
    match record:
        case {
            "kind": str() as kind,
            "interface": str() | None as interface,
            "address": str() | None as address,
            "domain": str() | None as domain,
            "port": int() | None as port,
            "protocol": str() | None as protocol,
            "prefixlen": int() | None as prefixlen,
            "message": str() as message,
            "fix": list() as fix,
            "since": int() | float() as since,
            "announced": bool() as announced,
        } if _is_time(since) and all(isinstance(command, str) for command in fix):
            if kind not in set(FindingKind):
                return None
            subject = Subject(
                FindingKind(kind),
                interface,
                None if address is None else parse_address(address),
                domain,
                _parse_port(port, protocol),
                prefixlen,
            )
            _check_prefix(subject)
            any_of = tuple(map(parse_port, record.get("any_of", ())))  # an addition
            last = _parse_last_served(record.get("last_served"))  # an addition
            info = record.get("info") is True  # an addition
            finding = Finding(subject, message, tuple(fix), any_of, last_served=last, info=info)
            acknowledged = record.get("state") == FindingState.ACKNOWLEDGED.value
            doubtful = record.get("doubtful") is True
            return Remembered(finding, float(since), announced, doubtful, acknowledged)
    raise ValueError(f"the record {json.dumps(record):.200} is not valid")


def _parse_last_served(value: Any) -> LastServed | None:
    match value:
        case [str() | None as unit, int() | float() as until, bool() as ended] if _is_time(until):
            return LastServed(unit, float(until), ended)
        case None:
            return None
    raise ValueError(f"the last service {json.dumps(value):.200} is not valid")


def _is_time(since: float) -> bool:
    return not isinstance(since, bool) and 0 <= since <= _LAST_SECOND


def _parse_port(number: int | None, protocol: str | None) -> Port | None:
    return None if number is None and protocol is None else parse_port(f"{number}/{protocol}")


def _check_prefix(subject: Subject) -> None:
    length, address = subject.prefixlen, subject.address
    if length is None:
        return
    if isinstance(length, bool) or address is None or not 0 <= length <= host_length(address):
        raise ValueError(f"{length} is not a valid prefix length")
