"""Alerts read back from the journal by journalctl, which knows its files, permissions and time formats.

The matches are on fields that the journal indexes, so that gigabytes of other entries cost little. They are
also on the writer of an entry, a field that journald sets itself (systemd.journal-fields(7), "Trusted
fields"). Otherwise any user of the host could forge a history, or hide one.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any, NamedTuple

from lowatch.core.limits.alerts import HISTORY_LINE_BYTES
from lowatch.report.alert.entry import STORM_MESSAGE_ID
from lowatch.report.alert.history import ENTRY_IDS, FIELDS, Filter

_MESSAGE_BYTES = 4096  # of journalctl's messages

# Parts of journalctl's messages about what it may not read, or cannot (logs-show.c, journal-util.c).
_NO_RIGHT = ("not seeing messages from other users", "insufficient permissions")
_BAD_TIMES = ("Failed to parse timestamp", "--since= must be before --until=")


class Query(NamedTuple):
    """since, until: as journalctl accepts them. places: its options --directory, --file, --root.

    unit: the unit whose entries count, besides those of root and of the user; "" for entries of any writer.
    """

    wanted: Filter = Filter()
    since: str = ""
    until: str = ""
    places: Sequence[str] = ()
    unit: str = ""


class HistoryError(Exception):
    """One line: why the journal could not be read, or not completely."""


class TimeError(HistoryError):
    """A --since or --until that journalctl cannot parse, with its message."""


def command(query: Query, uid: int) -> list[str]:
    """uid: of the user, whose own entries count, too."""
    line = ["journalctl", "--output=json", "--all", "--reverse", "--no-pager"]
    line.append(f"--output-fields={','.join(FIELDS)}")
    line += [f"--since={query.since}"] * bool(query.since) + [f"--until={query.until}"] * bool(query.until)
    line += query.places
    return [*line, *_matches(query, uid)]


def _matches(query: Query, uid: int) -> Iterator[str]:
    """journalctl(1): matches on one field are ORed, those on different fields are ANDed, "+" is OR."""
    wanted = query.wanted
    ours = [f"MESSAGE_ID={one}" for one in ENTRY_IDS]
    ours += [f"LOWATCH_DOMAIN={wanted.domain}"] * bool(wanted.domain)
    ours += [f"LOWATCH_ADDRESS={wanted.address}"] * bool(wanted.address)
    storms = [f"MESSAGE_ID={STORM_MESSAGE_ID}"]  # its findings are filtered after reading
    kind = [f"LOWATCH_KIND={wanted.kind}"] * bool(wanted.kind)
    who = [f"_SYSTEMD_UNIT={query.unit}", *(f"_UID={each}" for each in sorted({0, uid}))]
    writers = [[one] for one in who] if query.unit else [[]]
    for number, writer in enumerate(writers):
        yield from ("+",) * bool(number)
        yield from (*ours, *kind, *writer, "+", *storms, *kind, *writer)


@contextmanager
def entries(query: Query) -> Iterator[Iterator[dict[str, Any]]]:
    """The entries, newest first, as journalctl reads them. journalctl ends with the context.

    Raises HistoryError, possibly after some entries.
    """
    with tempfile.TemporaryFile() as messages:  # not a pipe, which would have to be read meanwhile
        try:
            reader = subprocess.Popen(
                command(query, os.geteuid()),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=messages,
                env={**os.environ, "LC_ALL": "C.UTF-8", "SYSTEMD_COLORS": "0"},
            )
        except OSError as error:
            reason = "it is not installed" if isinstance(error, FileNotFoundError) else error.strerror
            raise HistoryError(f"cannot run journalctl: {reason}") from None
        assert reader.stdout is not None
        with reader:
            try:
                yield _read(reader, reader.stdout, messages)
            finally:
                reader.terminate()  # does nothing if it has ended


def _read(
    reader: subprocess.Popen[bytes], lines: IO[bytes], messages: IO[bytes]
) -> Iterator[dict[str, Any]]:
    for line in _whole_lines(lines):
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(entry, dict):
            yield entry
    code = reader.wait()
    messages.seek(0)
    said = messages.read(_MESSAGE_BYTES).decode("utf-8", "backslashreplace")
    if any(text in said for text in _BAD_TIMES):
        raise TimeError(" ".join(said.split()))
    if any(text in said for text in _NO_RIGHT):
        raise HistoryError(
            "no permission to read the system journal: use root, or the group systemd-journal or adm"
        )
    if code:
        raise HistoryError(f"journalctl failed: {' '.join(said.split()) or f'exit code {code}'}")


def _whole_lines(lines: IO[bytes]) -> Iterator[bytes]:
    """The lines that are not longer than the limit."""
    longest = HISTORY_LINE_BYTES.value
    while line := lines.readline(longest):
        if line.endswith(b"\n"):
            yield line
            continue
        HISTORY_LINE_BYTES.reached()
        while line and not line.endswith(b"\n"):
            line = lines.readline(longest)
