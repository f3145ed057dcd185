"""What `lowatch clean` asks of the daemon: which findings fire, and since when."""

from __future__ import annotations

import argparse
import json
from datetime import datetime
from typing import Any, NamedTuple

from lowatch.core.changes.candidates import Known, Memory
from lowatch.core.lifecycle import FindingState

from .client import ask, said
from .environment import Environment
from .exit_codes import CommandError


class Remembered(NamedTuple):
    """memory: None if no daemon says anything; why_not: then why, else ""."""

    memory: Memory | None
    why_not: str = ""


def remembered(arguments: argparse.Namespace, environment: Environment) -> Remembered:
    """The daemon's findings."""
    try:
        reply = ask(arguments, environment, "GET", "/api/v1/findings")
    except CommandError as error:
        return Remembered(None, error.lines[0].removeprefix("lowatch: "))
    if reply.status != 200:
        return Remembered(None, next(iter(said(reply))))
    try:
        return Remembered({row["key"]: _known(row) for row in json.loads(reply.body)["findings"]})
    except (ValueError, TypeError, KeyError, RecursionError):
        return Remembered(None, "the daemon's answer cannot be read")


def _known(row: dict[str, Any]) -> Known:
    since = row["since"]
    return Known(
        FindingState(row["state"]), None if since is None else datetime.fromisoformat(since).timestamp()
    )
