"""Alerts read back from the journal with systemd-python, which knows its files and follows its rotation.

The matches are on fields that the journal indexes, so that gigabytes of other entries cost little. They are
also on the writer of an entry, a field that journald sets itself (systemd.journal-fields(7), "Trusted
fields"). Otherwise any user of the host could forge a history, or hide one.

The daemon does not import this module.
"""

from __future__ import annotations

import glob
import os
import select
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from lowatch.core.limits.alerts import HISTORY_LINE_BYTES
from lowatch.report.alert.entry import STORM_MESSAGE_ID
from lowatch.report.alert.history import ENTRY_IDS, FIELDS, WRITTEN, Filter
from lowatch.report.phrases import count

from .files import SYSTEM, Unopened, journal_files, unopened

_CURSOR = "__CURSOR"
_FAR = 1 << 30  # entries: farther than the first one of any journal; more is ERANGE
_NAMED = 5  # unreadable files that are reported by name
_INSTALL = (
    "reading the journal needs systemd-python: install Debian's python3-systemd, "
    "or lowatch[systemd] with pip or pipx"
)
_NO_PERMISSION = "no permission to read the system journal: use root, or the group systemd-journal or adm"

Entry = Mapping[str, str]
"""Some of FIELDS, and WRITTEN. Empty if the entry could not be read."""


class Query(NamedTuple):
    """since, until: seconds since the epoch. directory, files: other places than the system's journal.

    unit: the unit whose entries count, besides those of root and of the user; "" for entries of any writer.
    """

    wanted: Filter = Filter()
    since: float | None = None
    until: float | None = None
    directory: str = ""
    files: Sequence[str] = ()
    unit: str = ""


class HistoryError(Exception):
    """Why the journal could not be read, or not completely. lines: one or more."""

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


@contextmanager
def opened(query: Query) -> Iterator[Journal]:
    """The journal, until the context ends. Raises HistoryError."""
    try:
        from systemd import id128, journal  # noqa: PLC0415  # optional, and only this command needs it
    except ImportError:
        raise HistoryError(_INSTALL) from None
    try:
        machine = "" if query.directory or query.files else id128.get_machine().hex
        reader, problems = _open(query, machine, journal)
    except OSError as error:
        raise _failure(error) from None
    with reader:
        yield Journal(reader, query, problems)


def _open(query: Query, machine: str, library: Any) -> tuple[Any, Sequence[str]]:
    """The reader, and why it is not complete. machine: this host's ID. library: systemd.journal."""

    def open_one(path: str) -> None:
        library.Reader(files=[path]).close()

    places, found = _found(query, machine)
    if not found:
        raise HistoryError(f"no journal files in {places}")
    bad = list(unopened(found, open_one))
    if len(bad) == len(found):
        raise HistoryError(*_problems(bad))
    # The values as they are: the library's converters raise OverflowError for a number that is too large.
    converters: dict[str, object] = dict.fromkeys((*library.DEFAULT_CONVERTERS, *FIELDS), bytes)
    converters |= {WRITTEN: str, _CURSOR: str, "__MONOTONIC_TIMESTAMP": tuple}
    if query.files:
        left_out = {each.path for each in bad}
        files = [each for each in found if each not in left_out]
        reader = library.Reader(files=files, converters=converters)
    else:
        reader = library.Reader(path=query.directory or None, converters=converters)
    reader.data_threshold = HISTORY_LINE_BYTES.value
    add_matches(reader, query, os.geteuid())
    return reader, _problems(bad)


def _failure(error: OSError) -> HistoryError:
    return HistoryError(f"cannot read {error.filename or 'the journal'}: {error.strerror or error}")


def _found(query: Query, machine: str) -> tuple[str, list[str | Unopened]]:
    """Where it was looked for, and the files. machine: this host's ID."""
    if query.files:
        globbed = map(glob.glob, query.files)  # Path.glob() takes no absolute pattern
        found = [path for paths in globbed for path in sorted(paths)]
        return " ".join(query.files), list(dict.fromkeys(found))
    if query.directory:
        Path(query.directory).stat()
        return query.directory, list(journal_files([query.directory], lambda _: True))
    # Below /run there is no other host's journal, so that libsystemd reads all of it.
    ours = journal_files(SYSTEM, lambda path: path.endswith(machine) or path.startswith("/run"))
    return " or ".join(SYSTEM), list(ours)


def _problems(bad: Sequence[Unopened]) -> tuple[str, ...]:
    lines = [_NO_PERMISSION] if any(each.is_denied for each in bad) else []
    others = [each for each in bad if not each.is_denied]
    lines += [f"cannot read {each.path}: {each.reason}" for each in others[:_NAMED]]
    if len(others) > _NAMED:
        lines.append(f"cannot read {count(len(others) - _NAMED, 'more file', 'more files')} of the journal")
    return tuple(lines)


