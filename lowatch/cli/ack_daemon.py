"""What `lowatch ack` asks of the daemon: to reload, and which findings an acknowledgement matches."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from lowatch.core.addresses import parse_address, parse_port
from lowatch.core.findings import FindingKind, Subject
from lowatch.core.policy import Acknowledgement
from lowatch.report.phrases import count

from .client import NotRunning, ask, said
from .environment import Environment
from .exit_codes import FAILURE, CommandError


def reload_daemon(arguments: argparse.Namespace, environment: Environment, path: Path) -> bool:
    """Whether a daemon runs, and has reloaded its configuration.

    path: what was written. It stays, because it is valid, even if the daemon that runs does not reload it:
    then this raises CommandError.
    """
    try:
        reply = ask(arguments, environment, "POST", "/-/reload")
        if reply.status != 200:
            raise CommandError(FAILURE, said(reply))  # noqa: TRY301  # as ask() raises it
    except NotRunning as error:
        (why,) = error.lines
        environment.tell(
            f"lowatch: the daemon is {why.removeprefix('lowatch: ')}; this counts once it runs"
        )
        return False
    except CommandError as error:
        why = f"lowatch: {path} is written, but the daemon has not reloaded it:"
        raise CommandError(error.code, [why, *error.lines]) from None
    for line in reply.body.splitlines()[1:]:
        environment.tell(f"lowatch: {line}")
    return True


def report_effect(
    added: Acknowledgement, path: Path, arguments: argparse.Namespace, environment: Environment
) -> None:
    """Say how many findings it matches, or that the daemon reads other files than this one."""
    other = _other_configuration(path, arguments, environment)
    if other:
        environment.tell(f"lowatch: the running daemon does not read {path}: it reads {other}")
        return
    subjects = subjects_of_daemon(arguments, environment)
    if subjects is None:
        return
    number = sum(added.matches(subject, 0.0) for subject in subjects)
    if number:
        environment.write(f"{count(number, 'finding matches', 'findings match')} it now\n")
    else:
        environment.tell("lowatch: no finding matches it now")


def _other_configuration(path: Path, arguments: argparse.Namespace, environment: Environment) -> str:
    """The daemon's first configuration file, if it certainly does not read this one; else ""."""
    with suppress(CommandError, OSError, ValueError, TypeError, KeyError, IndexError):
        reply = ask(arguments, environment, "GET", "/-/status?format=json")
        files = [Path(file) for file in json.loads(reply.body)["configuration"]["files"]]
        if all(map(Path.is_absolute, files)) and not any(map(path.samefile, files)):
            return str(files[0])
    return ""


def subjects_of_daemon(arguments: argparse.Namespace, environment: Environment) -> list[Subject] | None:
    """What the daemon's findings are about; None if it gives no answer."""
    with suppress(CommandError, ValueError, TypeError, KeyError):
        reply = ask(arguments, environment, "GET", "/api/v1/findings")
        if reply.status == 200:
            return list(_subjects(json.loads(reply.body)["findings"]))
    return None


def _subjects(rows: list[dict[str, Any]]) -> Iterator[Subject]:
    """Those of the kinds that this version knows."""
    for row in rows:
        if row["kind"] in set(FindingKind):
            port = row["port"]
            yield Subject(
                FindingKind(row["kind"]),
                row["interface"],
                None if row["address"] is None else parse_address(row["address"]),
                row["domain"],
                None if port is None else parse_port(f"{port}/{row['protocol']}"),
            )
