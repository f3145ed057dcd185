"""A verdict compared with what a client met: `lowatch check --verify`.

The listener is looked up right before and right after the connect. A difference counts only if both
look-ups found the same: a service that came or went in between is not a mistake.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from .addresses import format_address
from .held import FlowRoute
from .known import Unknown
from .listeners import Connect, ConnectOutcome, Listener
from .verdicts import JudgedEndpoint, Verdict


class Sighting(NamedTuple):
    """What the kernel says of an endpoint, asked without what the audit has kept.

    local: whether its packets are delivered here. flow: how they are routed with a client's source; HERE if
    the address alone decides. listener: as in PortObservation.
    """

    local: bool | Unknown
    flow: FlowRoute | Unknown
    listener: Listener | Unknown | None

    def is_like(self, other: Sighting) -> bool:
        """Whether a client would meet the same: routing, and the same socket in the same state."""
        return self[:2] == other[:2] and _socket(self.listener) == _socket(other.listener)

    @property
    def may_be_met(self) -> bool:
        """Whether a connect stays on this host, as far as routing decides."""
        return self.local is True and self.flow is FlowRoute.HERE


def _socket(listener: Listener | Unknown | None) -> object:
    if isinstance(listener, Listener):
        return listener.inode, listener.accept_queue_full
    return listener


class Trial(NamedTuple):
    """A connect, and what the kernel said right before and after it.

    connect: None if none was made. checked: whether the audit itself had asked by a connect.
    """

    before: Sighting
    connect: ConnectOutcome | None
    after: Sighting
    checked: bool
    loopback_up: bool = True


class Outcome(StrEnum):
    AGREES = "agrees"
    DISAGREES = "disagrees"
    """lowatch is wrong."""
    UNSEEN = "unseen"
    """A client meets something else than the verdict says, by what the audit does not look at."""
    CHANGING = "changing"
    """The kernel did not say the same before and after, or not in each round."""
    NOT_MET = "not met"
    """No connect could be made, or none can tell: UDP, an unknown verdict."""
    BEYOND = "beyond"
    """Not compared, because of a limit."""


class Compared(NamedTuple):
    """said: what differs, one line; "" if nothing does."""

    outcome: Outcome
    said: str = ""


def compare(judged: JudgedEndpoint, trial: Trial) -> Compared:
    """Compare a verdict with a trial of its endpoint."""
    if judged.verdict is Verdict.UNKNOWN:
        return Compared(Outcome.NOT_MET)
    differs, unseen = _by_lookup(judged, trial.after), False
    if not differs:
        differs, unseen = _by_connect(judged, trial)
    elif isinstance(trial.connect, Connect):
        differs += f", and {_met(trial.connect)}"
    if not differs:
        is_met = isinstance(trial.connect, Connect) and trial.connect is not Connect.PENDING
        return Compared(Outcome.AGREES if is_met else Outcome.NOT_MET)
    if not trial.before.is_like(trial.after):
        return Compared(Outcome.CHANGING)
    said = f"{_where(judged)}: lowatch says {_verdict(judged)}, but {differs}"
    return Compared(Outcome.UNSEEN if unseen else Outcome.DISAGREES, said)


def _by_lookup(judged: JudgedEndpoint, seen: Sighting) -> str:
    """What the kernel's look-up says against the verdict; "" if nothing."""
    ours, theirs = judged.listener, seen.listener
    if isinstance(seen.local, Unknown) or isinstance(theirs, Unknown):
        return ""
    if not seen.local:
        return "the kernel does not deliver it on this host"
    if theirs is None:
        return "the kernel finds no socket there" if judged.verdict in _BY_SOCKET or ours else ""
    if judged.verdict not in _BY_SOCKET or ours is None or _is_other(ours, theirs):
        return f"the kernel finds {_named(theirs)}, bound to {format_address(theirs.address)}"
    return ""


_BY_SOCKET = frozenset({Verdict.SERVED, Verdict.CAPTURED, Verdict.BACKLOGGED, Verdict.FILTERED})
"""The verdicts on an endpoint that has a socket."""


def _is_other(one: Listener, other: Listener) -> bool:
    """Whether two sockets differ in more than the inode: those of a REUSEPORT group do not."""
    known = None not in (one.unit, other.unit)
    return one.address != other.address or (known and one.unit != other.unit)


def _by_connect(judged: JudgedEndpoint, trial: Trial) -> tuple[str, bool]:
    """What a connect says against the verdict, and whether the audit could not have seen it.

    A full queue may let one in. A listener that does not answer may have a full queue beside it, in its
    REUSEPORT group. A port that is unused is not asked by the audit, and may be redirected.
    """
    met = trial.connect
    if not isinstance(met, Connect) or met is Connect.PENDING:
        return "", False
    accepted, said = met is Connect.ACCEPTED, _met(met)
    match judged.verdict:
        case Verdict.SERVED | Verdict.CAPTURED if not accepted:
            unseen = met is Connect.TIMED_OUT or not trial.checked
            return f"{said}, while {_named(trial.after.listener)} is there", unseen
        case Verdict.FILTERED if accepted:
            return said, False
        case Verdict.REDIRECTED if not accepted:
            return f"{said}, and no socket is there", False
        case Verdict.ORPHAN if accepted or (met is Connect.TIMED_OUT and trial.loopback_up):
            return f"{said}, and no socket is there", not trial.checked
        case _:
            return "", False


def _met(connect: Connect) -> str:
    return "a connect timed out" if connect is Connect.TIMED_OUT else f"a connect was {connect}"


def _where(judged: JudgedEndpoint) -> str:
    return f"{judged.domain} at {format_address(judged.address)}, {judged.port}"


def _verdict(judged: JudgedEndpoint) -> str:
    by = f" by {_named(judged.listener)}" if judged.listener is not None else ""
    return f"{judged.verdict}{by}"


def _named(listener: Listener | Unknown | None) -> str:
    if not isinstance(listener, Listener):
        return "no socket"
    return f"{listener.unit or listener.owner} (inode {listener.inode})"


@dataclass(frozen=True, slots=True)
class Verification:
    """The result for an audit.

    outcomes: how many verdicts have each. messages, answers, series: how many netlink messages, DNS answers
    and metrics' series a library has read, too.
    disagreements: where lowatch is wrong, a line each. unseen: where a client meets something else by what
    the audit does not look at. missed: what could not be compared. report: the file with the bug report; ""
    if there is none.
    """

    outcomes: Mapping[Outcome, int] = field(default_factory=Counter)
    messages: int = 0
    answers: int = 0
    series: int = 0
    disagreements: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()
    report: str = ""

    @property
    def confirmed(self) -> bool:
        """Whether everything that was compared agrees."""
        return not (self.disagreements or self.unseen or self.outcomes.get(Outcome.CHANGING))
