"""lowatch clean --apply: carries out the plans of firing findings, and checks what came of it."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from lowatch.app.cleaning import Cleaning, StoppedError
from lowatch.app.undoing import put_back
from lowatch.config.settings import Config
from lowatch.core.addresses import is_v4
from lowatch.core.audit import Audit
from lowatch.core.changes.candidates import Candidate, Filter, apart, candidates
from lowatch.core.changes.rows import ChangeError
from lowatch.core.changes.undo import Undo
from lowatch.core.changes.undo_script import render
from lowatch.core.printable import printable
from lowatch.core.verdicts import JudgedEndpoint, Verdict
from lowatch.files.replacement import create_file, replace_file
from lowatch.report.phrases import count, duration
from lowatch.report.text import clean as text

from .check import progress_shown
from .clean_daemon import Remembered
from .clean_undo import report_undone
from .environment import Environment
from .exit_codes import FAILURE, INCOMPLETE, OK, USAGE, CommandError

STATE_DIRECTORY = Path("/var/lib/lowatch")
_REACHED = frozenset({Verdict.SERVED, Verdict.CAPTURED, Verdict.BACKLOGGED, Verdict.REDIRECTED})
_REFUSED = "lowatch: --apply asks first, but there is no terminal (give --yes)"


def apply(
    config: Config, wanted: Filter, known: Remembered, environment: Environment, *, asks: bool
) -> int:
    """The exit code. asks: whether to ask for a confirmation."""
    if os.geteuid() != 0:
        raise CommandError(USAGE, ["lowatch: --apply needs root"])
    if asks and (environment.stdin is None or not environment.stderr_is_terminal):
        raise CommandError(USAGE, [_REFUSED])
    return _Application(config, wanted, known, environment, asks=asks).run()


class _Application:
    def __init__(
        self, config: Config, wanted: Filter, known: Remembered, environment: Environment, *, asks: bool
    ) -> None:
        self._config = config
        self._wanted = wanted
        self._known = known
        self._environment = environment
        self._asks = asks
        self._script: Path | None = None

    def run(self) -> int:
        before = self._audit()
        found = candidates(before.findings, self._known.memory, self._wanted)
        environment = self._environment
        environment.write(
            text.render(
                before, found, self._known.why_not, colour=environment.colour, width=environment.columns
            )
        )
        chosen = [one for one in found if not one.refused]
        if not chosen:
            return OK if before.complete else INCOMPLETE
        if self._asks and not environment.confirms(f"Carry out {count(len(chosen), 'plan')}?"):
            environment.tell("lowatch: nothing is changed")
            return FAILURE
        if self._known.memory is None:
            self._wait_for_hold()
        return self._carry_out(before, chosen)

    def _audit(self) -> Audit:
        wiring = self._environment.wiring()
        try:
            with progress_shown(self._environment) as progress:
                return wiring.check(self._config, progress)
        except wiring.StartError as error:
            raise CommandError(INCOMPLETE, [f"lowatch: {error}"]) from None

    def _wait_for_hold(self) -> None:
        """No daemon knows for how long the findings have been there."""
        hold = self._config.policy.hold
        if hold:
            self._environment.tell(f"lowatch: waiting {duration(hold)} (hold), to see whether they last")
            time.sleep(hold)

    def _carry_out(self, before: Audit, chosen: Sequence[Candidate]) -> int:
        wiring = self._environment.wiring()
        try:
            undo = wiring.new_undo(time.time())
            with wiring.changer() as kernel, self._ways_back_told():
                cleaning = Cleaning(kernel, undo, self._save, self._report)
                stopped = self._all_rounds(cleaning, chosen)
                after = self._audit()
                all_gone = self._all_gone(chosen, after, tell=not stopped)
                harm = self._is_anything_lost(before, after)
                if harm or (stopped and cleaning.undo.entries):
                    self._offer_undo(cleaning.undo)
        except ChangeError as error:
            raise CommandError(FAILURE, [f"lowatch: {error}"]) from None
        if harm or stopped or not all_gone:
            return FAILURE
        return OK if before.complete and after.complete else INCOMPLETE

    @contextmanager
    def _ways_back_told(self) -> Iterator[None]:
        """A context that says how to undo what was done, if it ends early: by Ctrl-C, say."""
        try:
            yield
        except BaseException:
            if self._script is not None:
                self._tell_way_back()
            raise

    def _tell_way_back(self) -> None:
        self._environment.tell(f"lowatch: to undo it: lowatch clean --undo {self._script}")

    def _all_rounds(self, cleaning: Cleaning, chosen: Sequence[Candidate]) -> bool:
        """Whether it was stopped. Each round has an audit of its own."""
        left = {key for one in chosen for key in one.keys}
        shown = {frozenset(one.plan) for one in chosen}
        try:
            while left:
                observed = cleaning.observe()
                audit = self._audit()
                found = [one for one in self._fresh(audit) if one.keys & left]
                if not found:
                    break
                if shown and not shown.issuperset(frozenset(one.plan) for one in found):
                    self._tell_stopped("the plan has changed meanwhile: run it again")
                    return True
                shown = set()  # the plans of later rounds depend on what the earlier ones did
                addresses = (one for one in audit.held if one.by == "address" and is_v4(one.address))
                batch = apart(found, Counter(one.interface for one in addresses))
                together = [(one.findings[0], one.fix) for one in batch if one.fix is not None]
                why_not = self._environment.wiring().rehearsed_together(together, audit, self._config)
                if why_not:
                    self._tell_stopped(f"in a copy of this network, {why_not}")
                    return True
                cleaning.carry_out([one.plan for one in batch], observed)
                left -= {key for one in batch for key in one.keys}
        except StoppedError as error:
            self._tell_stopped(str(error))
            return True
        return False

    def _fresh(self, audit: Audit) -> Iterable[Candidate]:
        found = candidates(audit.findings, self._known.memory, self._wanted)
        return (one for one in found if not one.refused)

    def _tell_stopped(self, why: str) -> None:
        self._environment.tell(f"lowatch: stopped: {why}")

    def _save(self, undo: Undo) -> None:
        """Write the undo script, and fsync it. Raises StoppedError."""
        path = self._script
        try:
            path = path or _script_of(undo, self._environment)
            replace_file(path, render(undo).encode("ascii"))
        except OSError as error:
            if self._script is None and path is not None:
                with suppress(OSError):
                    path.unlink()
            raise StoppedError(f"{path or error.filename}: cannot be written: {error.strerror}") from None
        if self._script is None:
            self._script = path
            self._report(f"undo script: {path}")

    def _report(self, line: str) -> None:
        self._environment.write(f"{printable(line)}\n")

    def _all_gone(self, chosen: Sequence[Candidate], after: Audit, *, tell: bool) -> bool:
        """Report of how many plans the findings are gone, and (tell) why the others are not."""
        there = {one.finding.key: one.finding for one in after.findings}
        left = [one for one in chosen if not one.keys.isdisjoint(there)]
        known = "" if after.complete else ", as far as is known: the audit is incomplete"
        done = f"{len(chosen) - len(left):,} of {count(len(chosen), 'plan')} done{known}"
        self._environment.write(f"{done}\n")
        for one in left if tell else ():
            now = next(there[key] for key in one.keys if key in there)
            why = now.advice.removesuffix(":")  # its commands would follow
            self._environment.tell(f"lowatch: still there: {text.what(now)}{why and ': '}{why}")
        return not left

    def _is_anything_lost(self, before: Audit, after: Audit) -> bool:
        """Report what was served before, and is not any more or may not be."""
        now = {_endpoint(one): one.verdict for one in after.endpoints}
        reached = {_endpoint(one) for one in after.endpoints if one.verdict in _REACHED}
        lost = [
            one for one in before.endpoints if one.verdict in _REACHED and _endpoint(one) not in reached
        ]
        for one in lost:
            verdict = now.get(_endpoint(one))
            is_unknown = verdict is Verdict.UNKNOWN or (verdict is None and not after.complete)
            known = "known to be " if is_unknown else ""
            self._environment.tell(f"lowatch: no longer {known}served: {text.endpoint(one)}")
        return bool(lost)

    def _offer_undo(self, undo: Undo) -> None:
        if not self._asks or not self._environment.confirms("Undo it?"):
            self._tell_way_back()
            return
        with self._environment.wiring().changer() as kernel:
            report_undone(put_back(undo, kernel, self._report), self._environment)


def _endpoint(one: JudgedEndpoint) -> tuple[object, ...]:
    return one.domain, one.address, one.port


def _script_of(undo: Undo, environment: Environment) -> Path:
    """A new file in the state directory, empty: no other process takes the same. Raises OSError."""
    first = (environment.getenv("STATE_DIRECTORY") or "").split(":")[0]
    directory = Path(first) if first else STATE_DIRECTORY
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = time.strftime("undo-%Y%m%dT%H%M%SZ", time.gmtime(undo.made_at))
    number, path = 1, directory / f"{name}.sh"
    while not create_file(path):
        number += 1
        path = directory / f"{name}-{number}.sh"
    return path
