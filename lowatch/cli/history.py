"""lowatch history: what fired, when and for how long, read from the journal."""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice

from lowatch.config.domain_names import parse_domain
from lowatch.core.addresses import format_address, parse_address
from lowatch.core.findings import FindingKind
from lowatch.core.netns import daemon_of
from lowatch.report.alert.history import Filter, Occurrence, Unreadable, changes, occurrences
from lowatch.report.phrases import count
from lowatch.report.text.history import (
    WIDE,
    change_lines,
    json_changes,
    json_lines,
    last_line,
    text_lines,
)
from lowatch.service.journal.reader import HistoryError, Journal, Query, opened

from .arguments import Parser, add_netns
from .environment import Environment
from .exit_codes import INCOMPLETE, OK, USAGE, CommandError
from .times import parse_time

_FORMATS = ("text", "json")
_UNIT = "lowatch.service"
_LINES_AT_ONCE = 100
_FOLLOWED = 10  # entries that --follow starts with, as journalctl


def define(parser: Parser) -> None:
    parser.runs(
        history,
        "Lists past alerts from the journal, newest first: when each finding fired and was resolved. "
        "Only entries by lowatch.service, root and yourself are trusted. Exit code: 0 read, "
        "2 usage, 3 the journal could not be read completely.",
    )
    # Relative times begin with a minus, as in `--since -1h`.
    parser._negative_number_matcher = re.compile(r"-\d")  # noqa: SLF001  # argparse has no public way
    for option in ("since", "until"):
        parser.add_argument(
            f"--{option}",
            metavar="TIME",
            help="a time as journalctl takes it (-1h, yesterday, '2026-11-25 03:00') or as printed here",
        )
    parser.add_argument("--kind", choices=[kind.value for kind in FindingKind], default="", metavar="KIND")
    parser.add_argument("--domain", default="", metavar="NAME")
    parser.add_argument("--address", default="", metavar="ADDRESS")
    parser.add_argument("--format", choices=_FORMATS, default="text", help="default: text")
    parser.add_argument("-n", "--lines", type=_count, metavar="COUNT", help="only the last COUNT alerts")
    parser.add_argument(
        "-f",
        "--follow",
        action="store_true",
        help=f"show alerts as they come, oldest first, after the last COUNT entries; default: {_FOLLOWED}",
    )
    parser.add_argument(
        "--unit",
        metavar="UNIT",
        help=f"systemd unit that lowatch runs as; default: {_UNIT}, or lowatch@NAME.service with --netns",
    )
    add_netns(parser, "only alerts about this network namespace: a name of ip-netns(8), or a path")
    parser.add_argument(
        "--any-writer", action="store_true", help="include entries of other users, which may be forged"
    )
    places = parser.add_mutually_exclusive_group()
    places.add_argument("--directory", "-D", metavar="DIR", help="read the journal files in this directory")
    places.add_argument("--file", action="append", default=[], metavar="GLOB", help="read these files")


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of 1 or more")
    return int(text)


def history(arguments: argparse.Namespace, environment: Environment) -> int:
    query = _query(arguments)
    try:
        with opened(query) as journal:
            if arguments.follow:
                return _follow(journal, query, arguments, environment)
            return _show(journal, query, arguments, environment)
    except HistoryError as error:
        raise CommandError(INCOMPLETE, [f"lowatch: {line}" for line in error.lines]) from None


def _show(journal: Journal, query: Query, arguments: argparse.Namespace, environment: Environment) -> int:
    found_all = occurrences(journal.newest_first(), query.wanted)
    reading = _Reading(found_all, arguments.lines, journal.problems)
    first = list(islice(reading, 1))
    if reading.lacks and not first:
        raise HistoryError(*reading.lacks)
    found = chain(first, reading)
    if arguments.format == "json":
        lines = json_lines(found, lambda: not reading.lacks)
    else:
        lines = text_lines(found, _width(environment))
    while some := list(islice(lines, _LINES_AT_ONCE)):
        environment.write("".join(f"{line}\n" for line in some))
    if reading.unreadable:
        ignored = count(reading.unreadable, "unreadable entry", "unreadable entries")
        environment.tell(f"lowatch: {ignored} ignored")
    if reading.lacks:
        raise HistoryError(*reading.lacks)
    if arguments.format == "text":
        environment.write(f"{last_line(reading.shown, reading.endless)}\n")
    return OK


def _follow(journal: Journal, query: Query, arguments: argparse.Namespace, environment: Environment) -> int:
    """Ends with Ctrl-C, or when nobody reads the output any more."""
    for line in journal.problems:
        environment.tell(f"lowatch: {line}")
    last = arguments.lines or (_FOLLOWED if query.since is None else None)
    entries = journal.follow(last, environment.stdout_descriptor())
    found = _readable(changes(entries, query.wanted), environment)
    lines = json_changes(found) if arguments.format == "json" else change_lines(found, _width(environment))
    for line in lines:
        environment.write(f"{line}\n")
    return OK


def _readable(found: Iterator[Occurrence | Unreadable], environment: Environment) -> Iterator[Occurrence]:
    told = False
    for one in found:
        if isinstance(one, Occurrence):
            yield one
        elif not told:
            told = True
            environment.tell("lowatch: 1 unreadable entry ignored; further ones are not reported")


def _width(environment: Environment) -> int:
    return environment.columns if environment.stdout_is_terminal else WIDE


def _query(arguments: argparse.Namespace) -> Query:
    wanted = Filter(
        arguments.kind,
        _normal("--domain", parse_domain, arguments.domain),
        _normal("--address", lambda text: format_address(parse_address(text)), arguments.address),
        arguments.netns or "",
    )
    unit = arguments.unit or f"{daemon_of(arguments.netns or '')}.service"
    unit = unit if "." in unit else f"{unit}.service"
    now = time.time()
    since, until = (_time(option, getattr(arguments, option), now) for option in ("since", "until"))
    if since is not None and until is not None and since > until:
        raise CommandError(USAGE, ["lowatch: --since is later than --until"])
    if until is not None and arguments.follow:
        raise CommandError(USAGE, ["lowatch: --until cannot be used with --follow"])
    writer = "" if arguments.any_writer else unit
    return Query(wanted, since, until, arguments.directory or "", arguments.file, writer)


def _time(option: str, text: str | None, now: float) -> float | None:
    if not text:
        return None
    try:
        return parse_time(text, now)
    except ValueError as error:
        raise CommandError(USAGE, [f"lowatch: --{option}: {error}"]) from None


class _Reading:
    """Iterates over at most `most` occurrences, and keeps what to report at the end.

    lacks: why they are not complete, a line each.
    """

    def __init__(
        self, found: Iterator[Occurrence | Unreadable], most: int | None, problems: Sequence[str]
    ) -> None:
        self._found = found
        self._most = most
        self.shown = 0
        self.endless = 0
        self.unreadable = 0
        self.lacks = tuple(problems)
        self._failed = False

    def __iter__(self) -> Iterator[Occurrence]:
        return self

    def __next__(self) -> Occurrence:
        if self._failed or self.shown == self._most:
            raise StopIteration
        try:
            one = next(self._found)
            while isinstance(one, Unreadable):
                self.unreadable += 1
                one = next(self._found)
        except HistoryError as error:
            self.lacks += error.lines
            self._failed = True
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
