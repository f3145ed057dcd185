"""lowatch ack: acknowledges a finding until a date, without an editor.

It writes one file of lowatch.d, which only counts if the whole configuration is valid with it.
"""

from __future__ import annotations

import argparse
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from lowatch.config import values
from lowatch.config.acknowledged_file import Entry, acknowledged_path, document_of, read_entries
from lowatch.config.load import load
from lowatch.core.policy import Acknowledgement
from lowatch.core.printable import printable
from lowatch.files.lock import locked
from lowatch.files.replacement import remove_file, replace_file
from lowatch.report.phrases import count, matched, until_because

from .ack_daemon import reload_daemon, report_effect
from .ack_list import show_list
from .arguments import Parser, add_config
from .client import add_daemons_netns, add_socket
from .environment import Environment
from .exit_codes import FAILURE, OK, USAGE, CommandError

T = TypeVar("T")
_PATIENCE = 60.0
_LOCK_PATIENCE = 60.0
_MODE = 0o644
_TOML_DATE = frozenset("0123456789-+:. TtZz")


def define(parser: Parser) -> None:
    parser.runs(
        ack,
        "Acknowledges the findings of a kind at an address or prefix, of a domain if one is given, until a "
        "date: writes lowatch.d/acknowledged.toml beside the configuration file, and reloads the daemon if "
        "it runs. Exit code: 0 done, 1 nothing could be written, or the daemon refused the configuration, "
        "2 the arguments or the configuration are wrong, 3 the daemon does not answer.",
    )
    verb = parser.add_mutually_exclusive_group()
    verb.add_argument("--list", action="store_true", help="list all acknowledgements, and what they match")
    verb.add_argument("--remove", action="store_true", help="remove an acknowledgement of this command")
    parser.add_argument(
        "--until", metavar="DATE", help="2027-01-31 (the whole day), or 2027-01-31T12:00:00Z"
    )
    parser.add_argument("--reason", metavar="TEXT", help="why it is accepted, in one line")
    add_config(parser)
    add_daemons_netns(parser)
    add_socket(parser, timeout=_PATIENCE)
    parser.add_argument("names", nargs="*", metavar="KIND ADDRESS [DOMAIN]")


def ack(arguments: argparse.Namespace, environment: Environment) -> int:
    mistakes = _mistakes(arguments)
    if mistakes:
        raise CommandError(USAGE, [f"lowatch: {mistake} (see lowatch ack --help)" for mistake in mistakes])
    if arguments.list:
        return show_list(arguments, environment)
    return _remove(arguments, environment) if arguments.remove else _add(arguments, environment)


def _mistakes(arguments: argparse.Namespace) -> list[str]:
    """What does not fit together in the arguments."""
    given = [name for name in ("until", "reason") if getattr(arguments, name) is not None]
    if arguments.list:
        return ["--list takes no other argument"] if given or arguments.names else []
    if len(arguments.names) not in (2, 3):
        hint = "; is the reason quoted?" if len(arguments.names) > 3 else ""
        return [f"expected KIND ADDRESS [DOMAIN], got {count(len(arguments.names), 'word')}{hint}"]
    if arguments.remove:
        return [f"--remove takes no --{name}" for name in given]
    return [f"--{name} is missing" for name in ("until", "reason") if name not in given]


def _add(arguments: argparse.Namespace, environment: Environment) -> int:
    entry = _entry(arguments)
    path = acknowledged_path(arguments.config)
    with _rewriting(arguments.config, path) as entries:
        others = [one for one in entries if one.matchers != entry.matchers]
        known = len(others) < len(entries)
        _write(arguments.config, path, [*others, entry])
    verb = "changed" if known else "acknowledged"
    added = entry.acknowledgement
    environment.write(f"{verb}: {matched(added)}, {until_because(added)}\n")
    if reload_daemon(arguments, environment, path):
        report_effect(added, path, arguments, environment)
    return OK


