"""Where log records go: to stderr, in the form that whoever reads it there expects."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from .environment import Environment

# sd-daemon(3): a line that starts so has that priority in the journal.
_PREFIXES = (
    (logging.CRITICAL, "<2>"),
    (logging.ERROR, "<3>"),
    (logging.WARNING, "<4>"),
    (logging.INFO, "<6>"),
    (logging.DEBUG, "<7>"),
)


class _JournalFormatter(logging.Formatter):
    """A priority for each line; the journal itself knows when, and who."""

    def format(self, record: logging.LogRecord) -> str:
        prefix = next((text for level, text in _PREFIXES if record.levelno >= level), "<7>")
        return "\n".join(prefix + line for line in super().format(record).splitlines())


@contextmanager
def logging_to(environment: Environment, level: str) -> Iterator[None]:
    """Records of `level` and above go to the environment's stderr, until this is left again."""
    handler = logging.StreamHandler(environment.stderr)
    if environment.under_systemd:
        handler.setFormatter(_JournalFormatter("%(message)s"))
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(level.upper())
    try:
        yield
    finally:
        root.setLevel(before)
        root.removeHandler(handler)
        handler.close()
