"""How a log record reads: text for people, logfmt or JSON (`--log.format`) for what collects logs.

logfmt and JSON have the keys of other Prometheus daemons: time, level, msg; and `logger`. An alert has its
fields of the journal as well, in lower case.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime

from lowatch.core.printable import printable

# sd-daemon(3): a line that starts so has that priority in the journal.
_PREFIXES = (
    (logging.CRITICAL, "<2>"),
    (logging.ERROR, "<3>"),
    (logging.WARNING, "<4>"),
    (logging.INFO, "<6>"),
    (logging.DEBUG, "<7>"),
)
_CLOCK = logging.Formatter()
_LEVELS = {"WARNING": "warn", "CRITICAL": "error"}
_BARE = re.compile(r"[!#-<>-~]+")  # neither a space, nor a quote, nor an equals sign
ALERT = "alert"
"""The attribute of a record that has an alert's fields."""


class Formatter(logging.Formatter):
    """As lines, each with its priority where the journal reads them.

    A record is one line, whatever is in it; a traceback's lines stay lines in text, and are one value
    elsewhere.
    """

    def __init__(self, form: str, *, for_journal: bool) -> None:
        super().__init__()
        self._render = _FORMS[form] if form != "text" else _journal_text if for_journal else _text
        self._for_journal = for_journal

    def format(self, record: logging.LogRecord) -> str:
        traceback = self.formatException(record.exc_info) if record.exc_info else ""
        prefix = ""
        if self._for_journal:
            prefix = next((text for level, text in _PREFIXES if record.levelno >= level), "<7>")
        return "\n".join(f"{prefix}{line}" for line in self._render(record, traceback))


def _text(record: logging.LogRecord, traceback: str) -> Iterator[str]:
    yield f"{_CLOCK.formatTime(record)} {record.levelname} {record.name}: {printable(record.getMessage())}"
    yield from map(printable, traceback.splitlines())


def _journal_text(record: logging.LogRecord, traceback: str) -> Iterator[str]:
    """The journal itself knows when, and who."""
    yield printable(record.getMessage())
    yield from map(printable, traceback.splitlines())


def _json(record: logging.LogRecord, traceback: str) -> Iterator[str]:
    yield json.dumps(_members(record, traceback))


def _logfmt(record: logging.LogRecord, traceback: str) -> Iterator[str]:
    """A value that is not bare is quoted, as in JSON (github.com/go-logfmt/logfmt)."""
    yield " ".join(
        f"{key}={value if _BARE.fullmatch(value) else json.dumps(value)}"
        for key, value in _members(record, traceback).items()
    )


def _members(record: logging.LogRecord, traceback: str) -> Mapping[str, str]:
    when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    members = {
        "time": when.replace("+00:00", "Z"),
        "level": _LEVELS.get(record.levelname, record.levelname.lower()),
        "logger": record.name,
        "msg": record.getMessage(),
    }
    alert: Mapping[str, str] = getattr(record, ALERT, {})
    members |= {key.lower(): value for key, value in alert.items() if key.startswith("LOWATCH_") and value}
    return members | ({"traceback": traceback} if traceback else {})


_FORMS: Mapping[str, Callable[[logging.LogRecord, str], Iterator[str]]] = {
    "text": _text,
    "logfmt": _logfmt,
    "json": _json,
}
FORMS = tuple(_FORMS)