def _remove(arguments: argparse.Namespace, environment: Environment) -> int:
    wanted = Acknowledgement(0.0, "", **_matchers(arguments, []))
    path = acknowledged_path(arguments.config)
    with _rewriting(arguments.config, path) as entries:
        others = [one for one in entries if one.matchers != wanted.matchers]
        if len(others) == len(entries):
            raise CommandError(FAILURE, [_not_there(wanted, path, arguments.config)])
        _write(arguments.config, path, others)
    environment.write(f"removed: {matched(wanted)}\n")
    reload_daemon(arguments, environment, path)
    return OK


def _entry(arguments: argparse.Namespace) -> Entry:
    """What the arguments say. Raises CommandError with all mistakes at once."""
    mistakes: list[str] = []
    until = _parsed("--until: ", _future, arguments.until, mistakes)
    reason = _parsed("--reason: ", values.reason, arguments.reason, mistakes)
    matchers = _matchers(arguments, mistakes)
    assert until is not None  # else _matchers() has raised
    assert reason is not None
    return Entry(Acknowledgement(values.until(until), reason, **matchers), until)


def _matchers(arguments: argparse.Namespace, mistakes: list[str]) -> dict[str, Any]:
    """The keys of an Acknowledgement. Raises CommandError with these mistakes and its own."""
    parsers: dict[str, Callable[[object], Any]] = {
        "kind": values.kind,
        "address": values.prefix,
        "domain": values.domain_glob,
    }
    found = {
        key: _parsed("", parse, text, mistakes)
        for (key, parse), text in zip(parsers.items(), arguments.names, strict=False)
    }
    if mistakes:
        raise CommandError(USAGE, [f"lowatch: {mistake}" for mistake in mistakes])
    return found


def _parsed(where: str, parse: Callable[[str], T], text: str, mistakes: list[str]) -> T | None:
    try:
        return parse(text)
    except ValueError as error:
        mistakes.append(f"{where}{error}")
        return None


def _future(text: str) -> date:
    """A date or a date-time, as in the configuration."""
    until = _date(text)
    if until is None:
        raise ValueError(f"{text!r} is not a date (write it like 2027-01-31, or 2027-01-31T12:00:00Z)")
    if values.until(until) <= time.time():
        raise ValueError(f"{text} has passed")
    return until


def _date(text: str) -> date | None:
    if not set(text) <= _TOML_DATE:
        return None
    try:
        raw = tomllib.loads(f"until = {text}")["until"]
    except ValueError:
        return None
    return raw if isinstance(raw, date) else None


@contextmanager
def _rewriting(config: Path | None, path: Path) -> Iterator[list[Entry]]:
    """A context in which only this process rewrites the file: its entries. Raises CommandError."""
    directory, created = path.parent, False
    try:
        if not directory.exists():
            load(config)  # a configuration that does not exist gets no directory
        with suppress(FileExistsError):
            directory.mkdir()
            directory.chmod(0o755)
            created = True
        with locked(directory, _LOCK_PATIENCE):
            yield read_entries(path)
            created = False
    except TimeoutError:
        raise CommandError(FAILURE, [f"lowatch: {directory}: is locked by another process"]) from None
    except OSError as error:
        raise CommandError(FAILURE, [f"lowatch: {path}: cannot be written: {error.strerror}"]) from None
    finally:
        if created:
            with suppress(OSError):
                directory.rmdir()


def _write(config: Path | None, path: Path, entries: list[Entry]) -> None:
    """Raises ConfigErrors if the configuration is not valid with these entries, and OSError."""
    document = document_of(path, entries)
    load(config, instead=document)
    if entries:
        replace_file(path, document.text.encode(), _MODE)
    else:
        remove_file(path)


def _not_there(wanted: Acknowledgement, path: Path, config: Path | None) -> str:
    """Which acknowledgement is missing, and where there is one like it."""
    loaded = load(config, time.time())
    elsewhere = [
        place
        for one, place in zip(loaded.policy.acknowledgements, loaded.acknowledged_at, strict=True)
        if one.matchers == wanted.matchers
    ]
    hint = (
        f" ({printable(elsewhere[0])} has it: edit that file)" if elsewhere else " (see lowatch ack --list)"
    )
    return f"lowatch: {path} has no acknowledgement of {matched(wanted)}{hint}"
