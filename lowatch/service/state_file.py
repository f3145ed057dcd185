"""Findings kept across a restart, as JSON in $STATE_DIRECTORY: `since`, and what was announced.

    {"schema": 1, "findings": [
     {"kind": "orphan-vip", "interface": "lo", "address": "192.0.2.10", "domain": "www.example.com",
      "port": 443, "protocol": "tcp", "prefixlen": null, "message": "www.example.com resolves...",
      "fix": [], "since": 1795403527.5, "announced": true, "state": "firing"}]}

No failure here is fatal: what cannot be read or written is logged, and the daemon continues without it.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from lowatch.core.addresses import Port, format_address, host_length, parse_address, parse_port
from lowatch.core.findings import Finding, FindingKind, Subject
from lowatch.core.lifecycle import Remembered, Tracked
from lowatch.core.limits.files import STATE_FILE_BYTES, STATE_VALUES
from lowatch.files.regular_file import RefusedFileError, read_regular

from .intents import Intents

_log = logging.getLogger(__name__)

SCHEMA = 1
_LAST_SECOND = 253402300799  # 9999-12-31T23:59:59Z: a later `since` could not be displayed


class StateFile:
    """A StateStore in one file, findings.json, which only this process writes.

    A crash leaves the old file or the new one. A damaged file is renamed to findings.json.damaged.
    Without a directory nothing is kept.
    """

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._written: bytes | None = None  # what the file is known to contain
        self._failing = False
        self._saving = threading.Lock()
        self._intents = None if directory is None else Intents(directory)

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
        if self._directory is None:
            return []
        path = self._directory / "findings.json"
        with suppress(OSError):  # usually there is none; if it cannot be removed, save() reports that
            _temporary(path).unlink()
        try:
            content = read_regular(path, STATE_FILE_BYTES)
        except FileNotFoundError:
            return []
        except RefusedFileError as error:
            _set_aside(path, f"it is {error.strerror}")
            return []
        except OSError as error:
            _log.warning("cannot read the state file %s: %s, ignoring", path, error.strerror)
            return []
        try:
            findings = _parse(content)
        except (ValueError, RecursionError) as error:
            _set_aside(path, str(error))
            return []
        self._written = content
        return findings

    def save(self, tracked: Mapping[str, Tracked]) -> bool:
        """Write atomically, where anything changed; whether the file has it now. Without a directory: True.

        A failure is logged once, until one succeeds.

        Blocks for as long as fsync() takes, so a daemon calls it in a thread; one at a time saves.
        """
        if self._directory is None:
            return True
        content = _render(tracked)
        with self._saving:
            if content != self._written:
                self._write(self._directory / "findings.json", content)
            return not self._failing

    def forget(self, generation: int) -> None:
        """Remove what was intended up to that generation, which save() was given, unless it failed."""
        if self._written is not None and self._intents is not None:
            self._intents.forget(generation)

    def _write(self, path: Path, content: bytes) -> None:
        self._written = None  # if the write fails, the file may be the old one or the new one
        try:
            _replace(path, content)
        except OSError as error:
            if not self._failing:
                _log.warning("cannot write the state file %s: %s, ignoring", path, error.strerror)
            self._failing = True
            return
        if self._failing:
            _log.info("the state file %s can be written again", path)
        self._failing = False
        self._written = content


def _render(tracked: Mapping[str, Tracked]) -> bytes:
    """One record a line: with json's own indentation it would take twice as long."""
    records = [json.dumps(_record(one), allow_nan=False) for _, one in sorted(tracked.items())]
    text = ",\n ".join(records)
    return b'{"schema": %d, "findings": [\n %b\n]}\n' % (SCHEMA, text.encode("ascii"))


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
        "since": tracked.since,
        "announced": tracked.announced,
        **({"doubtful": True} if tracked.delivery_unknown else {}),
        "state": tracked.state.value,
    }


def _parse(content: bytes) -> list[Remembered]:
    """Raises ValueError saying what is wrong, or RecursionError (json's own)."""
    if sum(map(content.count, (b",", b"[", b"{"))) > STATE_VALUES.value:
        STATE_VALUES.reached()
        raise ValueError(f"it has more than {STATE_VALUES.value:,} values")
    match json.loads(content):
        case {"schema": schema, "findings": list() as records} if schema == SCHEMA:
            parsed = [_parse_record(record) for record in records]
            return [remembered for remembered in parsed if remembered is not None]
    raise ValueError(f"it does not have schema {SCHEMA}")


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
            finding = Finding(subject, message, tuple(fix), any_of)
            return Remembered(finding, float(since), announced, record.get("doubtful") is True)
    raise ValueError(f"the record {json.dumps(record):.200} is not valid")


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


def _temporary(path: Path) -> Path:
    """Always the same name, so that files left by crashes cannot pile up."""
    return path.with_name(path.name + ".tmp")


def _replace(path: Path, content: bytes) -> None:
    """Write the whole file or nothing; it is on the disk when this returns. Raises OSError."""
    temporary = _temporary(path)
    try:
        temporary.unlink(missing_ok=True)  # it may be anything: open(2) would wait for a FIFO
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(temporary, flags, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        with suppress(OSError):
            temporary.unlink()
        raise
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)  # otherwise a loss of power may undo the rename
    finally:
        os.close(directory)


def _set_aside(path: Path, reason: str) -> None:
    aside = path.with_name(path.name + ".damaged")
    try:
        path.replace(aside)
    except OSError as error:
        _log.warning("the state file %s is damaged (%s) and cannot be set aside: %s", path, reason, error)
        return
    _log.warning("the state file %s is damaged: %s; kept as %s", path, reason, aside)
