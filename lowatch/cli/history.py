"""lowatch history: what fired, when and for how long, read from the journal with journalctl."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import chain, islice

from lowatch.config.domain_names import parse_domain
from lowatch.core.addresses import format_address, parse_address
from lowatch.core.findings import FindingKind
from lowatch.report.alert.history import Filter, Occurrence, Unreadable, occurrences
from lowatch.report.phrases import count
from lowatch.report.text.history import WIDE, json_lines, last_line, text_lines
from lowatch.service.journal.reader import HistoryError, Query, TimeError, entries

from .arguments import Parser
from .environment import Environment
from .exit_codes import INCOMPLETE, OK, USAGE, CommandError

_FORMATS = ("text", "json")
_UNIT = "lowatch.service"
_LINES_AT_ONCE = 100


def define(parser: Parser) -> None:
    parser.runs(
        history,
        "Lists past alerts from the journal, newest first: when each finding fired and was resolved. "
        "Only entries by lowatch.service, root and yourself are trusted. Exit code: 0 read, "
        "2 usage, 3 the journal could not be read completely.",
    )
    # journalctl's relative times begin with a minus, as in `--since -1h`.
    parser._negative_number_matcher = re.compile(r"-\d")  # noqa: SLF001  # argparse has no public way
    for option in ("since", "until"):
        parser.add_argument(
            f"--{option}",
            default="",
            metavar="TIME",
            help="a time as journalctl takes it (-1h, yesterday, '2026-11-25 03:00') or as printed here",
        )
    parser.add_argument("--kind", choices=[kind.value for kind in FindingKind], default="", metavar="KIND")
    parser.add_argument("--domain", default="", metavar="NAME")
    parser.add_argument("--address", default="", metavar="ADDRESS")
    parser.add_argument("--format", choices=_FORMATS, default="text", help="default: text")
    parser.add_argument("-n", "--lines", type=_count, metavar="COUNT", help="only the last COUNT alerts")
    parser.add_argument(
        "--unit", default=_UNIT, metavar="UNIT", help=f"systemd unit that lowatch runs as; default: {_UNIT}"
    )
    parser.add_argument(
        "--any-writer", action="store_true", help="include entries of other users, which may be forged"
    )
    parser.add_argument("--directory", "-D", metavar="DIR", help="read the journal files in this directory")
    parser.add_argument("--file", action="append", default=[], metavar="GLOB", help="read these files")


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of 1 or more")
    return int(text)


def history(arguments: argparse.Namespace, environment: Environment) -> int:
    query = _query(arguments)
    try:
        return _show(query, arguments, environment)
    except HistoryError as error:
        code = USAGE if isinstance(error, TimeError) else INCOMPLETE
        raise CommandError(code, [f"lowatch: {error}"]) from None


def _show(query: Query, arguments: argparse.Namespace, environment: Environment) -> int:
    with entries(query) as read:
        reading = _Reading(occurrences(read, query.wanted), arguments.lines)
        first = list(islice(reading, 1))
        if reading.error is not None and not first:
            raise reading.error
        found = chain(first, reading)
        if arguments.format == "json":
            lines = json_lines(found, lambda: reading.error is None)
        else:
            lines = text_lines(found, environment.columns if environment.stdout_is_terminal else WIDE)
        while some := list(islice(lines, _LINES_AT_ONCE)):
            environment.write("".join(f"{line}\n" for line in some))
    if reading.unreadable:
        ignored = count(reading.unreadable, "unreadable entry", "unreadable entries")
        environment.tell(f"lowatch: {ignored} ignored")
    if reading.error is not None:
        raise reading.error
    if arguments.format == "text":
        environment.write(f"{last_line(reading.shown, reading.endless)}\n")
    return OK


def _query(arguments: argparse.Namespace) -> Query:
    wanted = Filter(
        arguments.kind,
        _normal("--domain", parse_domain, arguments.domain),
        _normal("--address", lambda text: format_address(parse_address(text)), arguments.address),
    )
    places = [f"--directory={arguments.directory}"] if arguments.directory else []
    places += [f"--file={each}" for each in arguments.file]
    unit = arguments.unit if "." in arguments.unit else f"{arguments.unit}.service"
    since, until = _time(arguments.since), _time(arguments.until)
    return Query(wanted, since, until, places, "" if arguments.any_writer else unit)


def _time(text: str) -> str:
    """A time for journalctl, which accepts RFC 3339, as we show it, only from systemd 254 on."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return text if moment.tzinfo is None else f"@{moment.timestamp():.0f}"


class _Reading:
    """Iterates over at most `most` occurrences, and keeps what to report at the end."""

    def __init__(self, found: Iterator[Occurrence | Unreadable], most: int | None) -> None:
        self._found = found
        self._most = most
        self.shown = 0
        self.endless = 0
        self.unreadable = 0
        self.error: HistoryError | None = None

    def __iter__(self) -> Iterator[Occurrence]:
        return self

    def __next__(self) -> Occurrence:
        if self.error is not None or self.shown == self._most:
            raise StopIteration
        try:
            one = next(self._found)
            while isinstance(one, Unreadable):
                self.unreadable += 1
                one = next(self._found)
        except HistoryError as error:
            self.error = error
            raise StopIteration from None
        self.shown += 1
        self.endless += one.until is None
        return one


def _normal(option: str, parse: Callable[[str], str], text: str) -> str:
    """The value in the form that lowatch writes; "" stays ""."""
    if not text:
        return ""
    try:
        return parse(text)
    except ValueError as error:
        raise CommandError(USAGE, [f"lowatch: {option}: {error}"]) from None