def add_matches(reader: Any, query: Query, uid: int) -> None:
    """Matches on one field are ORed, those on different fields ANDed (sd_journal_add_match(3)).

    uid: of the user, whose own entries count, too.
    """
    wanted = query.wanted
    ours = [f"MESSAGE_ID={one}" for one in ENTRY_IDS]
    ours += [f"LOWATCH_DOMAIN={wanted.domain}"] * bool(wanted.domain)
    ours += [f"LOWATCH_ADDRESS={wanted.address}"] * bool(wanted.address)
    storms = [f"MESSAGE_ID={STORM_MESSAGE_ID}"]  # its findings are filtered after reading
    kind = [f"LOWATCH_KIND={wanted.kind}"] * bool(wanted.kind)
    kind += [f"LOWATCH_NETNS={wanted.netns}"] * bool(wanted.netns)
    who = [f"_SYSTEMD_UNIT={query.unit}", *(f"_UID={each}" for each in sorted({0, uid}))]
    writers = [[one] for one in who] if query.unit else [[]]
    for writer in writers:
        for entries in (ours, storms):
            for match in (*entries, *kind, *writer):
                reader.add_match(os.fsencode(match))
            reader.add_disjunction()


class Journal:
    """The entries of a query. problems: why it is not complete, a line each."""

    def __init__(self, reader: Any, query: Query, problems: Sequence[str]) -> None:
        self._reader = reader
        self._query = query
        self.problems = problems

    def newest_first(self) -> Iterator[Entry]:
        """Raises HistoryError, possibly after some entries."""
        since = self._query.since or 0.0
        if self._query.until is None:
            self._reader.seek_tail()
        else:
            self._reader.seek_realtime(self._query.until)
        while (entry := self._read(-1)) is not None:
            if entry and _written(entry) < since:
                break
            yield entry

    def follow(self, last: int | None, output: int | None) -> Iterator[Entry]:
        """Oldest first, without end: the last entries, then each new one as it is written.

        last: how many there should be, if there are as many; None for all since the query's `since`.
        output: a descriptor. Raises BrokenPipeError when nobody reads it any more, and HistoryError.
        """
        self._reader.fileno()  # changes are noticed from here on
        entry = self._first(last)
        waiting = select.poll()
        waiting.register(self._reader.fileno(), self._reader.get_events())
        if output is not None:
            waiting.register(output, 0)  # errors are always reported
        while True:
            while entry is not None:
                if not entry or _written(entry) >= (self._query.since or 0.0):
                    yield entry
                entry = self._read(1)
            if any(descriptor == output for descriptor, _ in waiting.poll(self._reader.get_timeout_ms())):
                raise BrokenPipeError
            try:
                self._reader.process()  # adds and removes files as journald rotates them
            except OSError as error:
                raise _failure(error) from None
            entry = self._read(1)

    def _first(self, last: int | None) -> Entry | None:
        """Seek to the first entry to show, and return it if there is one already."""
        if last is None:
            self._reader.seek_realtime(self._query.since or 0.0)
            return self._read(1)
        self._reader.seek_tail()
        first = self._read(-min(last, _FAR))
        if first is None:  # no entry matches yet; after seek_tail() libsystemd misses the next one
            self._reader.seek_head()
            return self._read(1)
        return first

    def _read(self, skip: int) -> Entry | None:
        """The entry that is so many further; None at the end, empty if it is unreadable."""
        try:
            entry = self._reader.get_next(skip)
        except ValueError:  # a damaged field's name
            return {}
        except OSError as error:
            if error.errno is None:  # "journal gave us a field without '='"
                return {}
            raise _failure(error) from None
        return _texts(entry) if entry else None


def _written(entry: Entry) -> float:
    return int(entry[WRITTEN]) / 1e6


def _texts(entry: Mapping[str, Any]) -> Entry:
    """The fields that are read, as text; of a field that occurs more than once, the first one.

    What is not UTF-8 is escaped. Empty if a field is too long.
    """
    values = {name: entry[name] for name in FIELDS if name in entry}
    values = {name: value[0] if isinstance(value, list) else value for name, value in values.items()}
    if any(len(value) >= HISTORY_LINE_BYTES.value for value in values.values()):
        HISTORY_LINE_BYTES.reached()
        return {}
    texts = {name: value.decode("utf-8", "backslashreplace") for name, value in values.items()}
    return {**texts, WRITTEN: entry[WRITTEN]}
