"""Rehearses plans, each in a copy of this network namespace of its own.

A child process reads this namespace, and leaves it before it changes anything. The copies go with it.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple, get_args

from lowatch.core.addresses import Address, is_v4
from lowatch.core.fixes.rehearsal import (
    Asked,
    Job,
    Observed,
    deliveries_asked,
    effect,
    sources_asked,
    witness_of,
)
from lowatch.core.held import swallows
from lowatch.core.limits.kernel import REHEARSED_ROWS
from lowatch.core.plan import Outcome, Rehearsal
from lowatch.kernel.request_socket import NETLINK_ROUTE, NetlinkError, RequestSocket
from lowatch.wire.netlink import MalformedMessageError

from .act import message
from .copy import Copy, CopyError, differences
from .namespaces import Namespaces, NoNamespaceError, Say, lines_of_child
from .settings import Settings
from .state import Answers, Questions, State, ask, other_answer, read_state

_PATIENCE = 10.0
"""Seconds for all plans."""
_SETTLED_WITHIN = 0.5
"""Seconds that an effect may take: the kernel adds IPv6's local routes from a work queue."""
_TICK = 0.005
_COST_OF_A_COPY = 300
"""What a copy costs besides its rows, in rows."""
_TOO_MANY = "too many"
_OUTCOMES: Mapping[str, Outcome] = {one: one for one in get_args(Outcome)}


def rehearse(jobs: Sequence[Job], *, in_turn: bool = False) -> list[Rehearsal]:
    """The outcome of each job. Never raises.

    in_turn: all in one copy, each upon the others before it. After one that does harm, none is possible.
    """
    outcomes = [_not_possible("the rehearsal took too long or ended early")] * len(jobs)
    if not jobs:
        return []
    try:
        lines = lines_of_child(lambda say: _rehearse_all(jobs, say, in_turn=in_turn), _PATIENCE)
    except OSError as error:
        return [_not_possible(f"no process can be started: {error.strerror}")] * len(jobs)
    for number, line in enumerate(lines):
        word, _, reason = line.partition(" ")
        outcomes[number] = Rehearsal(_OUTCOMES[word], reason)
        if reason.startswith(_TOO_MANY):
            REHEARSED_ROWS.reached()
    return outcomes


def _too_many(possible: int) -> str:
    if possible:
        return f"{_TOO_MANY} fixes: {possible:,} are rehearsed at a time on a host like this"
    return f"{_TOO_MANY} addresses and routes: {REHEARSED_ROWS.value:,} are copied"


def _not_possible(reason: str) -> Rehearsal:
    return Rehearsal("not-possible", reason)


def _rehearse_all(jobs: Sequence[Job], say: Say, *, in_turn: bool) -> None:
    """In the child: a line for each job."""
    stage = _Stage(jobs, in_turn=in_turn)
    for number in range(len(jobs)):
        try:
            outcome, reason = stage.rehearse(number)
        except Exception as error:  # whatever it is must not look like an outcome
            outcome, reason = _not_possible(f"a bug in lowatch: {type(error).__name__}: {error}")
        say(" ".join(f"{outcome} {reason}".split()))
    stage.close()


class _OddCopyError(Exception):
    """The first thing in which a copy differs."""


class _Script(NamedTuple):
    """A job, what is asked before and after it, and what this host's routing answers now."""

    job: Job
    asked: Asked
    questions: Questions
    answers: Answers


class _Stage:
    """Reads this network namespace. Then the process leaves it, once for each job or once for all."""

    def __init__(self, jobs: Sequence[Job], *, in_turn: bool) -> None:
        self._namespaces = Namespaces()
        self._in_turn = in_turn
        self._copy: Copy | None = None
        self._route = RequestSocket(NETLINK_ROUTE)
        self._failure = ""
        self._scripts: list[_Script | str] = []
        route = RequestSocket(NETLINK_ROUTE)
        try:
            self._real = read_state(route)
            self._settings = Settings(self._real.links.values())
            self._swallowing = {
                link.name
                for link in self._real.links.values()
                if swallows(link.kind, loopback=link.loopback, noarp=link.noarp)
            }
            behind = sources_asked(self._real.routes(), self._swallowing)
            possible = REHEARSED_ROWS.value // (self._real.size + _COST_OF_A_COPY)
            possible = len(jobs) if possible and in_turn else possible
            self._scripts = [
                self._script(job, behind, route) if number < possible else _too_many(possible)
                for number, job in enumerate(jobs)
            ]
        except (NetlinkError, MalformedMessageError, OSError) as error:
            self._failure = f"this host's network cannot be listed: {error}"
        finally:
            route.close()

    def _script(self, job: Job, behind: Sequence[Address], route: RequestSocket) -> _Script:
        asked = deliveries_asked(job.goal, self._real.held(), job.kept)
        questions = Questions((*asked.witnesses, *asked.others), behind, self._swallowing)
        return _Script(job, asked, questions, ask(route, self._real, questions))

    def rehearse(self, number: int) -> Rehearsal:
        if self._failure:
            return _not_possible(self._failure)
        script = self._scripts[number]
        if isinstance(script, str):
            return _not_possible(script)
        try:
            if self._copy is None or not self._in_turn:
                self._copy = self._fresh_copy(script)
            outcome = self._tried(script, self._copy)
        except NoNamespaceError as error:
            self._failure = str(error)
            return _not_possible(self._failure)
        except _OddCopyError as error:
            return _not_possible(f"the copy differs: {error}")
        except (CopyError, NetlinkError, MalformedMessageError) as error:
            return _not_possible(f"this host's network cannot be copied: {error}")
        if self._in_turn and outcome.outcome != "safe":
            self._failure = "a fix before it is not safe"
        return outcome

    def close(self) -> None:
        self._route.close()

    def _fresh_copy(self, script: _Script) -> Copy:
        """A copy in a namespace of its own, in which routing answers as here. What was before is gone."""
        self._namespaces.enter_fresh()
        self._route.close()  # it is opened again in the new namespace
        copy = Copy(self._route, self._real, self._settings)
        state = read_state(self._route)
        answers = ask(self._route, state, script.questions)
        odd = differences(self._real, state, copy.indexes) or other_answer(script.answers, answers)
        if odd:
            raise _OddCopyError(odd)
        return copy

    def _tried(self, script: _Script, copy: Copy) -> Rehearsal:
        route = self._route
        state = read_state(route)
        answers = ask(route, state, script.questions)
        plan, goal, _ = job = script.job
        before = _observed(state, answers)
        if witness_of(goal, script.asked, before) is None:
            return _not_possible("the finding does not show there")
        for number, step in enumerate(plan, 1):
            [code] = copy.do([message(step, state.names().get(step.held.interface, 0))])
            if code:
                return Rehearsal("harmful", f"command {number} would fail: {os.strerror(code)}")
        settling = any(step.do == "add" and not is_v4(step.held.address) for step in plan)
        deadline = time.monotonic() + (_SETTLED_WITHIN if settling else 0.0)
        while True:
            state = read_state(route)
            after = _observed(state, ask(route, state, script.questions))
            wrong = effect(job, script.asked, before, after)
            if not wrong or time.monotonic() >= deadline:
                return Rehearsal("harmful" if wrong else "safe", wrong)
            select.select([], [], [], _TICK)


def _observed(state: State, answers: Answers) -> Observed:
    return Observed(state.held(), state.routes(), answers.deliveries, answers.sources)
