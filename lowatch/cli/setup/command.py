"""lowatch setup: shows what a source needs, installs it, and takes it away again."""

from __future__ import annotations

import argparse
import os
import subprocess
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from lowatch.cli.arguments import Parser
from lowatch.cli.environment import Environment
from lowatch.cli.exit_codes import FAILURE, OK, USAGE, CommandError
from lowatch.config.document import Document
from lowatch.config.errors import ConfigErrors
from lowatch.config.load import load
from lowatch.core.name_sources import LOOKUPS, NameSource
from lowatch.files.replacement import remove_file, replace_file

from . import dnstap, resolved, trace
from .plan import OptInFile, SetupPlan

_MODE = 0o644
_PATIENCE = 60.0
_MAIN = "/etc/lowatch/lowatch.toml"
_LEARN = "/etc/lowatch/lowatch.d/learn.toml"
_DROP_INS = "/etc/systemd/system/lowatch.service.d"
"""The only directory that is made for these files: the others are the packages' own."""
_TRACE = "trace"
_PLANS = {NameSource.RESOLVED: resolved.plan, NameSource.DNSTAP: dnstap.plan, _TRACE: trace.plan}

Run = Callable[[Sequence[str]], str]
"""Runs a command; why it failed, or ""."""


def define(parser: Parser) -> None:
    parser.runs(
        setup,
        "Shows the files that a source of lookups needs, or the trace that names programs, and the "
        "commands that put them into effect; as root, installs and runs them. --undo takes them away "
        "again. Exit code: 0 done, 1 something failed, 2 the arguments or the configuration are wrong, or "
        "root is needed.",
    )
    parser.add_argument(
        "source",
        choices=[*(one.value for one in LOOKUPS), _TRACE],
        help="what reports lookups, or failed programs",
    )
    parser.add_argument("--undo", action="store_true", help="take away what was installed")
    parser.add_argument("--dry-run", action="store_true", help="only show it")


def setup(arguments: argparse.Namespace, environment: Environment) -> int:
    installer = Installer(Path("/"), run_command, environment.write)
    is_root = os.geteuid() == 0
    done = installer.carry_out(
        arguments.source, undo=arguments.undo, only_show=arguments.dry_run or not is_root
    )
    if not (arguments.dry_run or is_root):
        raise CommandError(USAGE, ["lowatch: nothing was changed, as that needs root (or --dry-run)"])
    return done


class Installer:
    """Carries plans out below a root directory, and says what it does."""

    def __init__(self, root: Path, run: Run, write: Callable[[str], None]) -> None:
        self._root = root
        self._run = run
        self._write = write

    def carry_out(self, name: str, *, undo: bool, only_show: bool) -> int:
        """The exit code. Raises CommandError."""
        plan = _PLANS[name](self._root, installed=undo)
        if name == _TRACE:
            return self._carry_out_trace(plan, undo=undo, only_show=only_show)
        source = NameSource(name)
        learned_from = [one for one in self._learned_from() if one is not source]
        if undo:
            return self._undo(source, plan, learned_from, only_show=only_show)
        for file in (*plan.files, _learn([*learned_from, source])):
            self._put(file, only_show=only_show)
        return self._put_into_effect(plan, only_show=only_show)

    def _carry_out_trace(self, plan: SetupPlan, *, undo: bool, only_show: bool) -> int:
        """It has no key of the configuration."""
        for file in plan.files:
            if undo:
                self._remove(file.path, only_show=only_show)
            else:
                self._put(file, only_show=only_show)
        if undo:
            return self._end(plan.after_undo, plan.hints, only_show=only_show)
        return self._put_into_effect(plan, only_show=only_show)

    def _learned_from(self, *, own: bool = True) -> Sequence[NameSource]:
        """The sources that are switched on. own: by learn.toml as well. Raises CommandError."""
        main, ours = self._path(_MAIN), self._path(_LEARN)
        path = main if main.exists() or not own else ours
        instead = None if own else Document(ours, "", {})
        try:
            return load(path, instead=instead).names.learn if path.exists() else ()
        except ConfigErrors as errors:
            raise CommandError(USAGE, [f"lowatch: {one}" for one in errors.errors]) from None

    def _undo(
        self, source: NameSource, plan: SetupPlan, learned_from: Sequence[NameSource], *, only_show: bool
    ) -> int:
        failed = self._commands(plan.before_undo, only_show=only_show)
        for file in plan.files:
            self._remove(file.path, only_show=only_show)
        if set(learned_from) != {*self._learned_from(own=False)} - {source}:
            self._put(_learn(learned_from), only_show=only_show)
        else:
            self._remove(_LEARN, only_show=only_show)
        hints = plan.hints
        if not only_show and source in self._learned_from():
            hints += (f'names.learn of {_MAIN} has "{source}": remove it there',)
        return self._end(plan.after_undo, hints, only_show=only_show) or failed

    def _put_into_effect(self, plan: SetupPlan, *, only_show: bool) -> int:
        """What would keep a service from starting, perhaps at the next boot only, does not stay."""
        for command, file in plan.checks:
            if self._commands((command,), only_show=only_show):
                self._remove(file.path, only_show=only_show)
                return FAILURE
        return self._end(plan.commands, plan.hints, only_show=only_show)

    def _end(self, commands: Iterable[Sequence[str]], hints: Iterable[str], *, only_show: bool) -> int:
        failed = self._commands(commands, only_show=only_show)
        for hint in hints:
            self._write(f"by hand: {hint}\n")
        return failed

    def _commands(self, commands: Iterable[Sequence[str]], *, only_show: bool) -> int:
        """Until one fails: those after it would put into effect what it has not prepared."""
        for command in commands:
            words = " ".join(command)
            self._write(f"running {words}\n")
            if not only_show and (reason := self._run(command)):
                self._write(f"failed: {words}: {reason}\n")
                return FAILURE
        return OK

    def _put(self, file: OptInFile, *, only_show: bool) -> None:
        """Raises CommandError."""
        self._write(f"writing {file.path}:\n")
        self._write("".join(f"    {line}\n" for line in file.content.splitlines()))
        if only_show:
            return
        path = self._path(file.path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
            replace_file(path, file.content.encode(), _MODE)
        except OSError as error:
            raise CommandError(FAILURE, [f"lowatch: {file.path}: {error.strerror}"]) from None

    def _remove(self, name: str, *, only_show: bool) -> None:
        """Raises CommandError."""
        self._write(f"removing {name}\n")
        path = self._path(name)
        try:
            if not only_show and path.exists():
                remove_file(path)
                if path.parent == self._path(_DROP_INS):
                    with suppress(OSError):  # it has other files
                        path.parent.rmdir()
        except OSError as error:
            raise CommandError(FAILURE, [f"lowatch: {name}: {error.strerror}"]) from None

    def _path(self, path: str) -> Path:
        return self._root / path.lstrip("/")


def _learn(sources: Iterable[NameSource]) -> OptInFile:
    """The file that switches these on, and overrides lowatch.toml."""
    listed = ", ".join(f'"{one}"' for one in sources)
    return OptInFile(_LEARN, f"# By `lowatch setup`.\n[names]\nlearn = [{listed}]\n")


def run_command(command: Sequence[str]) -> str:
    """Runs it; the last line it said if it failed, or "" if it did not."""
    try:
        done = subprocess.run(  # fixed words
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=_PATIENCE,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    said = f"{done.stdout}{done.stderr}".strip().splitlines()
    return "" if done.returncode == 0 else (said[-1] if said else f"exit code {done.returncode}")
