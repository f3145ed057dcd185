"""lowatch clean --undo FILE: puts back what an undo script says."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

from lowatch.app.undoing import Undone, put_back
from lowatch.core.changes.rows import ChangeError
from lowatch.core.changes.undo import Undo
from lowatch.core.changes.undo_script import UndoScriptError, parse
from lowatch.core.limits.files import UNDO_SCRIPT_BYTES
from lowatch.core.printable import printable
from lowatch.files.regular_file import open_regular, read_whole
from lowatch.report.phrases import count

from .environment import Environment
from .exit_codes import FAILURE, OK, USAGE, CommandError


def undo(path: Path, environment: Environment) -> int:
    """The exit code."""
    if os.geteuid() != 0:
        raise CommandError(USAGE, ["lowatch: --undo needs root"])
    undone = _read(path)
    wiring = environment.wiring()
    try:
        why_not = _elsewhere(undone, wiring.new_undo(time.time()))
        if why_not:
            raise CommandError(USAGE, [f"lowatch: {path}: {why_not}"])
        with wiring.changer() as kernel:
            return report_undone(
                put_back(undone, kernel, lambda line: environment.write(f"{printable(line)}\n")),
                environment,
            )
    except ChangeError as error:
        raise CommandError(FAILURE, [f"lowatch: {error}"]) from None


def report_undone(done: Undone, environment: Environment) -> int:
    """Says what came of it; the exit code."""
    for line in done.failures:
        environment.tell(f"lowatch: failed: {line}")
    for line in done.differences:
        environment.tell(f"lowatch: not as it was before: {line}")
    if done.failures or done.differences:
        return FAILURE
    environment.write(
        f"undone by {count(done.acts, 'change')}: addresses, routes and their order are as before\n"
        if done.acts
        else "nothing to undo: addresses, routes and their order are as before\n"
    )
    return OK


def _read(path: Path) -> Undo:
    """Raises CommandError. Only a script that root alone can have written is trusted."""
    try:
        with open_regular(path, UNDO_SCRIPT_BYTES) as stream:
            status = os.fstat(stream.fileno())
            if status.st_uid != os.geteuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                raise CommandError(USAGE, [f"lowatch: {path}: others than root may have written it"])
            return parse(read_whole(stream, UNDO_SCRIPT_BYTES))
    except UndoScriptError as error:
        raise CommandError(USAGE, [f"lowatch: {path}: {error}"]) from None
    except OSError as error:
        raise CommandError(USAGE, [f"lowatch: {path}: {error.strerror or error}"]) from None


def _elsewhere(undo: Undo, here: Undo) -> str:
    """Why a script does not apply here; "" if it does."""
    if undo.host != here.host:
        return f"was written on {undo.host}; this is {here.host}"
    if undo.boot != here.boot:
        return "was written before this host was booted: its addresses are gone (sh FILE adds them)"
    if undo.netns != here.netns:
        return "was written in another network namespace"
    return ""
